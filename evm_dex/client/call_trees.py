"""Call trees of a chain's transactions and calls, executed again to see what happens in them."""

from __future__ import annotations

from collections.abc import Callable

from evm_dex.abi.console_log import console_lines
from evm_dex.blocks.addresses import Account, AddressLike, HashLike, to_address, to_hash
from evm_dex.chain.block_store import BlockId
from evm_dex.chain.chain import Chain
from evm_dex.chain.traces import console_calls, trace_call, trace_transaction
from evm_dex.client.call_tree import KnownContracts
from evm_dex.evm.calls import Call
from evm_dex.evm.compiler.watched import Trails
from evm_dex.evm.config import ExecutionConfig
from evm_dex.evm.tracer import Tracer


def _trailing() -> ExecutionConfig:
    """Return a configuration under which frames know by which code they came to their end."""
    return ExecutionConfig(watch=Trails())


class CallTrees:
    """Trees with everything decoded that the chain's known contracts have an ABI for."""

    def __init__(self, chain: Chain, default_sender: Account) -> None:
        self._chain = chain
        self._default_sender = default_sender
        self.known = KnownContracts()

    def of_transaction(self, transaction_hash: HashLike) -> str:
        """Return the tree of a mined transaction.

        Raises UnknownTransaction, UndoExpired for a block too far back, StateMissing.
        """
        name = to_hash(transaction_hash)
        trace = trace_transaction(self._chain, name, Tracer(), _trailing())
        return self.known.tree(trace.frame)

    def console(self, transaction_hash: HashLike) -> tuple[str, ...]:
        """Return the lines that a mined transaction printed. Raises like `of_transaction`."""
        return console_lines(console_calls(self._chain, to_hash(transaction_hash)))

    def of_call(
        self,
        *,
        to: AddressLike | None = None,
        data: bytes = b"",
        value: int = 0,
        sender: AddressLike | None = None,
        gas: int | None = None,
        block: BlockId = "latest",
    ) -> str:
        """Return the tree of a call after a block, whether it fails or not. Raises UnknownBlock."""
        call = Call(
            sender=to_address(self._default_sender if sender is None else sender),
            to=b"" if to is None else to_address(to),
            data=data,
            value=value,
            gas=gas,
            config=_trailing(),
        )
        return self.known.tree(trace_call(self._chain, call, block, Tracer()).frame)

    def later(
        self,
        *,
        to: AddressLike | None,
        data: bytes,
        value: int,
        sender: AddressLike | None,
        block: BlockId,
    ) -> Callable[[], str]:
        """Return what makes a call's tree when somebody looks, of the chain as it is now."""
        head = self._chain.head.hash

        def make() -> str:
            is_moved = self._chain.head.hash != head
            at = head if block == "latest" or (block == "pending" and is_moved) else block
            return self.of_call(to=to, data=data, value=value, sender=sender, block=at)

        return make
