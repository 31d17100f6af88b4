"""A chain with the real exchange and an endless flow of transactions that trade on it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import evm_dex
from checkpoint.families import Family
from checkpoint.memory_store import MemoryStore
from checkpoint.store import Store
from checkpoint.store_batch import BlockBatch
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.transaction import Transaction, sign
from evm_dex.chain.open_chain import open_chain
from evm_dex.client.dex import Dex
from evm_dex.replay.order_flow import generate
from evm_dex.replay.runner import Replay, deposit
from precompiles.ledger.storage import Commitment

DEPTH = 50


class RememberingStore(MemoryStore):
    """One that knows what the ended rows add up to, as one on disk does after a clean end."""

    def __init__(self) -> None:
        super().__init__()
        self._known: Commitment | None = None

    def write(self, batch: BlockBatch) -> None:
        super().write(batch)
        if batch.head is not None:
            self._known = batch.ended

    def ended(self) -> Commitment | None:
        return self._known


@cache
def transactions(seed: int, count: int) -> tuple[bytes, ...]:
    """Raw transactions that can be sent one after another to a fresh chain, a block each."""
    raws: list[bytes] = []
    with evm_dex.open() as dex:
        steps = _flow(dex, seed)
        while dex.head.number < count:
            next(steps)
            raws += _raws(dex, len(raws) + 1)
    return tuple(raws[:count])


def open_on(store: Store | None = None, **options: Any) -> Dex:
    """A chain with the exchange on a store of the test's."""
    store = MemoryStore() if store is None else store
    return Dex(open_chain(store, **options), store, None)


def state_of(dex: Dex) -> dict[str, Any]:
    """All that tells one chain's present from another's."""
    store = dex.store
    return {
        "head": dex.head.hash.hex(),
        "commitment": dex.chain.ledger.commitment,
        "rows": dict(store.iterate(Family.ROWS)),
        "active": dict(store.iterate(Family.ACTIVE)),
        "hashes": dict(store.iterate(Family.HASHES)),
        "headers": dict(store.iterate(Family.HEADERS)),
        "transactions": dict(store.iterate(Family.TRANSACTIONS)),
        "undo": dict(store.iterate(Family.UNDO)),
        "depth": dex.spot.call("getDepth", dex.tokens["WETH"], DEPTH),
        "memory": {number: dict(table.rows) for number, table in dex.chain.ledger.tables.items()},
        "violations": dex.self_check(),
    }


def _flow(dex: Dex, seed: int) -> Iterator[None]:
    for account in dex.accounts[:2]:
        for _ in deposit(dex, account):
            yield
    replay = Replay(dex, dex.tokens["WETH"], maker=dex.accounts[0], taker=dex.accounts[1])
    for instruction in generate(seed):
        if replay.apply(instruction) is not None:
            yield


def _raws(dex: Dex, first: int) -> Iterator[bytes]:
    for height in range(first, dex.head.number + 1):
        for transaction_hash in dex.block(height).transactions:
            yield _with_room(dex, dex.transaction(transaction_hash))


def _with_room(dex: Dex, transaction: Transaction) -> bytes:
    """The transaction signed again with a max fee that will do on any branch."""
    signers = {account.address: account.signer for account in default_accounts()}
    fields = {
        "chain_id": dex.chain.chain_id,
        "nonce": transaction.nonce,
        "max_priority_fee_per_gas": 0,
        "max_fee_per_gas": 10**10,
        "gas": transaction.gas,
        "to": transaction.to,
        "value": transaction.value,
        "data": transaction.data,
        "access_list": (),
    }
    return sign(signers[transaction.sender], 2, fields).raw
