"""Cheatcodes of a test chain: write state, choose the next header, act for others.

State is written in blocks of their own (`Chain.write_state`), so that every header's root is that
of the state after it and every block with transactions follows from them.
"""

from __future__ import annotations

from evm_dex.blocks.addresses import AddressLike, to_address
from evm_dex.blocks.header import Header
from evm_dex.chain.chain import Chain
from evm_dex.errors import CheatRefused
from evm_dex.evm.machine import State
from precompiles.types import EXCHANGES, Address

_WORD = 2**256
_MAX_NONCE = 2**64 - 2
_MIN_GAS_LIMIT = 1_000_000
_MAX_GAS_LIMIT = 2**63 - 1


class StateCheats:
    """Cheatcodes for accounts, headers and what waits. Wei, seconds and slots are ints.

    What is written to state is in a block at once. What is chosen for the next block, who is
    impersonated, and how blocks are mined end with the process.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    # State

    def set_balance(self, address: AddressLike, wei: int) -> Header:
        """Set an account's wei; the block it is in. Raises CheatRefused for an exchange."""
        account = _ordinary(address)
        _check_range("a balance", wei, _WORD - 1)

        def change(state: State) -> None:
            state.set_balance(account, wei)
            _forget_if_empty(state, account)

        return self._chain.write_state(change)

    def set_nonce(self, address: AddressLike, nonce: int) -> Header:
        """Raise an account's nonce; the block it is in.

        Raises CheatRefused for a lower one, which would let a transaction be on the chain twice.
        """
        account = _ordinary(address)
        now = self._chain.state.get_nonce(account)
        _check_range("a nonce", nonce, _MAX_NONCE)
        if nonce < now:
            raise CheatRefused(
                f"the nonce of 0x{account.hex()} is {now} and can't go down to {nonce}: its "
                "transactions would come twice; revert to a snapshot instead"
            )
        return self._chain.write_state(lambda state: state.set_nonce(account, nonce))

    def set_code(self, address: AddressLike, code: bytes) -> Header:
        """Make an account a contract with this runtime code, or none; the block it is in."""
        account = _ordinary(address)

        def change(state: State) -> None:
            state.set_code(account, code)
            _forget_if_empty(state, account)

        return self._chain.write_state(change)

    def set_storage(self, address: AddressLike, slot: int, value: int) -> Header:
        """Set one storage word of an account; the block it is in.

        An account without wei, nonce and code keeps its storage until a transaction touches it
        (EIP-161). Raises CheatRefused for an exchange.
        """
        account = _ordinary(address)
        _check_range("a slot", slot, _WORD - 1)
        _check_range("a storage word", value, _WORD - 1)
        return self._chain.write_state(lambda state: state.set_storage(account, slot, value))

    # Acting for others

    def impersonate(self, address: AddressLike) -> None:
        """Take transactions of an account, or a contract, without its signature."""
        self._chain.settings.impersonation.add(to_address(address))

    def stop_impersonating(self, address: AddressLike) -> None:
        """Ask for the account's signature again."""
        self._chain.settings.impersonation.remove(to_address(address))

    def auto_impersonate(self, *, on: bool = True) -> None:
        """Take transactions of every account without a signature, or no longer."""
        self._chain.settings.impersonation.set_everyone(on)

    # Time

    def increase_time(self, seconds: int) -> int:
        """Let the next block come so much after the head, added to what was asked before.

        Returns the next block's time. 0 changes nothing. Raises CheatRefused for less.
        """
        chain = self._chain
        chosen = chain.settings.next_block.timestamp
        if seconds < 0:
            raise CheatRefused(
                f"seconds must be at least 0, got {seconds}: to go back, snapshot and revert"
            )
        if seconds == 0:
            return chain.head.timestamp + chain.settings.interval if chosen is None else chosen
        return self.set_next_timestamp((chosen or chain.head.timestamp) + seconds)

    def set_next_timestamp(self, timestamp: int) -> int:
        """Choose the next block's time, in seconds. Raises CheatRefused unless after the head's."""
        head = self._chain.head.timestamp
        if timestamp <= head:
            raise CheatRefused(
                f"the next block can't be at {timestamp}: the head is at {head}, and block time "
                "only moves forward"
            )
        _check_range("a timestamp", timestamp, _MAX_GAS_LIMIT)
        self._choose(timestamp=timestamp)
        return timestamp

    def set_interval(self, seconds: int | None) -> None:
        """Choose how much later than its parent each block is; None for one second again."""
        if seconds is not None and seconds < 1:
            raise CheatRefused(f"blocks must be at least 1 second apart, got {seconds}")
        self._chain.settings.set_interval(1 if seconds is None else seconds)

    # The next header

    def set_coinbase(self, address: AddressLike) -> None:
        """Choose who is paid the priority fees from the next block on."""
        self._choose(coinbase=to_address(address))

    def set_next_base_fee(self, wei: int) -> None:
        """Choose the next block's base fee per gas."""
        _check_range("a base fee", wei, _MAX_GAS_LIMIT)
        self._choose(base_fee_per_gas=wei)

    def set_gas_limit(self, gas: int) -> None:
        """Choose the gas limit of blocks from the next on."""
        _check_range("a gas limit", gas, _MAX_GAS_LIMIT, least=_MIN_GAS_LIMIT)
        self._choose(gas_limit=gas)

    def set_prevrandao(self, value: int | bytes) -> None:
        """Choose the next block's prevrandao, 32 bytes or a word."""
        if isinstance(value, int):
            _check_range("prevrandao", value, _WORD - 1)
            value = value.to_bytes(32, "big")
        if len(value) != 32:
            raise CheatRefused(f"prevrandao must have 32 bytes, got {len(value)}")
        self._choose(mix_hash=value)

    # What waits

    def automine(self, *, on: bool = True) -> None:
        """Give each transaction a block of its own at once, or let them wait for `mine`."""
        self._chain.settings.set_automine(on)

    def drop_transaction(self, transaction_hash: bytes) -> bool:
        """Take a waiting transaction out; whether it was there. Its sender's later ones wait on."""
        return self._chain.drop_transactions(lambda waiting: waiting.hash == transaction_hash)

    def drop_all_transactions(self) -> None:
        """Take out all that waits."""
        self._chain.drop_transactions(lambda _: True)

    def reset(self) -> Header:
        """Go back to block 0 with nobody impersonated and nothing chosen; block 0.

        Raises UndoExpired where that is too far back.
        """
        first = self._chain.rollback(self._chain.first.hash)
        self._chain.settings.reset()
        return first

    def _choose(self, **fields: int | bytes) -> None:
        self._chain.settings.choose_next(**fields)


def _ordinary(address: AddressLike) -> Address:
    """Return an address unless it is an exchange's, whose account stands for the ledger's rows."""
    account = to_address(address)
    if account in EXCHANGES:
        raise CheatRefused(
            f"0x{account.hex()} is an exchange, whose account follows from its books: use deal(), "
            "deal_on_spot() or deal_on_perp()"
        )
    return account


def _forget_if_empty(state: State, account: Address) -> None:
    """Delete an account without wei, nonce and code: the state has none such (EIP-161)."""
    if state.account_is_empty(account):
        state.delete_account(account)


def _check_range(what: str, value: int, most: int, least: int = 0) -> None:
    if not least <= value <= most:
        raise CheatRefused(f"{what} must be from {least} to {most}, got {value}")
