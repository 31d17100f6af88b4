"""Contracts that calls can be told by name of: the exchanges, and those whose ABI was given."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from evm_dex.abi.abi_values import Entry, undecodable
from evm_dex.abi.artifact import Artifact, ArtifactError, code_of, load_artifact
from evm_dex.abi.contract_interface import Interface, exchange_error
from evm_dex.node.rpc_errors import revert_reason
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS, Address

_EXCHANGES = {SPOT_ADDRESS: "ISpot", PERP_ADDRESS: "IPerp"}
_MOST = 2_000


class NamedCall(msgspec.Struct, frozen=True):
    """A call or creation by name; a creation's function is `constructor`, its entry None."""

    contract: str
    function: str
    arguments: dict[str, Any]
    entry: Entry | None = None


class GivenContract(msgspec.Struct, frozen=True):
    """A contract whose artifact was given."""

    name: str
    interface: Interface
    creation_code: bytes
    """Empty where the artifact has none, or still to be linked."""


class NamedContracts:
    """The exchanges, and contracts whose artifacts were given; the last one given comes first."""

    def __init__(self) -> None:
        self._given: dict[str, GivenContract] = {}

    def add(self, artifact: Artifact) -> GivenContract:
        """Know a contract from here on, by its ABI. Raises ArtifactError."""
        abi = artifact.get("abi")
        if not isinstance(abi, list) or not all(isinstance(entry, dict) for entry in abi):
            raise ArtifactError("an artifact must have a list `abi`")
        if len(self._given) >= _MOST:
            raise ArtifactError(f"at most {_MOST} contracts can be given: start the node anew")
        name = str(artifact.get("contractName") or "Contract")[:80]
        try:
            interface = Interface(abi)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"`abi` of {name} is none: {error!r}") from error
        try:
            code = code_of(artifact)
        except ArtifactError:
            code = b""
        self._given.pop(name, None)
        self._given[name] = GivenContract(name, interface, code)
        return self._given[name]

    def call(self, to: bytes, calldata: bytes) -> NamedCall | None:
        """Decode a call, or a creation if `to` is empty; None where nothing known fits."""
        if not to:
            made = next((it for it in self._newest() if _creates(it, calldata)), None)
            return None if made is None else NamedCall(made.name, "constructor", {})
        exchange = _EXCHANGES.get(Address(to))
        if exchange is not None:
            return _decoded(exchange, exchange_interface(exchange), calldata)
        found = (_decoded(it.name, it.interface, calldata) for it in self._newest())
        return next((call for call in found if call is not None), None)

    def reason(self, output: bytes) -> str | None:
        """Return revert data in words, where its error is known."""
        told = exchange_error(output) or next(
            (error for it in self._newest() if (error := it.interface.decode_error(output))), None
        )
        return str(told) if told else revert_reason(output)

    def _newest(self) -> Iterator[GivenContract]:
        return reversed(self._given.values())


@cache
def exchange_interface(name: str) -> Interface:
    """Return the interface of an exchange: ISpot or IPerp."""
    return Interface(load_artifact(name)["abi"])


def _creates(contract: GivenContract, data: bytes) -> bool:
    return contract.creation_code != b"" and data.startswith(contract.creation_code)


def _decoded(name: str, interface: Interface, calldata: bytes) -> NamedCall | None:
    try:
        entry, arguments = interface.decode_call(calldata)
    except (LookupError, *undecodable()):
        return None
    return NamedCall(name, entry["name"], arguments, entry)
