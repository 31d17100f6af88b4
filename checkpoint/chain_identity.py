"""The identity of a store's chain, in a file beside its database and not in it.

A database or checkpoint of another chain, put in the place of this one's, is proven like any other:
its rows lead to its own header. What tells it apart is its genesis, so that is noted here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from checkpoint.errors import StoreDamaged
from checkpoint.head_checks import first_block
from checkpoint.layout import write_file
from checkpoint.record_codec import sign_record, signed_record
from checkpoint.store import StoreReader

_VERSION = 1
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class ChainIdentity:
    """The id of a chain and the hash of its first block: block 0, or the one it was forked at."""

    chain_id: int
    genesis: bytes

    def check(self, reader: StoreReader, where: str) -> None:
        """Raise StoreDamaged where a store is of another chain. One without blocks is of none."""
        found = identity_of(reader)
        if found is not None and found != self:
            raise StoreDamaged(
                f"it is of chain {found.chain_id} with genesis {found.genesis.hex()}, and must be "
                f"of chain {self.chain_id} with genesis {self.genesis.hex()}",
                where,
            )


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    chain_id: int
    genesis: str
    digest: str


def identity_of(reader: StoreReader) -> ChainIdentity | None:
    """Return the identity in a store's blocks; None before its first, or where that is gone."""
    head = reader.head()
    genesis = first_block(reader) if head else None
    return ChainIdentity(head.chain_id, genesis[1]) if head and genesis else None


def read_identity(file: Path) -> ChainIdentity | None:
    """Return the identity in a store's record; None where there is none. Raises StoreDamaged."""
    try:
        record = msgspec.convert(signed_record(file.read_bytes()), _Record)
        genesis = bytes.fromhex(record.genesis)
        if record.version != _VERSION or len(genesis) != _HASH_BYTES:
            raise ValueError(f"version {record.version} of a genesis of {len(genesis)} bytes")
        return ChainIdentity(record.chain_id, genesis)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ValueError) as error:
        raise StoreDamaged(
            f"it can't be read ({error}): remove it if the database is known to be this chain's",
            str(file),
        ) from error


def write_identity(file: Path, identity: ChainIdentity) -> None:
    """Write a store's record, durably. Raises OSError."""
    genesis = identity.genesis.hex()
    fields = {"version": _VERSION, "chain_id": identity.chain_id, "genesis": genesis}
    write_file(file, sign_record(fields))
