"""The node's end of forge's bridge: calls that happen on top of the block that forge's EVM is at.

Forge takes its own EVM back after each test, run and reverted call, and remembers in it the hash of
the block that its last call made. So the node goes to that block before it does anything: back, or
forth again along calls that it made earlier, which give the same blocks. Others never see these
blocks: before their requests the node goes back to where forge found it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from evm_dex.blocks.receipt import Log
from evm_dex.blocks.transaction import unsigned
from evm_dex.chain.chain import Chain
from evm_dex.chain.snapshots import SnapshotId
from evm_dex.chain.traces import trace_transaction
from evm_dex.client.cheats.state_cheats import StateCheats
from evm_dex.errors import ChainError, UnknownBlock
from evm_dex.evm.tracer import Tracer
from precompiles.types import Address

_REMEMBERED = 100_000
_SNAPSHOT = "before forge"
_LEGACY = 0
BRIDGE = "dex_bridge"
"""Prefix of the names of forge's methods; all others are for callers who see no bridge."""
BRIDGE_REQUEST = ("bytes32", "uint256", "bool", "address", "address", "uint256", "bytes")
"""A call as it is ABI-encoded: block, time, whether it is a view, from, to, wei, data."""
BRIDGE_OUTCOME = "(bytes32,bool,bytes,uint256,(address,bytes32[],bytes)[])"
"""The outcome: block, success, output, wei paid to the caller, logs."""


class BridgedCall(msgspec.Struct, frozen=True):
    """A call of anybody's, as forge makes it."""

    timestamp: int
    """Seconds of forge's block; the node's are not before it."""
    sender: Address
    to: Address
    value: int
    data: bytes


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of a call, and the wei that it paid to the caller."""

    succeeded: bool
    output: bytes
    logs: tuple[Log, ...] = ()
    paid: int = 0


class ForgeBridge:
    """Goes where forge's EVM is, and on from there."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._cheats = StateCheats(chain)
        self._steps: dict[bytes, tuple[bytes, Callable[[], object]]] = {}
        """The way to each block: the one before, and the call made there."""
        self._found: SnapshotId = 0
        """The chain as it was when forge came."""
        self._is_busy = False

    @property
    def head(self) -> bytes:
        """The hash of the head."""
        return self._chain.head.hash

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Stay where forge is inside the context, whoever asks meanwhile."""
        self._is_busy = True
        try:
            yield
        finally:
            self._is_busy = False

    def begin(self) -> None:
        """Begin where the chain is without what came over the bridge."""
        self._leave()
        self._found = self._chain.snapshot(_SNAPSHOT)

    @property
    def is_away(self) -> bool:
        """Whether the chain is where forge left it, and forge is not at work there."""
        return not self._is_busy and self.head in self._steps

    def leave(self) -> None:
        """Go back to where forge found the chain, before somebody else asks."""
        if not self._is_busy:
            self._leave()

    def _leave(self) -> None:
        if self.head in self._steps:
            self._chain.revert(self._found)

    def go_to(self, block_hash: bytes) -> None:
        """Make a block the head. Raises ChainError for one that can't be reached any more."""
        steps: list[Callable[[], object]] = []
        while True:
            try:
                header = self._chain.header(block_hash)
                break
            except UnknownBlock:
                if block_hash not in self._steps:
                    raise ChainError(
                        f"forge is at block 0x{block_hash.hex()}, which has gone from this node: "
                        "start the tests again, and let nobody else go back meanwhile"
                    ) from None
                block_hash, step = self._steps[block_hash]
                steps.append(step)
        if header.hash != self.head:
            self._chain.rollback(header.hash)
        for step in reversed(steps):
            step()

    def do(self, step: Callable[[], object]) -> None:
        """Do something on top of the head, so that it can be done there again."""
        before = self.head
        step()
        self._remember(before, step)

    def call(self, call: BridgedCall) -> Outcome:
        """Make a call in a block of its own; one that fails leaves nothing."""
        before = self.head
        outcome = self._transact(call)
        if outcome.succeeded:
            self._remember(before, lambda: self._transact(call))
        elif self.head != before:
            self._chain.rollback(before)
        return outcome

    def _remember(self, before: bytes, step: Callable[[], object]) -> None:
        if self.head != before:
            if len(self._steps) >= _REMEMBERED:
                self._steps.pop(next(iter(self._steps)))
            self._steps[self.head] = (before, step)

    def _transact(self, call: BridgedCall) -> Outcome:
        """Send a transaction of the caller's, signed or not, in a block whose gas is free."""
        chain, cheats = self._chain, self._cheats
        balance = chain.state.get_balance(call.sender)
        if balance < call.value:  # what it has is known to forge alone
            cheats.set_balance(call.sender, call.value)
            balance = call.value
        if call.timestamp > chain.next_header().timestamp:
            cheats.set_next_timestamp(call.timestamp)
        cheats.set_next_base_fee(0)
        fields = {
            "chain_id": chain.chain_id,
            "nonce": chain.state.get_nonce(call.sender),
            "gas_price": 0,
            "gas": chain.next_header().gas_limit,
            "to": call.to,
            "value": call.value,
            "data": call.data,
        }
        transaction = unsigned(call.sender, _LEGACY, fields)
        with chain.settings.impersonation.of(call.sender), chain.mining_at_once():
            chain.send(transaction)
        included = chain.blocks.included(transaction.hash)
        if not included.receipt.succeeded:
            return Outcome(succeeded=False, output=included.receipt.output)
        paid = chain.state.get_balance(call.sender) - balance + call.value
        output = trace_transaction(chain, transaction.hash, Tracer()).frame.output
        return Outcome(True, output, included.receipt.logs, max(paid, 0))
