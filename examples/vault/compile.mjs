// node compile.mjs OUT: compiles Vault.sol to one JSON file with `abi` and `bytecode`.
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
    optimizer: { enabled: true },
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
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
const { abi, evm } = output.contracts["Vault.sol"].Vault;
const artifact = { contractName: "Vault", abi, bytecode: evm.bytecode.object };
writeFileSync(process.argv[2], JSON.stringify(artifact));
