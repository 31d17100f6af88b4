"""Orders that Hyperliquid's node recorded, submitted again by accounts that stand for its users.

The first event of an order submits it; a later one that cancelled it there cancels it here. What
filled or was refused is not told but compared: the book decides here as it did there.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from eth_hash.auto import keccak
from msgspec import Struct

from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.chain.core_inputs import OraclePrices
from evm_dex.chain.signed_action import SignedAction
from evm_dex.client.dex import Dex
from evm_dex.replay.node_files import BookDiff, NodeOrder, OrderStatusEvent
from precompiles.hyper.asset_ids import asset_id, parse_perp_id
from precompiles.hyper.receipts import ActionReceipt, Outcome
from precompiles.hyper.signed.decimals import format_decimal
from precompiles.hyper.signed.digest import Envelope, digest
from precompiles.hyper.signed.order_wires import CancelWire, LimitType, OrderType, OrderWire
from precompiles.hyper.signed.wire import CancelAction, L1Action, OrderAction
from precompiles.hyper.system_addresses import perp_address
from precompiles.ledger.hyper.records import CorePerp
from precompiles.ledger.perp.records import PerpOrder
from precompiles.types import OrderStatus

_PLENTY = 10**18
"""A trillion USDC, in its six decimals."""
_GONE = ("canceled", "Canceled", "scheduledCancel")
_LIMITS = {
    "Alo": LimitType("Alo"),
    "Ioc": LimitType("Ioc"),
    "FrontendMarket": LimitType("Ioc"),
    "LiquidationMarket": LimitType("Ioc"),
}


class Agreement(Struct):
    """Counts of what came out as it was recorded."""

    submitted: int = 0
    left_out: int = 0
    """Orders of coins that are not listed, and triggers that never fired."""
    fills: int = 0
    fills_alike: int = 0
    """Of the orders that ended, those that filled as far as there."""
    refused: int = 0
    refused_alike: int = 0
    """Of the orders refused there, those refused here."""
    book: int = 0
    book_alike: int = 0
    """Of the orders that rest in the recorded book at the end, those that rest here, as large."""


class NodeReplay:
    """The recorded orders of perpetuals, on the books of a chain with HyperCore."""

    def __init__(self, dex: Dex) -> None:
        """Take a chain. Raises ValueError for one without HyperCore."""
        self._chain = dex.chain
        self._core = dex.core
        if dex.chain.ledger.core.settings is None:
            raise ValueError("recorded orders of Hyperliquid need a chain of profile hyperevm")
        self._perps = {perp.coin: perp for perp in dex.chain.ledger.core.perps}
        self._users: dict[str, KeyPair] = {}
        self._priced: set[str] = set()
        self._ids: dict[int, int] = {}
        """Our order id by the recorded one; 0 for one that was refused."""
        self._last: dict[int, OrderStatusEvent] = {}
        self._book: dict[int, BookDiff] = {}
        self.agreement = Agreement()

    def begin(self) -> None:
        """Do nothing: each user gets funds before its first order."""

    def apply(self, event: OrderStatusEvent) -> None:
        """Submit what an event says, if it says something new."""
        order = event.order
        perp = self._replayed(event)
        if perp is None:
            return
        if order.oid not in self._ids:
            self._submit(event, perp)
        if event.status in _GONE and self._ids.get(order.oid):
            self._cancel(event, perp)

    def order_id(self, event: OrderStatusEvent) -> int:
        """Return our id of an event's order; 0 for one that was refused or left out."""
        return self._ids.get(event.order.oid, 0)

    def recall(self, event: OrderStatusEvent, order_id: int | None) -> None:
        """Take in an event that was submitted before as this order, without doing it again."""
        order = event.order
        if self._replayed(event) is None or order.oid in self._ids:
            return
        self._users[event.user] = _stand_in(event.user)
        self._priced.add(order.coin)
        self._ids[order.oid] = order_id or 0
        self.agreement.submitted += 1

    def note(self, diff: BookDiff) -> None:
        """Take in a change of the recorded book."""
        if diff.size is None:
            self._book.pop(diff.oid, None)
        elif diff.coin in self._perps:
            self._book[diff.oid] = diff

    def finish(self) -> Agreement:
        """Compare everything at the end."""
        for oid, event in self._last.items():
            if oid in self._ids:
                self._compare(event, self._ours(oid))
        for oid, diff in self._book.items():
            ours, perp = self._ours(oid), self._perps[diff.coin]
            rests = ours is not None and ours.is_active
            size = format_decimal(ours.remaining, perp.size_decimals) if ours else ""
            self.agreement.book += 1
            self.agreement.book_alike += rests and Decimal(size) == Decimal(diff.size or "0")
        return self.agreement

    def report(self) -> list[str]:
        """Compare everything at the end; how much agreed, a sentence each."""
        found = self.finish()
        return [
            f"{found.submitted} orders submitted, {found.left_out} left out.",
            f"{found.fills_alike} of {found.fills} filled as far as recorded.",
            f"{found.refused_alike} of {found.refused} refused as recorded.",
            f"{found.book_alike} of {found.book} resting as recorded.",
        ]

    def _replayed(self, event: OrderStatusEvent) -> CorePerp | None:
        """Return the market of an event's order; None for an order that is left out."""
        order = event.order
        perp = None if order.is_trigger else self._perps.get(order.coin)
        if perp is None:
            self.agreement.left_out += order.oid not in self._last
        self._last[order.oid] = event
        return perp

    def _compare(self, event: OrderStatusEvent, ours: PerpOrder | None) -> None:
        order, agreement = event.order, self.agreement
        if event.status.endswith("Rejected") or event.status == "rejected":
            agreement.refused += 1
            agreement.refused_alike += ours is None or not ours.filled
            return
        if event.status == "open":
            return
        size = Decimal(order.orig_sz) or Decimal(order.sz)
        filled = size if event.status == "filled" else size - Decimal(order.sz)
        agreement.fills += 1
        if ours is not None:
            perp = self._perps[order.coin]
            here = Decimal(format_decimal(ours.filled, perp.size_decimals))
            agreement.fills_alike += here == filled

    def _ours(self, oid: int) -> PerpOrder | None:
        own = self._ids.get(oid, 0)
        return self._chain.ledger.perp_order(own) if own else None

    def _submit(self, event: OrderStatusEvent, perp: CorePerp) -> None:
        order = event.order
        self._set_price(order, perp)
        wire = OrderWire(
            asset_id(parse_perp_id(perp.perp_id)),
            order.is_buy,
            format_decimal(*_scaled(order.limit_px)),
            format_decimal(*_scaled(order.orig_sz if Decimal(order.orig_sz) else order.sz)),
            order.reduce_only,
            OrderType(_LIMITS.get(order.tif or "", LimitType("Gtc"))),
        )
        self.agreement.submitted += 1
        receipt = self._send(event.user, OrderAction((wire,), "na"))
        is_placed = receipt.outcome is not Outcome.DROPPED
        self._ids[order.oid] = receipt.order_id if is_placed else 0

    def _cancel(self, event: OrderStatusEvent, perp: CorePerp) -> None:
        ours = self._ours(event.order.oid)
        if ours is not None and ours.status <= OrderStatus.PARTIALLY_FILLED:
            asset = asset_id(parse_perp_id(perp.perp_id))
            self._send(event.user, CancelAction((CancelWire(asset, ours.id),)))

    def _send(self, user: str, action: L1Action) -> ActionReceipt:
        pair = self._account(user)
        envelope = Envelope(action, self._chain.head.block_number + 1)
        parity, r, s = pair.signer.sign(digest(envelope, is_mainnet=False))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((parity,))
        head = self._chain.head
        given = (SignedAction(envelope, pair.address, False, signature),)
        self._chain.send_to_core(given, head.timestamp)
        logs = self._chain.blocks.receipts(self._chain.head.hash)[-1].logs
        receipts = (ActionReceipt.decode(log.topics, log.data) for log in logs)
        return next(it for it in receipts if it is not None)

    def _account(self, user: str) -> KeyPair:
        """Return the account that stands for a user, with more than it will need."""
        pair = self._users.get(user)
        if pair is None:
            pair = self._users[user] = _stand_in(user)
            self._core.force_perp_balance(pair.address, _PLENTY)
        return pair

    def _set_price(self, order: NodeOrder, perp: CorePerp) -> None:
        """Let the oracle begin where the recording does, so that its orders are in the band."""
        if order.coin in self._priced:
            return
        self._priced.add(order.coin)
        value, places = _scaled(order.limit_px)
        price = value * 10**6 // 10**places
        before = self._chain.ledger.perp.prices.rows[perp_address(perp.perp_id)].oracle
        if price and not before // 2 < price < before * 2:
            prices = OraclePrices(((perp.perp_id, price, price),))
            self._chain.send_to_core((prices,), self._chain.head.timestamp)


def replay_node(
    replay: NodeReplay, events: Iterable[OrderStatusEvent], diffs: Iterable[BookDiff]
) -> Agreement:
    """Replay a recording, and return how much agreed."""
    for event in events:
        replay.apply(event)
    for diff in diffs:
        replay.note(diff)
    return replay.finish()


def _stand_in(user: str) -> KeyPair:
    return KeyPair(keccak(f"evm-dex replay {user.lower()}".encode()))


def _scaled(text: str) -> tuple[int, int]:
    """Return a decimal as an integer, and how many of its digits are behind the point."""
    whole, _, rest = text.partition(".")
    return int(whole + rest), len(rest)
