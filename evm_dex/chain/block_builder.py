"""Which transactions go into a block: the keeper's, then those that wait and fit."""

from __future__ import annotations

from collections.abc import Iterator

from eth_utils.exceptions import ValidationError

from evm_dex.chain.keeper import keeper_transaction
from evm_dex.chain.mempool import Dropped, Mempool
from evm_dex.chain.sealing import Sealer
from precompiles.ledger.ledger import Ledger


def include_pending(sealer: Sealer, mempool: Mempool) -> Iterator[Dropped]:
    """Apply what waits to the block in work; those that had become invalid."""
    for transaction in mempool.fitting(sealer.fits):
        try:
            sealer.apply(transaction)
        except ValidationError as error:
            yield Dropped(transaction.hash, str(error))
        except BaseException:
            # One that brings up a bug must not do so in every block; the others wait on.
            mempool.remove(transaction.hash)
            raise


def include_keeper(sealer: Sealer, ledger: Ledger, chain_id: int, limit: int) -> Iterator[Dropped]:
    """Let the keeper go first, unless `limit` is 0; dropped where it cannot pay for its gas."""
    if not limit:
        return
    transaction = keeper_transaction(ledger, sealer.state, sealer.header, chain_id, limit)
    if transaction is not None:
        try:
            sealer.apply(transaction)
        except ValidationError as error:
            yield Dropped(transaction.hash, str(error))
