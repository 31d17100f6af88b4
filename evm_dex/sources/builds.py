"""Finding the compilation of an artifact: Hardhat's, Foundry's, solc's, vyper's, or ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evm_dex.abi.artifact import Artifact, ArtifactFile, package_root
from evm_dex.sources.compiled import CompiledContract
from evm_dex.sources.standard_json import compiled_contract, contracts_of_output, source_file

_TESTS = (".t.sol", ".s.sol")
"""Ends of the names of forge's tests and scripts."""


def build_of(artifact: Artifact) -> object:
    """Return what tells the compilation of an artifact from others; None where it has no code."""
    path = artifact.path if isinstance(artifact, ArtifactFile) else None
    if isinstance(artifact, ArtifactFile) and artifact.whole is not None:
        return path
    if path is not None and _is_foundry(artifact):
        return path.parent.parent
    build = _hardhat_build(artifact, path) if path else None
    code = artifact.get("bytecode")
    return build or (code.get("object") if isinstance(code, Mapping) else code)


def read_contracts(artifact: Artifact) -> Iterator[CompiledContract]:
    """Return an artifact's contract, and all others of its compilation where that is found.

    Raises ValueError, LookupError or OSError for files that
    say something else than compilers write.
    """
    path = artifact.path if isinstance(artifact, ArtifactFile) else None
    whole = artifact.whole if isinstance(artifact, ArtifactFile) else None
    if whole is not None:
        yield from contracts_of_output(whole.get("output", whole), whole.get("input", {}), path)
    elif path is not None and _is_foundry(artifact):
        yield from _foundry(path.parent.parent)
    elif path is not None and (build := _hardhat_build(artifact, path)):
        yield from _hardhat(build)
    elif "sourceMaps" in artifact:
        yield _own(artifact)
    else:
        yield _alone(artifact)


def _is_foundry(artifact: Artifact) -> bool:
    code = artifact.get("deployedBytecode")
    return isinstance(code, Mapping) and "sourceMap" in code and "metadata" in artifact


def _foundry(out: Path) -> Iterator[CompiledContract]:
    """Return the contracts of an out/ directory but for tests and scripts."""
    artifacts: list[tuple[Path, dict[str, Any], str]] = []
    for path in sorted(out.glob("*/*.json")):
        if path.parent.name.endswith(_TESTS) or path.parent.name == "build-info":
            continue
        artifact = json.loads(path.read_text())
        targets = ((artifact.get("metadata") or {}).get("settings") or {}).get("compilationTarget")
        if targets and "id" in artifact:
            artifacts.append((path, artifact, next(iter(targets))))
    for numbers in _numberings(out):
        mine = [it for it in artifacts if numbers.get(int(it[1]["id"])) == it[2]]
        artifacts = [it for it in artifacts if it not in mine]
        yield from _foundry_build(out, numbers, mine)
    alone = {int(artifact["id"]): source for _, artifact, source in artifacts}
    yield from _foundry_build(out, alone, artifacts)


def _numberings(out: Path) -> Iterator[dict[int, str]]:
    """Return the files by number of each compilation, the last one first."""
    infos = sorted((out / "build-info").glob("*.json"), key=lambda it: -it.stat().st_mtime_ns)
    for info in infos:
        names = json.loads(info.read_text()).get("source_id_to_path") or {}
        yield {int(number): name for number, name in names.items()}


def _foundry_build(
    out: Path, numbers: Mapping[int, str], artifacts: list[tuple[Path, dict[str, Any], str]]
) -> Iterator[CompiledContract]:
    if not artifacts:
        return
    trees = {source: artifact.get("ast") for _, artifact, source in artifacts}
    beside = out / "x"
    files = {
        number: source_file(name, None, beside, trees.get(name)) for number, name in numbers.items()
    }
    for path, artifact, _ in artifacts:
        yield compiled_contract(path.stem, artifact["abi"], files, artifact)


def _hardhat_build(artifact: Artifact, path: Path) -> Path | None:
    """Return the file with Hardhat's input of a compilation."""
    if name := artifact.get("buildInfoId"):  # Hardhat 3
        for above in path.absolute().parents:
            if (build := above / "build-info" / f"{name}.json").is_file():
                return build
    debug = path.with_suffix(".dbg.json")
    if debug.is_file():
        build = (debug.parent / json.loads(debug.read_text())["buildInfo"]).resolve()
        return build if build.is_file() else None
    return None


def _hardhat(build: Path) -> Iterator[CompiledContract]:
    found = json.loads(build.read_text())
    if "output" not in found:
        beside = build.with_suffix(".output.json")
        found |= json.loads(beside.read_text())
    yield from contracts_of_output(found["output"], found["input"], build)


def _alone(artifact: Artifact) -> CompiledContract:
    """Return a contract whose sources are not known."""
    codes = artifact.get("evm") or {
        field: found if isinstance(found, Mapping) else {**artifact, "object": found}
        for field in ("bytecode", "deployedBytecode")
        if (found := artifact.get(field))
    }
    name = artifact.get("contractName", "Contract")
    return compiled_contract(name, artifact.get("abi") or (), {}, codes)


def _own(artifact: Artifact) -> CompiledContract:
    """Return a contract of this package's; files are numbered in the order of their names."""
    root = package_root()
    names = sorted(artifact["sources"])
    files = dict(enumerate(source_file(name, None, root / "x") for name in names))
    maps, codes = artifact["sourceMaps"], {}
    for field in ("bytecode", "deployedBytecode"):
        codes[field] = {"object": artifact[field], **maps[field]}
    return compiled_contract(artifact["contractName"], artifact["abi"], files, codes)
