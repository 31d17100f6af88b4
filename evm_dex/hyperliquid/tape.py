"""The record of the chain in the words of the API: fills, trades, candles, funding, orders.

It is read from the logs of blocks, oldest first, and taken back with them; nothing is kept that the
chain does not have. Per account and per coin so much is kept as the API answers for.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

from evm_dex.blocks.header import Header
from evm_dex.blocks.receipt import Log
from evm_dex.blocks.transaction import decode
from evm_dex.chain.chain_reader import ChainReader
from evm_dex.hyperliquid.earnings import Earnings
from evm_dex.hyperliquid.ledger_updates import LedgerUpdate, StakingUpdate, updates_of
from evm_dex.hyperliquid.listings import Listing, Listings
from evm_dex.hyperliquid.tape_records import (
    FundingPayment,
    FundingRate,
    OrderChange,
    TapeFill,
    TapeTrade,
)
from evm_dex.orderlog.block_undo import BlockUndo
from evm_dex.orderlog.candles import Candles
from evm_dex.orderlog.recorder import order_event
from precompiles.engine.position import Exposure, apply_fill
from precompiles.hyper.system_addresses import SYSTEM_SENDER
from precompiles.orders import events as shared
from precompiles.orders.builder_fees import BuilderFeePaid
from precompiles.orders.rebates import MakerRebatePaid
from precompiles.perp import events as perp_events
from precompiles.types import PERP_ADDRESS, ZERO_ADDRESS, Address, PositionStatus

MOST_FILLS = 10_000
"""Kept of each account, as the API does."""
MOST_ORDERS = 2_000
MOST_TRADES = 2_000
"""Kept of each coin."""
_POSITION = perp_events.PositionChanged
_SETTLED = perp_events.FundingSettled
_PRICED = perp_events.OraclePriceSet
_NOTHING = Exposure(0, 0)


class Tape:
    """The history of one chain, kept in memory and followed block by block."""

    def __init__(self, chain: ChainReader, listings: Listings) -> None:
        self._chain = chain
        self._listings = listings
        self._start_over()

    def _start_over(self) -> None:
        self.height = 0
        self.fills: dict[Address, deque[TapeFill]] = defaultdict(lambda: deque(maxlen=MOST_FILLS))
        self.orders: dict[Address, deque[OrderChange]] = defaultdict(
            lambda: deque(maxlen=MOST_ORDERS)
        )
        self.trades: dict[str, deque[TapeTrade]] = defaultdict(lambda: deque(maxlen=MOST_TRADES))
        self.payments: dict[Address, deque[FundingPayment]] = defaultdict(
            lambda: deque(maxlen=MOST_FILLS)
        )
        self.rates: dict[str, list[FundingRate]] = defaultdict(list)
        self.ledger_updates: dict[Address, deque[LedgerUpdate]] = defaultdict(
            lambda: deque(maxlen=MOST_FILLS)
        )
        self.stakings: dict[Address, deque[StakingUpdate]] = defaultdict(
            lambda: deque(maxlen=MOST_FILLS)
        )
        self.candles: Candles[str] = Candles()
        self.marks: Candles[str] = Candles()
        """Mark prices as oracle prices came in."""
        self.earnings = Earnings()
        self._exposures: dict[tuple[Address, Address], Exposure] = {}
        self._client_ids: dict[int, int] = {}
        self._builder_fees: dict[int, BuilderFeePaid] = {}
        self._rebates: dict[int, int] = {}
        """By order, of the trade whose log comes next."""
        self._undo = BlockUndo()

    def read_all(self, told: Callable[[int, int], object] = lambda _done, _all: None) -> None:
        """Read the whole chain; `told` hears how many blocks of how many are read."""
        self._start_over()
        head = self._chain.head.block_number
        for height in self._chain.blocks.heights(0, head):
            self.add_block(self._chain.header(height))
            if height % 1_000 == 0:
                told(height, head)

    def follow(self, went_back_to: int, headers: Iterable[Header]) -> list[Any]:
        """Go along with a move of the head; what is new, in order."""
        if not self._undo.go_back(went_back_to):
            self.read_all()
            return []
        self.height = min(self.height, went_back_to)
        return [event for header in headers for event in self.add_block(header)]

    def _append(self, kept: deque[Any] | list[Any], record: Any) -> None:
        kept.append(record)
        self._undo.add(kept.pop)

    def add_block(self, header: Header) -> list[Any]:
        """Read a block after the last, and return what happened in it."""
        self._listings.refresh()
        self.height = header.block_number
        if not header.bloom.strip(b"\0"):
            return []
        self._undo.begin(header.block_number)
        body = self._chain.blocks.body(header.hash)
        receipts = self._chain.blocks.receipts(header.hash)
        happened: list[Any] = []
        for transaction, receipt in zip(body.transactions, receipts, strict=True):
            for log in receipt.logs:
                happened += self._take(log, transaction.hash, header)
            if transaction.sender == SYSTEM_SENDER:
                time = header.timestamp * 1_000
                data = decode(transaction.raw, transaction.sender).data
                for update in updates_of(data, receipt.logs, transaction.hash, time):
                    if isinstance(update, StakingUpdate):
                        self._append(self.stakings[update.user], update)
                        continue
                    self._append(self.ledger_updates[update.user], update)
                    happened.append(update)
        return happened

    def _take(self, log: Log, transaction_hash: bytes, header: Header) -> Iterable[Any]:
        time = header.timestamp * 1_000
        found = order_event(log)
        if found is not None:
            event = found[1]
            if isinstance(event, shared.Trade):
                return self._trade(event, transaction_hash, time, header.block_number)
            return self._order_changed(event, time)
        if log.topics and log.topics[0] == BuilderFeePaid.topic:
            paid = BuilderFeePaid.decode(log.topics, log.data)
            self._builder_fees[paid.order_id] = paid
            return ()
        if log.topics and log.topics[0] == MakerRebatePaid.topic:
            rebate = MakerRebatePaid.decode(log.topics, log.data)
            self._rebates[rebate.order_id] = rebate.amount
            return ()
        if log.address == PERP_ADDRESS and log.topics:
            return self._perp_event(log, transaction_hash, time)
        return ()

    def _order_changed(self, event: Any, time: int) -> Iterable[OrderChange]:
        if isinstance(event, shared.OrderReduced | perp_events.TriggerFired):
            return ()
        status = "open"
        if isinstance(event, shared.OrderClosed):
            status = "closed"
            self._forget_client_id(event.order_id)
        elif event.client_order_id:
            self._client_ids[event.order_id] = event.client_order_id
        listing = self._listings.by_address.get(event.market)
        if listing is None:
            return ()
        user = self._owner(event.user)
        change = OrderChange(event.order_id, user, listing, status, time)
        self._append(self.orders[user], change)
        return (change,)

    def _trade(
        self, event: shared.Trade, transaction_hash: bytes, time: int, height: int
    ) -> Iterable[Any]:
        listing = self._listings.by_address.get(event.market)
        if listing is None:
            return
        traded = TapeTrade(
            listing,
            event.taker_is_buy,
            event.price,
            event.amount,
            event.quote_amount,
            time,
            transaction_hash,
            event.trade_id,
            self._owner(event.taker if event.taker_is_buy else event.maker),
            self._owner(event.maker if event.taker_is_buy else event.taker),
            height,
        )
        self._append(self.trades[listing.coin], traded)
        self._undo.add(
            self.candles.add(
                listing.coin, time // 1_000, event.price, event.amount, event.quote_amount
            )
        )
        yield traded
        yield from self._fill(event, traded, is_taker=True)
        if event.maker != ZERO_ADDRESS:
            yield from self._fill(event, traded, is_taker=False)

    def _fill(self, event: shared.Trade, traded: TapeTrade, *, is_taker: bool) -> Iterable[Any]:
        listing = traded.listing
        account, oid, fee = (
            (event.taker, event.taker_order_id, event.taker_fee)
            if is_taker
            else (event.maker, event.maker_order_id, event.maker_fee)
        )
        if not is_taker:
            fee -= self._rebates.pop(oid, 0)
        is_buy = event.taker_is_buy == is_taker
        start, closed = self._move(listing, account, event, is_buy=is_buy)
        user = self._owner(account)
        paid = self._builder_fees.pop(oid, None)
        filled = TapeFill(
            traded,
            user,
            oid,
            self._client_ids.get(oid, 0),
            is_buy,
            is_taker,
            start,
            closed,
            fee,
            paid.amount if paid else 0,
        )
        self._append(self.fills[user], filled)
        self._undo.add(self._earn(filled))
        if paid:
            builder, time = self._owner(paid.builder), traded.time // 1_000
            self._undo.add(self.earnings.change(builder, listing.coin, time, cash=paid.amount))
        yield filled
        remaining = event.taker_remaining if is_taker else event.maker_remaining
        if not remaining and oid:
            self._forget_client_id(oid)
            change = OrderChange(oid, user, listing, "filled", traded.time)
            self._append(self.orders[user], change)
            yield change

    def _earn(self, fill: TapeFill) -> Callable[[], object]:
        trade, is_spot = fill.trade, fill.trade.listing.is_spot
        quote, size = (-trade.quote, trade.amount) if fill.is_buy else (trade.quote, -trade.amount)
        in_base = is_spot and fill.is_buy
        return self.earnings.change(
            fill.user,
            trade.listing.coin,
            trade.time // 1_000,
            volume=trade.quote,
            cash=(quote if is_spot else 0) - (0 if in_base else fill.fee),
            size=(size if is_spot else 0) - (fill.fee if in_base else 0),
        )

    def _forget_client_id(self, order_id: int) -> None:
        """Drop what is not needed for fills any more."""
        client_id = self._client_ids.pop(order_id, 0)
        if client_id:
            put_back = self._client_ids.__setitem__
            self._undo.add(lambda: put_back(order_id, client_id))

    def _owner(self, account: Address) -> Address:
        """Return whose an account of the exchange is; on a builder's dex it has its own address."""
        return self._chain.ledger.core.owner_of(account)

    def _move(
        self, listing: Listing, user: Address, event: shared.Trade, *, is_buy: bool
    ) -> tuple[int, int]:
        """Return the position before a fill, and what closing some of it brought."""
        if listing.is_spot:
            return 0, 0
        key = user, listing.address
        before = self._exposures.get(key, _NOTHING)
        delta = event.amount if is_buy else -event.amount
        change = apply_fill(before, delta, event.quote_amount)
        self._expose(key, change.exposure)
        return before.size, change.realized_pnl

    def _expose(self, key: tuple[Address, Address], exposure: Exposure) -> None:
        before = self._exposures.get(key, _NOTHING)
        self._exposures[key] = exposure
        self._undo.add(lambda: self._exposures.__setitem__(key, before))

    def _perp_event(self, log: Log, transaction_hash: bytes, time: int) -> Iterable[Any]:
        topic = log.topics[0]
        if topic == _POSITION.topic:
            return self._position_changed(
                _POSITION.decode(log.topics, log.data), transaction_hash, time
            )
        if topic == _SETTLED.topic:
            settled = _SETTLED.decode(log.topics, log.data)
            listing = self._listings.by_address.get(settled.market)
            if listing is not None:
                rate = FundingRate(listing, settled.rate, time)
                self._append(self.rates[listing.coin], rate)
        elif topic == _PRICED.topic:
            priced = _PRICED.decode(log.topics, log.data)
            listing = self._listings.by_address.get(priced.market)
            if listing is not None:
                price = priced.mark_price
                self._undo.add(self.marks.add(listing.coin, time // 1_000, price))
        return ()

    def _position_changed(
        self, event: perp_events.PositionChanged, transaction_hash: bytes, time: int
    ) -> Iterable[FundingPayment]:
        listing = self._listings.by_address.get(event.market)
        if listing is None:
            return ()
        is_open = event.status == PositionStatus.OPEN
        exposure = Exposure(event.size, event.entry_notional) if is_open else _NOTHING
        self._expose((event.user, event.market), exposure)
        entry = exposure.entry_notional if exposure.size >= 0 else -exposure.entry_notional
        self._undo.add(
            self.earnings.change(
                self._owner(event.user),
                listing.coin,
                time // 1_000,
                cash=event.realized_pnl + event.funding,
                position=(exposure.size, entry),
            )
        )
        if not event.funding:
            return ()
        rates = self.rates.get(listing.coin)
        user = self._owner(event.user)
        payment = FundingPayment(
            listing,
            user,
            event.funding,
            event.size,
            rates[-1].rate if rates else 0,
            time,
            transaction_hash,
        )
        self._append(self.payments[user], payment)
        return (payment,)


def between(records: Iterable[Any], start: int, end: int | None) -> list[Any]:
    """Return records of a time, in milliseconds, both ends included."""
    return [it for it in records if it.time >= start and (end is None or it.time <= end)]
