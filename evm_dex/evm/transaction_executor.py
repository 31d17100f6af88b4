"""Py-evm's execution of transactions, without what it pays for at every one.

It comes to the state through a dozen layers, checks each field of a message that it made itself,
and formats lines of a log that nobody reads. Here a transaction that calls goes a short way; what
creates, carries blobs or delegates (types 3 and 4) goes by py-evm's own steps.
"""

from __future__ import annotations

from typing import Any

from eth._utils.state import code_is_delegation_designation
from eth.abc import SignedTransactionAPI
from eth.vm.forks.cancun.state import get_total_blob_gas
from eth.vm.forks.prague.state import PragueTransactionExecutor
from eth.vm.message import Message
from eth_utils.exceptions import ValidationError

from evm_dex.blocks.signing import CURVE_ORDER

_BLOB_TYPE = 3
_RARE_TYPES = (_BLOB_TYPE, 4)
_REFUNDED_AT_MOST = 5
"""The share of the gas used that is refunded at most (EIP-3529): one in so many."""
_RIPEMD = (3).to_bytes(20, "big")
"""Cleared where it is touched and empty, even by a call that failed, as on mainnet."""


def is_contract(code: bytes) -> bool:
    """Whether an account's code is its own, not just the name of another's (EIP-7702)."""
    return code != b"" and not code_is_delegation_designation(code)


class TransactionMessage(Message):
    """The message of a transaction that calls; its fields come from one that was decoded."""

    __slots__ = ()

    def __init__(self, transaction: Any, gas: int, code: bytes, *, is_delegation: bool) -> None:
        """Leave out py-evm's checks of each field."""
        self.gas = gas
        self.to = transaction.to
        self.sender = transaction.sender
        self.value = transaction.value
        self.data = transaction.data
        self.code = code
        self.depth = 0
        self._storage_address = self._code_address = None  # type: ignore[assignment] # as py-evm has it
        self.should_transfer_value = True
        self.is_static = False
        self._is_delegation = is_delegation
        self.refund = 0


class Payment:
    """A computation that ran no code: all that is asked of one that ended."""

    __slots__ = ("data_floor_gas", "msg", "state", "transaction_context")
    is_error = False
    is_success = True
    output = b""
    levels_below = 0
    children: tuple[Any, ...] = ()
    beneficiaries: tuple[Any, ...] = ()

    def __init__(self, state: Any, message: Any, transaction_context: Any) -> None:
        self.state = state
        self.msg = message
        self.transaction_context = transaction_context
        self.data_floor_gas = 0

    def get_gas_remaining(self) -> int:
        """All that the transaction had beside its intrinsic gas."""
        gas: int = self.msg.gas
        return gas

    def get_gas_refund(self) -> int:
        """Nothing."""
        return 0

    def get_accounts_for_deletion(self) -> tuple[Any, ...]:
        """None."""
        return ()

    def get_log_entries(self) -> tuple[Any, ...]:
        """None."""
        return ()

    def get_raw_log_entries(self) -> tuple[Any, ...]:
        """None."""
        return ()


