"""Random but legal order flow as updates: several users, two exchanges, triggers, rollbacks.

Not made by the engine; a few lines of rules make every kind of update there is, in blocks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

from msgspec.structs import replace

from evm_dex.orderlog.order_update import Exchange, Kind, OrderUpdate, Totals
from evm_dex.orderlog.statistics import stats_delta
from precompiles.types import Address, CloseReason, OrderKind, OrderStatus

USERS = [Address(bytes([n]) * 20) for n in range(1, 7)]
MARKETS = [
    (Exchange.SPOT, Address(b"\xaa" * 20)),
    (Exchange.SPOT, Address(b"\xbb" * 20)),
    (Exchange.PERP, Address(b"\xaa" * 20)),
]
GENESIS_TIME = 1_790_000_000
BASE_UNIT = 10**6
_MOST_OPEN = 100
"""Orders, and triggers; so that a long flow takes no longer per event than a short one."""
_NO_HASH = bytes(32)


class Flow:
    """A market place that keeps, per block, what it takes to go back to it."""

    def __init__(self, seed: int, *, seconds_per_block: int = 1, rollbacks: bool = True) -> None:
        self._random = random.Random(seed)
        self._seconds = seconds_per_block
        self._rollbacks = rollbacks
        self.events: list[OrderUpdate] = []
        """Everything so far, by ascending event id."""
        self.orders: dict[int, OrderUpdate] = {}
        """The last update of each order there is."""
        self._open: dict[int, None] = {}
        self._waiting: dict[int, None] = {}
        self._counters = {"order": 0, "trade": 0}
        self._block = 0
        self._log = 0
        self._begun: list[tuple[int, dict[int, OrderUpdate | None], dict[str, int]]] = []
        """Per block: events before it, each order it changed as it was before, ids before it."""

    def make(self, count: int) -> list[OrderUpdate]:
        """Go on until there are at least `count` events; all of them."""
        while len(self.events) < count:
            if self._rollbacks and len(self._begun) > 3 and self._random.random() < 0.05:
                self._roll_back(self._random.randint(1, 3))
            else:
                self._mine(self._random.randint(0, 12))
        return self.events

    def _mine(self, actions: int) -> None:
        self._begun.append((len(self.events), {}, dict(self._counters)))
        del self._begun[:-4]
        self._block += 1
        self._log = 0
        for _ in range(actions):
            self._act()

    def _act(self) -> None:
        chance = self._random.random()
        if len(self._open) > _MOST_OPEN:
            self._close(self.orders[next(iter(self._open))])
        if len(self._waiting) > _MOST_OPEN:
            waiting = self.orders[next(iter(self._waiting))]
            self._emit(replace(waiting, kind=Kind.CLOSED, status=OrderStatus.CANCELLED))
        live = [self.orders[order_id] for order_id in self._open]
        if chance < 0.4 or len(live) < 4:
            self._place()
        elif chance < 0.75:
            self._trade(*self._random.sample(live, 2))
        elif chance < 0.85:
            self._close(self._random.choice(live))
        elif chance < 0.9:
            self._reduce(self._random.choice(live))
        else:
            self._trigger()

    def _place(self) -> None:
        exchange, market = self._random.choice(MARKETS)
        self._counters["order"] += 1
        update = OrderUpdate(
            event_id=0,
            kind=Kind.PLACED,
            exchange=exchange,
            order_id=self._counters["order"],
            client_order_id=self._random.choice([0, 0, 7, 2**100]),
            user=self._random.choice(USERS),
            market=market,
            is_buy=self._random.random() < 0.5,
            status=OrderStatus.NEW,
            price=self._random.randint(1, 10**4),
            quantity=self._random.randint(1, 50) * BASE_UNIT,
            block_number=0,
            transaction_hash=_NO_HASH,
            log_index=0,
            timestamp=0,
        )
        if exchange == Exchange.PERP and self._random.random() < 0.3:
            waiting = {"kind": Kind.TRIGGER_PLACED, "status": OrderStatus.UNTRIGGERED}
            update = replace(update, order_type=OrderKind.TRIGGER, trigger_price=5, **waiting)
        self._emit(update)

    def _trade(self, maker: OrderUpdate, taker: OrderUpdate) -> None:
        most = min(maker.leaves, taker.leaves)
        amount = self._random.choice([most, self._random.randint(1, most)])
        quote = amount * maker.price // BASE_UNIT
        self._counters["trade"] += 1
        for order, is_maker in ((maker, True), (taker, False)):
            filled, filled_quote = order.filled_quantity + amount, order.filled_quote + quote
            complete = filled == order.quantity
            self._emit(
                replace(
                    order,
                    kind=Kind.TRADE,
                    status=OrderStatus.FILLED if complete else OrderStatus.PARTIALLY_FILLED,
                    filled_quantity=filled,
                    filled_quote=filled_quote,
                    average_price=filled_quote * BASE_UNIT // filled,
                    last_price=maker.price,
                    last_quantity=amount,
                    last_quote=quote,
                    trade_id=self._counters["trade"],
                    is_maker=is_maker,
                    fee=quote // 100 + is_maker,
                )
            )

    def _close(self, order: OrderUpdate) -> None:
        status = self._random.choice([OrderStatus.CANCELLED, OrderStatus.EXPIRED])
        reason = CloseReason.USER_CANCELLED if status == 4 else CloseReason.IOC_REMAINDER
        self._emit(replace(order, kind=Kind.CLOSED, status=status, reason=reason))

    def _reduce(self, order: OrderUpdate) -> None:
        if order.leaves > 1:
            smaller = order.quantity - self._random.randint(1, order.leaves - 1)
            self._emit(replace(order, kind=Kind.REDUCED, quantity=smaller))

    def _trigger(self) -> None:
        if not self._waiting:
            return
        order = self.orders[self._random.choice(list(self._waiting))]
        if self._random.random() < 0.3:
            self._emit(replace(order, kind=Kind.CLOSED, status=OrderStatus.CANCELLED))
            return
        self._emit(replace(order, kind=Kind.TRIGGER_FIRED))
        if self._random.random() < 0.3:
            self._emit(replace(order, kind=Kind.CLOSED, status=OrderStatus.REJECTED))
        else:
            self._emit(replace(order, kind=Kind.PLACED, status=OrderStatus.NEW))

    def _emit(self, update: OrderUpdate) -> None:
        blank = {"last_price": 0, "last_quantity": 0, "last_quote": 0, "trade_id": 0}
        if update.kind != Kind.TRADE:
            update = replace(update, **blank, is_maker=False, fee=0)
        update = replace(
            update,
            event_id=len(self.events) + 1,
            block_number=self._block,
            transaction_hash=bytes([self._block % 256, self._log % 256]) * 16,
            log_index=self._log,
            timestamp=GENESIS_TIME + self._block * self._seconds,
        )
        self._log += 1
        self.events.append(update)
        self._begun[-1][1].setdefault(update.order_id, self.orders.get(update.order_id))
        self.orders[update.order_id] = update
        self._note(update)

    def _note(self, update: OrderUpdate) -> None:
        self._open.pop(update.order_id, None)
        self._waiting.pop(update.order_id, None)
        if update.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED):
            self._open[update.order_id] = None
        elif update.status == OrderStatus.UNTRIGGERED:
            self._waiting[update.order_id] = None

    def _roll_back(self, blocks: int) -> None:
        first, _, self._counters = self._begun[-blocks]
        changed: dict[int, OrderUpdate | None] = {}
        for _, before_block, _ in reversed(self._begun[-blocks:]):
            changed |= before_block
        taken_back = self._undone(first)
        undone = {event.order_id: event for event in taken_back}
        del self._begun[-blocks:]
        self._block -= blocks
        for order_id, last in sorted(undone.items()):
            events = [event for event in taken_back if event.order_id == order_id]
            trades = [event.trade_id for event in events if event.kind == Kind.TRADE]
            before = changed[order_id] or replace(last, status=OrderStatus.GONE)
            self._block_event(before, sum((stats_delta(e) for e in events), Totals()), trades)
        for order_id, last in undone.items():
            was = changed[order_id]
            self._note(was or replace(last, status=OrderStatus.GONE))
            if was is None:
                del self.orders[order_id]
            else:
                self.orders[order_id] = was

    def _undone(self, first: int) -> list[OrderUpdate]:
        """Updates of the blocks taken back that were not taken back before."""
        kept: list[OrderUpdate] = []
        for event in self.events[first:]:
            if event.kind == Kind.ROLLED_BACK:
                kept = [e for e in kept if e.block_number <= event.block_number]
            else:
                kept.append(event)
        return kept

    def _block_event(self, before: OrderUpdate, undone: Totals, trades: list[int]) -> None:
        self.events.append(
            replace(
                before,
                event_id=len(self.events) + 1,
                kind=Kind.ROLLED_BACK,
                last_price=0,
                last_quantity=0,
                last_quote=0,
                trade_id=min(trades, default=0),
                is_maker=False,
                fee=0,
                block_number=self._block,
                transaction_hash=_NO_HASH,
                log_index=0,
                timestamp=GENESIS_TIME + self._block * self._seconds,
                undone=undone,
            )
        )


def batches(events: list[OrderUpdate], seed: int) -> Iterator[list[OrderUpdate]]:
    """The same events cut into pieces of random length."""
    rng = random.Random(seed)
    cuts = sorted({0, len(events), *(rng.randint(0, len(events)) for _ in range(9))})
    for start, end in pairwise(cuts):
        yield events[start:end]
