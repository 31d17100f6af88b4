"""The JSON-RPC node of a validator: its blocks are final, and its transactions go to all others."""

from __future__ import annotations

from evm_dex.blocks.transaction import Transaction
from evm_dex.client.dex import Dex
from evm_dex.node.node import Node
from evm_dex.validator.relay import Gossip


class ValidatorNode(Node):
    """A node without cheats and keys, whose transactions the validators put into blocks."""

    def __init__(self, dex: Dex, gossip: Gossip) -> None:
        super().__init__(dex.chain, dex=dex, cheats=False, client_name="evm-dex")
        self._gossip = gossip

    def submit(self, transaction: Transaction) -> bytes:
        """Let a transaction wait here and on all validators; its hash.

        One that waits already is handed on again: the engine may have had no room for it.
        Raises TransactionRejected, RpcError.
        """
        if transaction.hash in self.chain.mempool:
            self._gossip.hand_on(transaction.raw)
        transaction_hash = super().submit(transaction)
        try:
            self._gossip.hand_on(transaction.raw)
        except BaseException:
            self.chain.drop_transactions(lambda waiting: waiting is transaction)
            raise
        return transaction_hash