class TransactionExecutor(PragueTransactionExecutor):
    """The steps of one transaction; whether it must be valid is the configuration's."""

    vm_state: Any
    """A `DexState`."""

    def __call__(self, transaction: Any) -> Any:
        """Execute a transaction. Raises py-evm's ValidationError, with nothing changed."""
        self.validate_transaction(transaction)
        message = self.build_evm_message(transaction)
        computation = self.build_computation(message, transaction)
        self.finalize_computation(transaction, computation)
        self.vm_state.clear_transient_storage()
        return computation

    def validate_transaction(self, transaction: Any) -> None:
        """Raise py-evm's ValidationError for a transaction that may not be in the block."""
        if self.vm_state.config.validates and not self._is_plainly_valid(transaction):
            super().validate_transaction(transaction)
            self._check_funds(transaction)
            self._check_sender(transaction)

    def _is_plainly_valid(self, transaction: Any) -> bool:
        """Whether it fulfils at once what py-evm asks for; if not, py-evm says what is missing."""
        state = self.vm_state
        account = state.accounts.get_account(transaction.sender)
        most = transaction.gas * transaction.max_fee_per_gas + transaction.value
        return (
            transaction.type_id not in _RARE_TYPES
            and transaction.max_fee_per_gas >= state.execution_context.base_fee_per_gas
            and transaction.s <= CURVE_ORDER // 2
            and account.nonce == transaction.nonce
            and account.balance >= most
            and account.has_no_code
        )

    def _check_funds(self, transaction: Any) -> None:
        """Blobs at their highest price count on top of value and gas (EIP-4844).

        py-evm 0.12.1b1 holds the balance against gas and value, then against gas and blobs.
        """
        if transaction.type_id != _BLOB_TYPE:
            return
        blobs = get_total_blob_gas(transaction) * transaction.max_fee_per_blob_gas
        most = transaction.gas * transaction.max_fee_per_gas + blobs + transaction.value
        balance = self.vm_state.get_balance(transaction.sender)
        if balance < most:
            raise ValidationError(
                f"insufficient funds for gas * price + value: the sender has {balance} wei, gas, "
                f"blobs and value come to {most}"
            )

    def _check_sender(self, transaction: Any) -> None:
        """No contract has a key (EIP-3607); one that is impersonated needs none."""
        code = self.vm_state.get_code(transaction.sender)
        if is_contract(code) and getattr(transaction, "is_signed", True):
            raise ValidationError(
                f"sender not an eoa: 0x{transaction.sender.hex()} has {len(code)} bytes of code"
            )

    def build_evm_message(self, transaction: Any) -> Any:
        """Take gas and nonce from the sender; return what the transaction calls."""
        state = self.vm_state
        if transaction.type_id in _RARE_TYPES or not transaction.to or not state.config.validates:
            return super().build_evm_message(transaction)
        fee = transaction.gas * state.get_gas_price(transaction)
        state.accounts.count_transaction(transaction.sender, fee)
        code, delegate = self.get_code_at_address(transaction.to)
        gas = transaction.gas - transaction.intrinsic_gas
        return TransactionMessage(transaction, gas, code, is_delegation=delegate is not None)

    def get_code_at_address(self, code_address: Any) -> tuple[bytes, Any]:
        """Return the code that a call runs, and the account whose it is where that is another.

        A precompile has none for those that delegate to it (EIP-7702), though an exchange's account
        holds a byte for Solidity to see.
        """
        code, delegate = super().get_code_at_address(code_address)
        if delegate is None:
            return code, None
        moved = self.vm_state.config.precompiles
        precompiles = self.vm_state.computation_class.get_precompiles() if moved is None else moved
        return b"" if delegate in precompiles else code, delegate

    def build_computation(self, message: Any, transaction: Any) -> Any:
        """Run a message; what only moves wei to an account without code has nothing to run."""
        state = self.vm_state
        if type(message) is not TransactionMessage:
            return super().build_computation(message, transaction)
        sender, to, value = message.sender, message.to, message.value
        if (
            not message.code
            and to not in state.computation_class.get_precompiles()
            and state.config.is_plain
            and state.get_balance(sender) >= value
        ):
            if value:
                state.delta_balance(sender, -value)
                state.delta_balance(to, value)
            return Payment(state, message, state.get_transaction_context(transaction))
        accounts = state.accounts
        accounts.mark_address_warm(sender)
        accounts.mark_address_warm(to)
        for address, slots in transaction.access_list:
            accounts.mark_address_warm(address)
            for slot in slots:
                accounts.mark_storage_warm(address, slot)
        context = state.get_transaction_context(transaction)
        return state.computation_class.apply_message(state, message, context)

    def finalize_computation(self, transaction: Any, computation: Any) -> Any:
        """Settle gas, and clear accounts that are gone or empty (EIP-161)."""
        state = self.vm_state
        left = computation.get_gas_remaining()
        used = transaction.gas - left
        refund = min(computation.get_gas_refund(), used // _REFUNDED_AT_MOST)
        floor = self.calc_data_floor_gas(transaction, used, refund)
        computation.data_floor_gas = floor
        back = (refund + left - floor) * computation.transaction_context.gas_price
        accounts = state.accounts
        if back:
            sender = computation.msg.sender
            accounts.set_balance(sender, accounts.get_balance(sender) + back)
        fee = (used - refund + floor) * state.get_tip(transaction)
        if fee:
            state.delta_balance(state.coinbase, fee)
        if computation.children or computation.beneficiaries:
            for address in computation.get_accounts_for_deletion():
                state.delete_account(address)
        for address in _touched(computation):
            accounts.clear_if_empty(address)
        accounts.delete_touched()
        return computation

    def calc_data_floor_gas(  # type: ignore[override] # py-evm's asks nothing of the state
        self, transaction: SignedTransactionAPI, gas_used: int, gas_refund: int
    ) -> int:
        """Gas on top of what was used, where the rules have a floor (EIP-7623)."""
        if not self.vm_state.rules.has_calldata_floor:
            return 0
        return super().calc_data_floor_gas(transaction, gas_used, gas_refund)


def _touched(computation: Any) -> set[bytes]:
    """Return who may have to be cleared (EIP-161); RIPEMD even where what touched it failed."""
    if not computation.children:
        to, heirs = computation.msg.to, computation.beneficiaries
        if computation.is_success:
            return {computation.state.coinbase, to, *heirs} - {b""}
    found = {computation.state.coinbase}
    waiting = [(computation, True)]
    while waiting:
        message, stays = waiting.pop()
        stays = stays and message.is_success
        heirs = message.beneficiaries if message.is_success else ()
        found |= {it for it in (message.msg.to, *heirs) if it and (stays or it == _RIPEMD)}
        waiting += [(child, stays) for child in message.children]
    return found
