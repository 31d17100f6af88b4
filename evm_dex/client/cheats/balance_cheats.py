"""Funds for anyone: tokens and coins, and what stands on the exchanges, with real backing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import Interface
from evm_dex.blocks.addresses import AddressLike, to_address
from evm_dex.blocks.header import Header
from evm_dex.chain.chain import Chain
from evm_dex.chain.genesis.resolved import NATIVE_SYMBOL
from evm_dex.client.cheats.state_cheats import StateCheats
from evm_dex.client.contract import Contract
from evm_dex.errors import CallFailed, CheatRefused
from evm_dex.evm.calls import Call
from evm_dex.evm.config import ExecutionConfig
from evm_dex.evm.machine import State
from evm_dex.evm.tracer import StorageReads
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.perp import collateral
from precompiles.spot.funds import credit
from precompiles.types import (
    MAX_AMOUNT,
    NATIVE_COIN,
    PERP_ADDRESS,
    SPOT_ADDRESS,
    ZERO_ADDRESS,
    Address,
)

TokenLike = AddressLike
"""A token's symbol in `Dex.tokens`, "ETH" for the native coin, or its address."""

_Change = Callable[[State], object]
_WORD = 2**256
_PROBE = 0x5EED_0FAB_A1A2_CE11
"""A value that no contract returns by chance."""
_WORD_BYTES = 32


class BalanceCheats:
    """Cheatcodes that set balances. Amounts are in smallest units."""

    def __init__(self, chain: Chain, tokens: Mapping[str, Contract]) -> None:
        """`tokens` are those that go by their symbol."""
        self._chain = chain
        self._tokens = tokens
        self._token_interface = Interface(load_artifact("TestToken")["abi"])

    def deal(self, token: TokenLike, user: AddressLike, amount: int) -> Header:
        """Let an account have so much of a token, or of "ETH"; the block it is in.

        The token's total supply moves with it where it can be found. Works for any ERC-20 that
        keeps a balance in a word of its own; raises CheatRefused for others.
        """
        address, account = self.token(token), to_address(user)
        if address == NATIVE_COIN:
            return StateCheats(self._chain).set_balance(account, amount)
        change = self._change_of_balance(address, account, amount, is_total=True)
        return self._chain.write_state(change)

    def deal_on_spot(self, token: TokenLike, user: AddressLike, amount: int) -> Header:
        """Add to what an account has on the spot exchange, as if deposited; the block it is in.

        The exchange's own tokens grow by as much. Raises CheatRefused.
        """
        address, account, ledger = self.token(token), to_address(user), self._chain.ledger
        _check_room(amount, MAX_AMOUNT - ledger.spot.token_total(address))
        back = self._backing(address, SPOT_ADDRESS, amount)
        block_number = self._chain.head.block_number + 1

        def change(state: State, ledger: Ledger) -> None:
            back(state)
            credit(Execution(ledger, account, block_number), account, address, amount)

        return self._chain.write_rows(change)

    def deal_on_perp(self, user: AddressLike, amount: int) -> Header:
        """Add to an account's collateral on the perpetuals exchange; the block it is in.

        The exchange's own tokens grow by as much. Raises CheatRefused, also without collateral.
        """
        account, ledger = to_address(user), self._chain.ledger
        token = ledger.perp.settings.collateral
        if token == ZERO_ADDRESS:
            raise CheatRefused("the perpetuals exchange has no collateral: setCollateral() first")
        _check_room(amount, MAX_AMOUNT - ledger.perp.fund.collateral_total)
        back = self._backing(token, PERP_ADDRESS, amount)
        head = self._chain.head

        def change(state: State, ledger: Ledger) -> None:
            back(state)
            execution = Execution(ledger, account, head.block_number + 1, head.timestamp)
            collateral.credit(execution, account, amount)

        return self._chain.write_rows(change)

    def allow(
        self, token: TokenLike, owner: AddressLike, spender: AddressLike, amount: int
    ) -> Header:
        """Let an account spend so much of another's token; the block it is in.

        Works for any ERC-20 that keeps an allowance in a word of its own; raises CheatRefused for
        others.
        """
        address = self.token(token)
        word = None if address == NATIVE_COIN else self._find(address, "allowance", owner, spender)
        if word is None:
            raise CheatRefused(
                f"the token at 0x{address.hex()} keeps no allowance in a storage word of its own: "
                "impersonate the owner and approve"
            )
        _check_word(amount)
        return self._chain.write_state(
            lambda state: state.set_storage(word.address, word.slot, amount)
        )

    def add_backing(self, token: Address, holder: Address, amount: int) -> Header:
        """Add to, or take from, what an account holds of an ERC-20; the block it is in."""
        return self._chain.write_state(
            self._change_of_balance(token, holder, amount, is_total=False)
        )

    def find_balance(self, token: TokenLike, user: AddressLike) -> StorageSlot | None:
        """Find the storage slot that holds a balance; None where it is not one word."""
        return self._find(self.token(token), "balanceOf", user)

    def token(self, token: TokenLike) -> Address:
        """Return a token's address. Raises CheatRefused for an unknown symbol."""
        if token == NATIVE_SYMBOL:
            return NATIVE_COIN
        if isinstance(token, str) and token in self._tokens:
            return self._tokens[token].raw_address
        try:
            return to_address(token)
        except ValueError:
            known = ", ".join((*self._tokens, "ETH"))
            raise CheatRefused(
                f"no token {token!r}; there are {known}, or give an address"
            ) from None

    def _backing(self, token: Address, exchange: Address, amount: int) -> _Change:
        """Return a change that gives an exchange `amount` more of a token."""
        if token == NATIVE_COIN:
            return lambda state: state.delta_balance(exchange, amount)
        return self._change_of_balance(token, exchange, amount, is_total=False)

    def _change_of_balance(
        self, token: Address, account: Address, amount: int, *, is_total: bool
    ) -> _Change:
        """Return a change of a balance by `amount`, or to it, and of the supply with it."""
        word = self._find(token, "balanceOf", account)
        if word is None:
            raise CheatRefused(
                f"the token at 0x{token.hex()} keeps no balance in a storage word of its own: "
                "impersonate a holder and transfer, or mint"
            )
        supply = self._find(token, "totalSupply")
        now = self._chain.state.get_storage(word.address, word.slot)
        target = amount if is_total else now + amount
        _check_word(target)

        def change(state: State) -> None:
            state.set_storage(word.address, word.slot, target)
            if supply is not None:
                total = state.get_storage(supply.address, supply.slot) + target - now
                state.set_storage(supply.address, supply.slot, total % _WORD)

        return change

    def _find(self, token: Address, function: str, *args: Any) -> StorageSlot | None:
        entry = self._token_interface.function(function, len(args))
        data = self._token_interface.encode_call(entry, [to_address(arg) for arg in args])
        try:
            return find_storage_slot(self._chain, Call(to=token, data=data))
        except CallFailed as error:
            raise CheatRefused(
                f"0x{token.hex()} is not a token: {function} failed: {error}"
            ) from None


