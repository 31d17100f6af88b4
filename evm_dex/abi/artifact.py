"""Compiled contracts: the ones that come with the package, and anyone's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak

Artifact = Mapping[str, Any]
"""A compiler's output for one contract: `abi`, `bytecode`, and what else it wrote."""

_PACKAGE = Path(__file__).parent.parent
_ROOTS = (_PACKAGE, _PACKAGE.parent)
"""Installed package and checkout: what `evm-dex/` is mapped to in Solidity's imports."""
_DIRECTORIES = tuple(root / "contracts" / "artifacts" for root in _ROOTS)


_OF_SEVERAL = re.compile(r"(.+\.json):(.+)")
_BIN = {"bytecode": "bin", "deployedBytecode": "bin-runtime"}


class ArtifactFile(dict[str, Any]):
    """An artifact that was read from a file."""

    def __init__(self, content: Artifact, path: Path, whole: Artifact | None = None) -> None:
        """`whole` is the file's content where the contract is one of several in it."""
        super().__init__(content)
        self.path = path.absolute()  # it is read again later, maybe from another directory
        self.whole = whole


class ArtifactError(ValueError):
    """There is no such artifact, or it lacks what is needed of it."""


def load_artifact(source: str | Path | Artifact) -> Artifact:
    """Return an artifact by name ("TestToken"), by path to its JSON, or as it is.

    "PATH:Name", or "PATH:File.sol:Name", is one of several contracts in a compiler's standard JSON,
    or in Hardhat's build info. Raises ArtifactError.
    """
    if isinstance(source, Mapping):
        return source
    if (found := _OF_SEVERAL.fullmatch(str(source))) is not None:
        path, contract = _find(found[1]), found[2]
    else:
        path, contract = _find(source), ""
    try:
        artifact: Artifact = json.loads(path.read_text())
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON: {error}") from error
    if contract:
        return _one_of(artifact, contract, path)
    if not isinstance(artifact, dict) or "abi" not in artifact:
        several = f" (this one has several: name one, as in {path.name}:Name)"
        is_output = isinstance(artifact, dict) and bool({"contracts", "output"} & set(artifact))
        raise ArtifactError(
            f"{path} has no `abi`: expected a compiler's JSON for one contract"
            f"{several if is_output else ''}"
        )
    return ArtifactFile(artifact, path)


def _one_of(whole: Any, name: str, path: Path) -> Artifact:
    """Return one contract of a compiler's output. Raises ArtifactError."""
    output = whole.get("output", whole) if isinstance(whole, dict) else {}
    file, _, short = name.rpartition(":")
    contracts = output.get("contracts") or {}
    found = [
        ArtifactFile({"contractName": short, **contract}, path, whole)
        for source, named in contracts.items()
        for known, contract in named.items()
        if known == short and file in ("", source)
    ]
    if len(found) == 1:
        return found[0]
    known = sorted(f"{source}:{it}" for source, named in contracts.items() for it in named)
    problem = f"{len(found)} contracts named {name}" if found else f"no contract named {name}"
    raise ArtifactError(f"{path} has {problem}; it has {', '.join(known) or 'none'}")


def code_of(
    artifact: Artifact, field: str = "bytecode", libraries: Mapping[str, bytes] | None = None
) -> bytes:
    """Bytecode ("bytecode" creates the contract, "deployedBytecode" is the contract).

    Understands the hex of this project and Hardhat, Foundry's object with `object` inside, and what
    solc itself gives for a contract, as standard JSON or combined (`bin`, `bin-runtime`).
    `libraries` are the addresses of those it calls, by name or as "File.sol:Name".
    Raises ArtifactError when there is no bytecode, and for a library that is missing or unknown.
    """
    name = artifact.get("contractName", "the artifact")
    found = artifact.get(field) or artifact.get("evm", {}).get(field) or artifact.get(_BIN[field])
    text = found.get("object") if isinstance(found, Mapping) else found
    if not isinstance(text, str) or text in ("", "0x"):
        raise ArtifactError(f"{name} has no `{field}`: is it an interface or abstract?")
    parts = found if isinstance(found, Mapping) else artifact
    linked = _link(text, parts.get("linkReferences") or {}, libraries or {}, name)
    try:
        return bytes.fromhex(linked.removeprefix("0x"))
    except ValueError as error:
        raise ArtifactError(f"`{field}` of {name} is not hex: link its libraries first") from error


def _link(
    code: str, references: Mapping[str, Any], libraries: Mapping[str, bytes], name: str
) -> str:
    """Put addresses where solc left `__$…$__`, 34 digits of the hash of "File.sol:Name".

    Source: docs.soliditylang.org, "Library Linking".
    """
    known = {f"{file}:{library}" for file, found in references.items() for library in found}
    whole = {full.rpartition(":")[2]: full for full in known}
    for given, address in libraries.items():
        full = whole.get(given, given)
        if _holder(full) not in code:
            raise ArtifactError(
                f"{name} calls no library {given!r}; it calls {', '.join(sorted(whole)) or 'none'}"
            )
        code = code.replace(_holder(full), address.hex())
    missing = [full for full in sorted(known) if _holder(full) in code]
    if missing:
        raise ArtifactError(
            f"{name} calls {', '.join(missing)}: deploy that, and give its address in `libraries`"
        )
    return code


def _holder(full: str) -> str:
    return f"__${keccak(full.encode()).hex()[:34]}$__"


def package_root() -> Path:
    """Return the directory in which contracts/ and package.json are, installed or checked out.

    Raises ArtifactError where neither is.
    """
    for root in _ROOTS:
        if (root / "contracts" / "ISpot.sol").is_file():
            return root
    raise ArtifactError("this installation of evm-dex has no contracts: install it anew")


def _find(source: str | Path) -> Path:
    path = Path(source)
    if path.suffix == ".json":
        if path.is_file():
            return path
        raise ArtifactError(f"no artifact at {path}")
    for directory in _DIRECTORIES:
        candidate = directory / f"{source}.json"
        if candidate.is_file():
            return candidate
    known = sorted({file.stem for directory in _DIRECTORIES for file in directory.glob("*.json")})
    raise ArtifactError(f"no artifact named {source!r}; there are {', '.join(known) or 'none'}")
