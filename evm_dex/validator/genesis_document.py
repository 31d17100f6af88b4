"""The genesis of validators: who they are, and the chain's own genesis, in the engine's format.

Its chain id ends in the hash of all else, so a changed one is found out without anyone to ask; and
engines talk to those of the same chain id only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from evm_dex.chain.genesis.genesis_file import GenesisFile, GenesisSource, read_genesis_file
from evm_dex.errors import GenesisError

APP_VERSION = 1
"""The rules of this application; nodes of another one refuse each other's blocks."""
_HASH_DIGITS = 20
_WEI_TO_VOTE = str(1_000 * 10**18)
"""Balance of each founder's account, for the gas of its votes."""
_MOST_BLOCK_BYTES = 4 * 2**20
_EVIDENCE_BLOCKS = 100_000
_EVIDENCE_NANOSECONDS = 48 * 3600 * 10**9


class ValidatorKey(msgspec.Struct, frozen=True):
    """A validator as the genesis names it."""

    name: str
    address: str
    """40 hex digits, of the hash of its key."""
    public_key: str
    """Its ed25519 key, in base64."""


class Founder(msgspec.Struct, frozen=True):
    """A validator that a chain begins with."""

    key: ValidatorKey
    account: bytes
    """The account that votes on who is a validator."""


class GenesisDocument(msgspec.Struct, frozen=True):
    """A genesis that was read and checked."""

    chain_id: str
    """The engine's; it holds the EVM's, and the hash."""
    seconds: int
    """The chain's beginning, in Unix time."""
    chain: Mapping[str, Any]
    """The chain's own genesis."""
    validators: int


def new_document(
    source: GenesisSource, founders: Sequence[Founder], seconds: int, keep_limit: int
) -> dict[str, Any]:
    """Return the genesis of a new chain, as it is written. Raises GenesisError."""
    from evm_dex.chain.genesis.resolved import resolve_genesis  # noqa: PLC0415 - loads the EVM

    file = read_genesis_file(source)
    _check(file)
    chain: dict[str, Any] = msgspec.to_builtins(file)
    chain |= {
        "timestamp": seconds,
        "keep_limit": keep_limit or file.keep_limit,
        "validators": [
            {"key": key, "account": f"0x{founder.account.hex()}"}
            for key, founder in zip(_keys(founders), founders, strict=True)
        ],
    }
    for founder in founders:
        chain["accounts"].setdefault(f"0x{founder.account.hex()}", _WEI_TO_VOTE)
    resolve_genesis(read_genesis_file(chain))
    began = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = {
        "genesis_time": began,
        "initial_height": "1",
        "consensus_params": {
            "block": {"max_bytes": str(_MOST_BLOCK_BYTES), "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": str(_EVIDENCE_BLOCKS),
                "max_age_duration": str(_EVIDENCE_NANOSECONDS),
                "max_bytes": "1048576",
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": str(APP_VERSION)},
            "abci": {"vote_extensions_enable_height": "0"},
        },
        "validators": [
            {
                "address": key.address,
                "pub_key": {"type": "tendermint/PubKeyEd25519", "value": key.public_key},
                "power": "1",
                "name": key.name,
            }
            for key in (founder.key for founder in founders)
        ],
        "app_hash": "",
        "app_state": chain,
    }
    return {"chain_id": _chain_id(document), **document}


def read_document(path: Path) -> GenesisDocument:
    """Read and check a genesis. Raises GenesisError."""
    try:
        return checked(json.loads(path.read_bytes()), str(path))
    except OSError as error:
        raise GenesisError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise GenesisError(f"{path} is not JSON: {error}; take another validator's") from error


def checked(document: Any, name: str) -> GenesisDocument:
    """Return a genesis once its chain id is that of what it says. Raises GenesisError."""
    try:
        told, found = document["chain_id"], _chain_id(document)
        if told != found:
            raise GenesisError(
                f"{name} was changed: what it says is the genesis of {found}, it names {told}; "
                "take another validator's"
            )
        began = datetime.fromisoformat(document["genesis_time"])
        chain = document["app_state"]
        file = read_genesis_file(chain)
        validators = [each["pub_key"]["value"] for each in document["validators"]]
        keys = [base64.b64decode(value).hex() for value in validators]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise GenesisError(f"{name} is not a genesis of validators: {error!r}") from error
    _check(file)
    seconds = int(began.timestamp())
    if file.timestamp != seconds:
        raise GenesisError(
            f"{name}: app_state.timestamp must be that of genesis_time, {seconds}, got "
            f"{file.timestamp}"
        )
    if file.validators and [each.key for each in file.validators] != keys:
        raise GenesisError(f"{name}: app_state.validators must be those of `validators`, in order")
    return GenesisDocument(told, seconds, chain, len(validators))


def _keys(founders: Iterable[Founder]) -> list[str]:
    return [base64.b64decode(founder.key.public_key).hex() for founder in founders]


def _check(file: GenesisFile) -> None:
    if file.hypercore is not None:
        raise GenesisError(
            "validators make one kind of block, of transactions alone, and HyperEVM has big blocks "
            "and signed actions: choose a genesis without `hypercore`"
        )


def _chain_id(document: Mapping[str, Any]) -> str:
    content = {name: value for name, value in document.items() if name != "chain_id"}
    written = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    number = document["app_state"]["chain_id"]
    return f"evm-dex-{number}-{hashlib.sha256(written).hexdigest()[:_HASH_DIGITS]}"
