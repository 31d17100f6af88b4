// Compiles every contract here to artifacts/NAME.json, the same bytes on every machine.
// `--check` writes nothing and fails naming each artifact that differs from what is there.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const ARTIFACTS = join(HERE, "artifacts");

const SETTINGS = {
  evmVersion: "prague",
  optimizer: { enabled: true, runs: 200 },
  viaIR: false,
  // A hash of the metadata in the bytecode would change with every comment.
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: {
    "*": {
      "*": [
        "abi",
        "metadata",
        "storageLayout",
        "evm.bytecode.object",
        "evm.bytecode.sourceMap",
        "evm.deployedBytecode.object",
        "evm.deployedBytecode.immutableReferences",
        "evm.deployedBytecode.sourceMap",
        "evm.methodIdentifiers",
      ],
    },
  },
};

async function loadCompiler() {
  try {
    return (await import("solc")).default;
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new Error("solc is not installed: run `make contracts-deps`");
  }
}

function readSources() {
  const paths = readdirSync(HERE, { recursive: true })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".sol") && !path.startsWith("node_modules/"))
    .sort();
  return Object.fromEntries(
    paths.map((path) => [`contracts/${path}`, { content: readFileSync(join(HERE, path), "utf8") }]),
  );
}

function compile(solc, sources) {
  const input = { language: "Solidity", sources, settings: SETTINGS };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  // Warnings too: whoever means what is warned about can write it so that it isn't.
  if (output.errors?.length) {
    throw new Error(output.errors.map((error) => error.formattedMessage).join("\n"));
  }
  return output;
}

// Numbers of files are those of all sources here; in an artifact they are places in its own `sources`.
function renumber(map, places) {
  let file;
  return map
    .split(";")
    .map((entry) => {
      const [start, length, number, ...rest] = entry.split(":");
      if (!number) return entry;
      const place = places.get(Number(number)) ?? -1;
      if (place === file && !rest.length) return length === undefined ? start : `${start}:${length}`;
      const told = place === file ? "" : String(place);
      file = place;
      return [start, length, told, ...rest].join(":");
    })
    .join(";");
}

function makeSourceMaps(evm, places) {
  const maps = {};
  for (const code of ["bytecode", "deployedBytecode"]) {
    const sourceMap = renumber(evm[code].sourceMap ?? "", places);
    if (sourceMap) maps[code] = { sourceMap };
  }
  // Their names are numbers of syntax tree nodes.
  const immutables = Object.values(evm.deployedBytecode.immutableReferences ?? {}).flat();
  immutables.sort((one, other) => one.start - other.start);
  if (immutables.length) maps.deployedBytecode.immutableReferences = { immutables };
  return Object.keys(maps).length ? maps : undefined;
}

// Numbers of syntax tree nodes change whenever any other source does.
function withoutNodeNumbers(layout) {
  const text = JSON.stringify(layout, (key, value) => (key === "astId" ? undefined : value));
  return JSON.parse(text.replace(/(t_\w+\(\w+\))\d+/g, "$1"));
}

function makeArtifact(sourceName, contractName, contract, numbers) {
  const metadata = JSON.parse(contract.metadata);
  const names = Object.keys(metadata.sources).sort();
  const places = new Map(names.map((name, place) => [numbers[name].id, place]));
  return {
    abi: contract.abi,
    bytecode: `0x${contract.evm.bytecode.object}`,
    compiler: metadata.compiler.version,
    contractName,
    deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
    methodIdentifiers: contract.evm.methodIdentifiers,
    sourceMaps: makeSourceMaps(contract.evm, places),
    sourceName,
    // Keccak-256 of each file that this contract was made from.
    sources: Object.fromEntries(
      Object.entries(metadata.sources).map(([name, { keccak256 }]) => [name, keccak256]),
    ),
    storageLayout: withoutNodeNumbers(contract.storageLayout ?? { storage: [], types: null }),
  };
}

function sortKeys(value) {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .sort()
      .map((key) => [key, sortKeys(value[key])]),
  );
}

// File name → text of every artifact.
function buildArtifacts(compiled) {
  const artifacts = new Map();
  for (const [sourceName, contracts] of Object.entries(compiled.contracts)) {
    for (const [contractName, contract] of Object.entries(contracts)) {
      const file = `${contractName}.json`;
      if (artifacts.has(file)) throw new Error(`two contracts are named ${contractName}`);
      const artifact = sortKeys(makeArtifact(sourceName, contractName, contract, compiled.sources));
      artifacts.set(file, `${JSON.stringify(artifact, null, 2)}\n`);
    }
  }
  return artifacts;
}

// Files that are missing, stale, or belong to no contract.
function findDifferences(artifacts) {
  const existing = existsSync(ARTIFACTS) ? readdirSync(ARTIFACTS) : [];
  const differs = [...artifacts].filter(([file, text]) => {
    const path = join(ARTIFACTS, file);
    return !existsSync(path) || readFileSync(path, "utf8") !== text;
  });
  return {
    stale: differs.map(([file]) => file),
    orphaned: existing.filter((file) => !artifacts.has(file)),
  };
}

function write(artifacts, { stale, orphaned }) {
  mkdirSync(ARTIFACTS, { recursive: true });
  for (const file of stale) writeFileSync(join(ARTIFACTS, file), artifacts.get(file));
  for (const file of orphaned) rmSync(join(ARTIFACTS, file));
}

async function main() {
  const solc = await loadCompiler();
  const artifacts = buildArtifacts(compile(solc, readSources()));
  const differences = findDifferences(artifacts);
  const { stale, orphaned } = differences;
  if (!process.argv.includes("--check")) {
    write(artifacts, differences);
    console.log(`${artifacts.size} artifacts, ${stale.length} written, ${orphaned.length} removed`);
  } else if (stale.length || orphaned.length) {
    const lines = [
      ...stale.map((file) => `  ${file} is not what its sources compile to`),
      ...orphaned.map((file) => `  ${file} belongs to no contract`),
    ];
    throw new Error(["run `node contracts/build.mjs` and commit:", ...lines].join("\n"));
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
