"""The read precompiles as the EVM calls them: words without a selector, gas by their length.

Input is exactly the words of the declared types. Whatever else comes, and whatever has no answer,
takes all the gas of the frame, as on HyperEVM.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from precompiles.abi.codec import WORD, Layout, Malformed
from precompiles.context import CallContext
from precompiles.hyper import reads
from precompiles.hyper.reads import View
from precompiles.hyper.words import ReadFailed
from precompiles.ledger.ledger import Ledger
from precompiles.types import Address

READ_GAS = 2_000
GAS_PER_BYTE = 65
"""Of input and output alike."""
_FIRST = 0x0800

_READS: tuple[tuple[Callable[..., bytes], tuple[str, ...]], ...] = (
    (reads.position, ("address", "uint16")),
    (reads.spot_balance, ("address", "uint64")),
    (reads.user_vault_equity, ("address", "address")),
    (reads.withdrawable, ("address",)),
    (reads.delegations, ("address",)),
    (reads.delegator_summary, ("address",)),
    (reads.mark_price, ("uint32",)),
    (reads.oracle_price, ("uint32",)),
    (reads.spot_price, ("uint32",)),
    (reads.l1_block_number, ()),
    (reads.perp_asset_info, ("uint32",)),
    (reads.spot_info, ("uint32",)),
    (reads.token_info, ("uint32",)),
    (reads.token_supply, ("uint32",)),
    (reads.best_prices, ("uint32",)),
    (reads.account_margin_summary, ("uint32", "address")),
    (reads.core_user_exists, ("address",)),
    (reads.borrow_lend_user_state, ("address", "uint64")),
    (reads.borrow_lend_reserve_state, ("uint64",)),
    (reads.position, ("address", "uint32")),
    (reads.outcome_status, ("uint32",)),
)
"""In the order of their addresses, from 0x0800 on."""


def read_names() -> dict[Address, str]:
    """Return what each read is called, by address; `position` takes wider numbers at the second."""
    names = [read.__name__ for read, _ in _READS]
    numbered = [name + "_2" * (name in names[:place]) for place, name in enumerate(names)]
    return {_address(place): name for place, name in enumerate(numbered)}


def _address(place: int) -> Address:
    return Address((_FIRST + place).to_bytes(20, "big"))


class ReadPrecompile:
    """One of them."""

    def __init__(
        self, address: Address, read: Callable[..., bytes], types: tuple[str, ...], ledger: Ledger
    ) -> None:
        self.address = address
        self._read = read
        self._inputs = Layout(types)
        self._input_bytes = WORD * len(types)
        self._ledger = ledger

    def run(self, context: CallContext, calldata: bytes) -> bytes:
        """Return the answer; fail with all the gas gone where there is none."""
        context.charge(READ_GAS + GAS_PER_BYTE * len(calldata))
        try:
            output = self._answer(context.timestamp, calldata)
        except ReadFailed as error:
            context.lose(str(error))
        context.charge(GAS_PER_BYTE * len(output))
        return output

    def _answer(self, now: int, calldata: bytes) -> bytes:
        if len(calldata) != self._input_bytes:
            raise ReadFailed(f"{len(calldata)} bytes of input; expected {self._input_bytes}")
        try:
            values: list[Any] = self._inputs.decode(calldata)
        except Malformed as error:
            raise ReadFailed(f"the word at byte {error.offset} is out of its range") from error
        settings = self._ledger.core.settings
        if settings is None:
            raise ReadFailed("this chain has no HyperCore")
        return self._read(View(self._ledger, settings, now), *values)


def read_precompiles(ledger: Ledger) -> dict[Address, ReadPrecompile]:
    """All of them on a ledger, by address."""
    addresses = [_address(place) for place in range(len(_READS))]
    return {
        address: ReadPrecompile(address, read, types, ledger)
        for address, (read, types) in zip(addresses, _READS, strict=True)
    }
