"""Compiled contracts: the ones that come with the package, and anyone's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Artifact = Mapping[str, Any]
"""A compiler's output for one contract: `abi`, `bytecode`, and what else it wrote."""

_PACKAGE = Path(__file__).parent.parent
_ROOTS = (_PACKAGE, _PACKAGE.parent)
"""Installed package and checkout: what `evm-dex/` is mapped to in Solidity's imports."""
_DIRECTORIES = tuple(root / "contracts" / "artifacts" for root in _ROOTS)


_BIN = {"bytecode": "bin", "deployedBytecode": "bin-runtime"}


class ArtifactError(ValueError):
    """There is no such artifact, or it lacks what is needed of it."""


def load_artifact(source: str | Path | Artifact) -> Artifact:
    """Return an artifact by name ("TestToken"), by path to its JSON, or as it is.

    Raises ArtifactError.
    """
    if isinstance(source, Mapping):
        return source
    path = _find(source)
    try:
        artifact: Artifact = json.loads(path.read_text())
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON: {error}") from error
    if not isinstance(artifact, dict) or "abi" not in artifact:
        several = " (this one has several: give dex.deploy the content of one)"
        is_output = isinstance(artifact, dict) and "contracts" in artifact
        raise ArtifactError(
            f"{path} has no `abi`: expected a compiler's JSON for one contract"
            f"{several if is_output else ''}"
        )
    return artifact


def code_of(artifact: Artifact, field: str = "bytecode") -> bytes:
    """Bytecode ("bytecode" creates the contract, "deployedBytecode" is the contract).

    Understands the hex of this project and Hardhat, Foundry's object with `object` inside, and what
    solc itself gives for a contract, as standard JSON or combined (`bin`, `bin-runtime`).
    Raises ArtifactError when there is none or when libraries are still to be linked.
    """
    name = artifact.get("contractName", "the artifact")
    found = artifact.get(field) or artifact.get("evm", {}).get(field) or artifact.get(_BIN[field])
    text = found.get("object") if isinstance(found, Mapping) else found
    if not isinstance(text, str) or text in ("", "0x"):
        raise ArtifactError(f"{name} has no `{field}`: is it an interface or abstract?")
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise ArtifactError(f"`{field}` of {name} is not hex: link its libraries first") from error


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
