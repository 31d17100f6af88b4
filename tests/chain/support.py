"""A precompile that does as it is told, and chains to try it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checkpoint.families import Family
from checkpoint.memory_store import MemoryStore
from checkpoint.store import Store
from evm_dex.blocks.dev_accounts import KeyPair, default_accounts
from evm_dex.blocks.transaction import Transaction, sign
from evm_dex.chain.block_store import IncludedTransaction
from evm_dex.chain.chain import Chain
from evm_dex.chain.open_chain import open_chain
from precompiles.context import CallContext
from precompiles.errors import AmountZero
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.recovery import RecoveryReport, open_ledger
from precompiles.ledger.storage import RowStorage
from precompiles.types import SPOT_ADDRESS, Address

TOKEN = Address(b"\x77" * 20)
WRITE_GAS = 5_000

ADD = b"\x01"
"""ADD n: the caller's balance grows by the byte n; returns the new balance as one word."""
ADD_AND_REVERT = b"\x02"
ADD_AND_FAIL = b"\x03"
"""A bug: a Python exception that is nobody's revert."""
CALL = b"\x04"
"""CALL address calldata: calls on in the precompile's name, passing the value it was sent."""
EMIT = b"\x05"
CONTEXT = b"\x06"
"""Returns caller, value, is_static, is_delegate, block number and timestamp, a word each."""
EXHAUST = b"\x07"
"""Adds, then charges more than there is."""


class Bug(Exception):  # noqa: N818 - it is one
    """Raised by ADD_AND_FAIL."""


class ScriptedPrecompile:
    """The first byte of the calldata says what to do."""

    def __init__(self, ledger: Ledger, address: Address = SPOT_ADDRESS) -> None:
        self.ledger = ledger
        self.address = address

    def run(self, context: CallContext, calldata: bytes) -> bytes:
        """Do one thing."""
        command, rest = calldata[:1], calldata[1:]
        if command == CONTEXT:
            flags = (context.value, context.is_static, context.is_delegate)
            words = (*flags, context.block_number, context.timestamp)
            return context.caller.rjust(32, b"\0") + b"".join(word(int(item)) for item in words)
        if command == CALL:
            succeeded, output = context.call(Address(rest[:20]), context.value, rest[20:])
            return word(int(succeeded)) + output
        if command == EMIT:
            context.emit((1, 2), rest)
            return b""
        context.charge(WRITE_GAS)
        self.ledger.spot.change_balance(context.caller, TOKEN, total=rest[0])
        if command == ADD_AND_REVERT:
            raise AmountZero
        if command == ADD_AND_FAIL:
            raise Bug
        if command == EXHAUST:
            context.charge(context.gas_remaining() + 1)
        return word(self.ledger.spot.balance(context.caller, TOKEN).total)


def word(value: int) -> bytes:
    """One ABI word."""
    return value.to_bytes(32, "big")


@dataclass(frozen=True)
class Scripted:
    """The scripted precompile on a ledger."""

    by_address: Mapping[Address, ScriptedPrecompile]
    ledger: Ledger
    report: RecoveryReport


def restore(storage: RowStorage) -> Scripted:
    """The scripted precompile on whatever is stored."""
    ledger, report = open_ledger(storage)
    return Scripted({SPOT_ADDRESS: ScriptedPrecompile(ledger)}, ledger, report)


class World:
    """A chain, and shorthand for sending it things from account 0."""

    def __init__(
        self, store: Store | None = None, *, automine: bool = True, genesis: Any = None
    ) -> None:
        self.store = MemoryStore() if store is None else store
        self.chain: Chain = open_chain(self.store, genesis, automine=automine, restore=restore)
        self.account: KeyPair = default_accounts()[0]

    @property
    def ledger(self) -> Ledger:
        """The ledger under the chain."""
        return self.chain.ledger

    def signed(
        self,
        to: bytes,
        data: bytes = b"",
        *,
        account: KeyPair | None = None,
        type_id: int = 2,
        **changes: Any,
    ) -> Transaction:
        """A signed transaction with the sender's next nonce."""
        account = account or self.account
        fields = {
            "chain_id": self.chain.chain_id,
            "nonce": self.chain.next_nonce(account.address),
            "gas": 1_000_000,
            "to": to,
            "value": 0,
            "data": data,
        }
        if type_id:
            fields["access_list"] = ()
        price = 2 * 10**9
        fields |= (
            {"max_priority_fee_per_gas": 0, "max_fee_per_gas": price}
            if type_id >= 2
            else {"gas_price": price}
        )
        return sign(account.signer, type_id, fields | changes)

    def send(self, to: bytes, data: bytes = b"", **changes: Any) -> IncludedTransaction:
        """Send, and see what came of it."""
        transaction = self.chain.send(self.signed(to, data, **changes))
        return self.chain.blocks.included(transaction.hash)

    def deploy(self, init_code: bytes) -> Address:
        """Put a contract on the chain."""
        included = self.send(b"", init_code)
        assert included.receipt.succeeded, included.receipt.error
        address = included.transaction.create_address
        assert address is not None
        return address

    def balance(self, user: Address | None = None) -> int:
        """What the scripted precompile has noted for a user; account 0 by default."""
        return self.ledger.spot.balance(user or self.account.address, TOKEN).total


def state_of_everything(world: World) -> tuple[Any, ...]:
    """All that a call must leave alone: head, journal, ledger rows, nodes, store contents."""
    ledger = world.ledger
    rows = {number: dict(table.rows) for number, table in ledger.tables.items()}
    nodes = world.chain._sealer._nodes.pending
    return (
        world.chain.head.hash,
        world.chain.state.state_root,
        ledger.journal.mark(),
        rows,
        ledger.commitment,
        dict(nodes),
        contents(world.store),
    )


def contents(store: Store) -> dict[str, dict[bytes, bytes]]:
    """Every key and value of a store."""
    return {family.value: dict(store.iterate(family)) for family in Family}
