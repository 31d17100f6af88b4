"""Block headers of Prague and of HyperEVM, and how each follows from its parent.

Field names are py-evm's, so its functions on headers take these too. No field comes from a
clock or a random source: the same transactions give the same hashes on every machine.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import msgspec
from eth.abc import BlockHeaderAPI
from eth.constants import BLANK_ROOT_HASH, EMPTY_SHA256, EMPTY_UNCLE_HASH, ZERO_HASH32
from eth.vm.forks.london.headers import calculate_expected_base_fee_per_gas
from eth.vm.forks.prague.headers import calc_excess_blob_gas_prague

from checkpoint.trie import rlp
from checkpoint.trie.keccak import keccak
from evm_dex.blocks.rules import HYPEREVM, PRAGUE, Rules
from precompiles.types import ZERO_ADDRESS, Address

_INTEGERS = frozenset(
    (
        *("difficulty", "block_number", "gas_limit", "gas_used", "timestamp"),
        *("base_fee_per_gas", "blob_gas_used", "excess_blob_gas"),
    )
)
_BLOOM_BYTES = 256


class Header(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A sealed header; fields in the order of their RLP list. Hashes are 32 bytes."""

    parent_hash: bytes
    uncles_hash: bytes = EMPTY_UNCLE_HASH
    coinbase: Address = ZERO_ADDRESS
    state_root: bytes
    transaction_root: bytes = BLANK_ROOT_HASH
    receipt_root: bytes = BLANK_ROOT_HASH
    bloom: bytes = bytes(_BLOOM_BYTES)
    difficulty: int = 0
    block_number: int
    gas_limit: int
    gas_used: int = 0
    timestamp: int
    extra_data: bytes = b""
    mix_hash: bytes
    """Prevrandao."""
    nonce: bytes = bytes(8)
    base_fee_per_gas: int
    withdrawals_root: bytes = BLANK_ROOT_HASH
    blob_gas_used: int = 0
    excess_blob_gas: int = 0
    parent_beacon_block_root: bytes = ZERO_HASH32
    requests_hash: bytes | None = EMPTY_SHA256
    """Hash of the requests; None under rules without them, where the list is shorter."""
    stands_for: bytes | None = None
    """Hash of another chain's block that a forked chain's first header stands for: it has that
    block's place and the state that the forked chain begins with.
    """

    def __repr__(self) -> str:
        return f"<Header {self.block_number} 0x{self.hash.hex()}>"

    @cached_property
    def encoded(self) -> bytes:
        """The RLP list that is hashed."""
        values = msgspec.structs.astuple(self)
        if self.stands_for is not None:
            values = tuple(b"" if value is None else value for value in values)
        return rlp.encode(
            [
                rlp.int_bytes(value) if isinstance(value, int) else value
                for value in values
                if value is not None
            ]
        )

    @property
    def rules(self) -> Rules:
        """The rules that its block is executed under."""
        return PRAGUE if self.requests_hash is not None else HYPEREVM

    @cached_property
    def hash(self) -> bytes:
        """The block hash."""
        return keccak(self.encoded) if self.stands_for is None else self.stands_for

    def with_state_root(self, state_root: bytes) -> Header:
        """Return the same header over another state."""
        return msgspec.structs.replace(self, state_root=state_root)

    def child(
        self,
        timestamp: int | None = None,
        *,
        of_kind: Header | None = None,
    ) -> Header:
        """Return the next block's header as it stands before execution.

        `timestamp` in seconds; default one after this one's. Raises ValueError when it is not
        later; on HyperEVM, which makes several blocks a second, when it is earlier. Gas limit and
        base fee follow from `of_kind` where that is another block. Prevrandao is the hash of the
        parent's hash, or zero where nothing is random.
        """
        asked = timestamp, of_kind
        last: tuple[Any, Header] | None = self.__dict__.get("_last_child")
        if last is not None and last[0] == asked:  # a transaction is admitted, then mined
            return last[1]
        if timestamp is None:
            timestamp = self.timestamp + 1
        elif timestamp < self.timestamp + (not self.rules.has_system_transactions):
            raise ValueError(
                f"timestamp must be after the parent's {self.timestamp}, got {timestamp}: "
                "block time only moves forward"
            )
        like = of_kind or self
        parent = cast(BlockHeaderAPI, like)  # they read fields, which have the same names here
        rules, base_fee = self.rules, calculate_expected_base_fee_per_gas(parent)
        child = Header(
            parent_hash=self.hash,
            coinbase=self.coinbase,
            state_root=self.state_root,
            block_number=self.block_number + 1,
            gas_limit=like.gas_limit,
            timestamp=timestamp,
            mix_hash=keccak(self.hash) if rules.has_randomness else ZERO_HASH32,
            base_fee_per_gas=max(base_fee, rules.least_base_fee),
            excess_blob_gas=calc_excess_blob_gas_prague(cast(BlockHeaderAPI, self)),
            requests_hash=self.requests_hash,
        )
        self.__dict__["_last_child"] = asked, child
        return child


_BLOOM_START = 3 + 5 * 33 + 21 + 3
"""The list's length, five hashes and an address come before it, and its own length."""


_MIX_HASH = Header.__struct_fields__.index("mix_hash")


def decode_header(encoded: bytes) -> Header:
    """Return a header from its RLP. Raises ValueError when it has the shape of neither's."""
    items = rlp.decode(encoded)
    names = Header.__struct_fields__
    # One without a requests hash is HyperEVM's, which has no randomness either.
    is_hyperevm = len(items) == len(names) - 2 and items[_MIX_HASH] == ZERO_HASH32
    if len(items) not in (len(names), len(names) - 1) and not is_hyperevm:
        raise ValueError(f"a header must have {len(names) - 1} fields, got {len(items)}")
    values: dict[str, Any] = {
        name: int.from_bytes(item, "big") if name in _INTEGERS else item
        for name, item in zip(names, items, strict=False)
    }
    return Header(**{"requests_hash": None, **values, **_without_requests(values)})


def _without_requests(values: dict[str, Any]) -> dict[str, None]:
    """Return what a header that stands for another has in place of an empty requests hash."""
    return {} if values.get("requests_hash", b"") else {"requests_hash": None}


def decode_bloom(encoded: bytes) -> int:
    """Return the bloom filter of an encoded header alone, as a 2048-bit integer."""
    return int.from_bytes(encoded[_BLOOM_START : _BLOOM_START + _BLOOM_BYTES], "big")