def _check_word(amount: int) -> None:
    if not 0 <= amount < _WORD:
        raise CheatRefused(f"an amount must be from 0 to 2**256 - 1, got {amount}")


def _check_room(amount: int, room: int) -> None:
    if not 0 < amount <= room:
        raise CheatRefused(f"an amount must be from 1 to {room}, got {amount}")


class StorageSlot(NamedTuple):
    """The place of one storage word."""

    address: Address
    slot: int


def find_storage_slot(chain: Chain, call: Call) -> StorageSlot | None:
    """Find the storage slot that a call's first output is a copy of, at the head, by trying.

    Works for any compiler and behind proxies: the words that the call reads are noted, then each is
    changed in turn, to see whether the answer follows. None where the answer is computed, packed
    with others or kept elsewhere. Raises CallFailed when the call itself fails.
    """
    reads = StorageReads()
    config = ExecutionConfig(on_step=reads.run)
    output = chain.call(msgspec.structs.replace(call, config=config))
    answer = int.from_bytes(output[:_WORD_BYTES], "big")
    found = [(address, slot) for address, slot, word in reversed(reads.words) if word == answer]
    for address, slot in dict.fromkeys(found):
        word = StorageSlot(Address(address), slot)
        if _answer_with(chain, call, word) == _PROBE:
            return word
    return None


def _answer_with(chain: Chain, call: Call, word: StorageSlot) -> int | None:
    def prepare(state: State) -> None:
        state.set_storage(word.address, word.slot, _PROBE)

    try:
        output = chain.call(call, prepare=prepare)
    except CallFailed:
        return None
    return int.from_bytes(output[:_WORD_BYTES], "big")
