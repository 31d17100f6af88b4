"""Orders straight into a ledger and its store, as no EVM could bring them in reasonable time."""

from __future__ import annotations

from random import Random

from checkpoint.head import Head
from checkpoint.store_batch import BlockBatch
from evm_dex.client.dex import Dex
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.spot import Order
from precompiles.spot.funds import credit
from precompiles.spot.placing import OrderRequest, place
from precompiles.types import Address, CloseReason, OrderStatus, TimeInForce

USDC = 10**6
_SHARE = 1_000
_ENDED_SHARE = 20_000


def fill(dex: Dex, asset: Address, orders: int) -> None:
    """Rest that many orders, none of which cross; a commit and an account for each thousand."""
    for first in range(0, orders, _SHARE):
        _place(dex.chain.ledger, asset, first, min(_SHARE, orders - first))
        _commit(dex)


def _place(ledger: Ledger, asset: Address, first: int, count: int) -> None:
    random = Random(first)
    owner = Address((first // _SHARE + 1).to_bytes(20, "big"))
    execution = Execution(ledger, owner, 0)
    quote = ledger.spot.markets.rows[asset].quote
    for token in (asset, quote):
        credit(execution, owner, token, 10**24)
    for _ in range(count):
        is_buy = bool(random.getrandbits(1))
        distance = random.randint(1, 10_000)
        price = 3_000 * USDC + (-distance if is_buy else distance) * 10_000
        place(execution, OrderRequest(asset, random.randint(1, 100) * 10**14, price, is_buy))


def _commit(dex: Dex) -> None:
    """Our own part of a block: fold, batch, write, accept. The EVM state stays as it is."""
    changes = dex.chain.ledger.seal()
    head = dex.store.head()
    assert head is not None
    batch = BlockBatch()
    batch.add_ledger(changes, head.height)
    batch.set_head(
        Head(head.chain_id, head.height, head.block_hash, head.state_root, changes.commitment)
    )
    dex.store.write(batch)
    dex.chain.ledger.accept(changes)


def fill_ended(dex: Dex, asset: Address, orders: int) -> None:
    """Leave that many cancelled orders behind, as rows alone: none of them ever rested."""
    ledger = dex.chain.ledger
    for first in range(0, orders, _ENDED_SHARE):
        for number in range(first, min(first + _ENDED_SHARE, orders)):
            order = Order(
                id=ledger.next_order_id(),
                owner=Address((number % 1_000 + 1).to_bytes(20, "big")),
                asset=asset,
                is_buy=number % 2 == 0,
                price=3_000 * USDC + number,
                amount=10**18 + number,
                filled=0,
                filled_quote=0,
                status=OrderStatus.CANCELLED,
                reason=CloseReason.USER_CANCELLED,
                time_in_force=TimeInForce.GTC,
                client_order_id=0,
                block_number=1,
            )
            ledger.spot.orders.put(order.id, order)
        _commit(dex)
