// node compile.mjs OUT: compiles Vault.sol to the compiler's standard JSON, input and output, from which
// `dex.deploy("OUT:Vault")` takes the vault, and failing tests and coverage the lines of its source.
// In a project of your own, Foundry or Hardhat does this; `dex.deploy` takes their files as well.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const CONTRACTS = new URL("../../contracts/", import.meta.url);
const solc = createRequire(CONTRACTS)("solc");

const input = {
  language: "Solidity",
  sources: { "Vault.sol": { content: read(new URL("Vault.sol", import.meta.url)) } },
  settings: {
    evmVersion: "prague",
    optimizer: { enabled: !process.argv.includes("--for-coverage") },
    outputSelection: { "*": { "": ["ast"], "*": ["abi", "evm.bytecode", "evm.deployedBytecode"] } },
  },
};

function read(place) {
  return readFileSync(place, "utf8");
}

function imported(path) {
  return { contents: read(new URL(path.replace(/^evm-dex\/contracts\//, ""), CONTRACTS)) };
}

const output = JSON.parse(solc.compile(JSON.stringify(input), { import: imported }));
for (const { formattedMessage } of output.errors ?? []) console.error(formattedMessage);
if (output.errors?.some((error) => error.severity === "error")) process.exit(1);
writeFileSync(process.argv[2], JSON.stringify({ input, output }));
