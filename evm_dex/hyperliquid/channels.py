"""Channels of /ws: what a subscription hears at first, and at each block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from evm_dex.hyperliquid.bad_request import BadRequest
from evm_dex.hyperliquid.book_view import best_levels
from evm_dex.hyperliquid.candle_intervals import INTERVALS, candle_json
from evm_dex.hyperliquid.info import accounts, markets, orders
from evm_dex.hyperliquid.info.info_type import Coin, Info, User
from evm_dex.hyperliquid.info.universes import DexRequest
from evm_dex.hyperliquid.ledger_updates import LedgerUpdate
from evm_dex.hyperliquid.order_view import AnyOrder, OrderView, find_order, status_of
from evm_dex.hyperliquid.tape_records import FundingPayment, Json, OrderChange, TapeFill, TapeTrade
from precompiles.types import Address

Happened = Sequence[Any]


class Subscription(msgspec.Struct, frozen=True, rename="camel"):
    """A channel, and of whom or what."""

    type: str
    user: str = ""
    coin: str = ""
    interval: str = ""
    dex: str = ""
    n_sig_figs: int | None = None
    mantissa: int | None = None
    aggregate_by_time: bool = False

    @property
    def address(self) -> Address:
        """The account."""
        return Address(bytes.fromhex(self.user[2:]))


class _Channel(NamedTuple):
    needs: tuple[str, ...]
    """Fields that a subscription must have."""
    first: Callable[[Info, Subscription], Json | None] | None
    """The first message of a subscription."""
    then: Callable[[Info, Subscription, Happened], Json | None]
    """The message after a block; None for none."""


def read_subscription(info: Info, content: Any) -> Subscription:
    """Return a subscription of decoded JSON. Raises BadRequest."""
    try:
        subscription = msgspec.convert(content, Subscription)
    except msgspec.ValidationError as error:
        raise BadRequest(f"Invalid subscription: {error}") from error
    channel = _CHANNELS.get(subscription.type)
    if channel is None:
        names = ", ".join(sorted(_CHANNELS))
        raise BadRequest(f"Invalid subscription: unknown type {subscription.type!r} of {names}")
    if "user" in channel.needs:
        try:
            msgspec.convert({"user": subscription.user}, User)
        except msgspec.ValidationError as error:
            raise BadRequest(f"Invalid subscription: {error}") from error
    if "coin" in channel.needs:
        info.listing(subscription.coin)
    if "interval" in channel.needs and subscription.interval not in INTERVALS:
        raise BadRequest(f"Invalid subscription: unknown interval {subscription.interval!r}")
    return subscription


def first_message(info: Info, subscription: Subscription) -> Json | None:
    """Return what a new subscription hears at once."""
    first = _CHANNELS[subscription.type].first
    return None if first is None else first(info, subscription)


def next_message(info: Info, subscription: Subscription, happened: Happened) -> Json | None:
    """Return what a subscription hears of new blocks, in which so much happened."""
    return _CHANNELS[subscription.type].then(info, subscription, happened)


def _message(channel: str, data: Any) -> Json:
    return {"channel": channel, "data": data}


def _always(make: Callable[[Info, Subscription], Json]) -> _Channel:
    """Return a channel that is told as it is, at first and after every block."""
    return _Channel((), make, lambda info, subscription, _: make(info, subscription))


def _of_user(make: Callable[[Info, Subscription], Json]) -> _Channel:
    return _always(make)._replace(needs=("user",))


def _of_coin(make: Callable[[Info, Subscription], Json]) -> _Channel:
    return _always(make)._replace(needs=("coin",))


def _all_mids(info: Info, subscription: Subscription) -> Json:
    mids = markets.all_mids(info, DexRequest(subscription.dex))
    return _message("allMids", {"mids": mids})


def _l2_book(info: Info, subscription: Subscription) -> Json:
    request = markets.Book(subscription.coin, subscription.n_sig_figs, subscription.mantissa)
    return _message("l2Book", markets.l2_book(info, request))


def _bbo(info: Info, subscription: Subscription) -> Json:
    listing = info.listing(subscription.coin)
    best = best_levels(info.listings, listing)
    return _message("bbo", {"coin": listing.coin, "time": info.now_ms, "bbo": best})


def _asset_context(info: Info, subscription: Subscription) -> Json:
    listing = info.listing(subscription.coin)
    context = markets.spot_context if listing.is_spot else markets.perp_context
    name = "activeSpotAssetCtx" if listing.is_spot else "activeAssetCtx"
    return _message(name, {"coin": listing.coin, "ctx": context(info, listing)})


def _asset_data(info: Info, subscription: Subscription) -> Json:
    request = accounts.CoinOfUser(subscription.user, subscription.coin)
    return _message("activeAssetData", accounts.active_asset_data(info, request))


def _web_data(info: Info, subscription: Subscription) -> Json:
    return _message("webData2", accounts.web_data(info, User(subscription.user)))


def _clearinghouse(info: Info, subscription: Subscription) -> Json:
    request = orders.UserDex(subscription.user, subscription.dex)
    state = accounts.clearinghouse_state(info, request)
    data = {"dex": subscription.dex, "user": subscription.user.lower(), "clearinghouseState": state}
    return _message("clearinghouseState", data)


def _open_orders(info: Info, subscription: Subscription) -> Json:
    request = orders.UserDex(subscription.user, subscription.dex)
    shown = orders.frontend_open_orders(info, request)
    data = {"dex": subscription.dex, "user": subscription.user.lower(), "orders": shown}
    return _message("openOrders", data)


def _spot_state(info: Info, subscription: Subscription) -> Json:
    state = accounts.spot_clearinghouse_state(info, User(subscription.user))
    return _message("spotState", {"user": subscription.user.lower(), "spotState": state})


def _twap_states(info: Info, subscription: Subscription) -> Json:
    states = [list(state) for state in orders.twap_states(info, subscription.address)]
    data = {"dex": subscription.dex, "user": subscription.user.lower(), "states": states}
    return _message("twapStates", data)


def _trades(info: Info, subscription: Subscription, happened: Happened) -> Json | None:
    listing = info.listing(subscription.coin)
    found = [it.json() for it in happened if isinstance(it, TapeTrade) and it.listing is listing]
    return _message("trades", found) if found else None


def _first_trades(info: Info, subscription: Subscription) -> Json:
    return _message("trades", markets.recent_trades(info, Coin(subscription.coin)))


def _candle(info: Info, subscription: Subscription, happened: Happened) -> Json | None:
    listing = info.listing(subscription.coin)
    if not any(isinstance(it, TapeTrade) and it.listing is listing for it in happened):
        return None
    return _first_candle(info, subscription)


def _first_candle(info: Info, subscription: Subscription) -> Json | None:
    listing = info.listing(subscription.coin)
    candle = info.tape.candles.last(listing.coin, INTERVALS[subscription.interval])
    if candle is None:
        return None
    return _message("candle", candle_json(candle, listing, subscription.interval))


def _changed_orders(
    info: Info, subscription: Subscription, happened: Happened, show: Callable[[AnyOrder], Json]
) -> list[Json]:
    """Return an account's orders that changed, each time with its status of then."""
    shown = []
    for change in happened:
        if isinstance(change, OrderChange) and change.user == subscription.address:
            order = find_order(info.ledger, change.order_id)
            if order is not None:
                status = "open" if change.status == "open" else status_of(order)
                row = {"order": show(order), "status": status, "statusTimestamp": change.time}
                shown.append(row)
    return shown


def _order_updates(info: Info, subscription: Subscription, happened: Happened) -> Json | None:
    view = OrderView(info.chain, info.listings)
    shown = _changed_orders(info, subscription, happened, view.brief)
    return _message("orderUpdates", shown) if shown else None


def _order_history(info: Info, subscription: Subscription, happened: Happened) -> Json | None:
    view = OrderView(info.chain, info.listings)
    shown = _changed_orders(info, subscription, happened, view.full)
    data = {"user": subscription.user.lower(), "orderHistory": shown}
    return _message("userHistoricalOrders", data) if shown else None


def _first_order_history(info: Info, subscription: Subscription) -> Json:
    shown = orders.historical_orders(info, User(subscription.user))
    data = {"isSnapshot": True, "user": subscription.user.lower(), "orderHistory": shown}
    return _message("userHistoricalOrders", data)


def _user_events(_info: Info, subscription: Subscription, happened: Happened) -> Json | None:
    fills = [it.json() for it in happened if _is_of(it, TapeFill, subscription)]
    if fills:
        return _message("user", {"fills": fills})
    fundings = [it.json()["delta"] for it in happened if _is_of(it, FundingPayment, subscription)]
    return _message("user", {"funding": fundings[0]}) if fundings else None


def _is_of(event: Any, kind: type[Any], subscription: Subscription) -> bool:
    return isinstance(event, kind) and event.user == subscription.address


def _user_list(
    channel: str,
    field: str,
    kind: type[Any],
    kept: Callable[[Info, Address], Sequence[Any]],
    show: Callable[[Any], Json],
) -> _Channel:
    """Return a channel of a list: all that is kept as a snapshot, then what is new."""

    def message(subscription: Subscription, events: Sequence[Any], *, is_snapshot: bool) -> Json:
        data: Json = {"user": subscription.user.lower(), field: [show(it) for it in events]}
        return _message(channel, {"isSnapshot": True, **data} if is_snapshot else data)

    def first(info: Info, subscription: Subscription) -> Json:
        newest = kept(info, subscription.address)[-orders.MOST_ANSWERED :][::-1]
        return message(subscription, newest, is_snapshot=True)

    def then(_info: Info, subscription: Subscription, happened: Happened) -> Json | None:
        found = [it for it in happened if _is_of(it, kind, subscription)]
        return message(subscription, found, is_snapshot=False) if found else None

    return _Channel(("user",), first, then)


def _funding_row(payment: FundingPayment) -> Json:
    row = payment.json()
    return {"time": row["time"], **{key: it for key, it in row["delta"].items() if key != "type"}}


_CHANNELS: dict[str, _Channel] = {
    "allMids": _always(_all_mids),
    "l2Book": _of_coin(_l2_book),
    "bbo": _of_coin(_bbo),
    "activeAssetCtx": _of_coin(_asset_context),
    "activeAssetData": _always(_asset_data)._replace(needs=("user", "coin")),
    "webData2": _of_user(_web_data),
    "clearinghouseState": _of_user(_clearinghouse),
    "openOrders": _of_user(_open_orders),
    "spotState": _of_user(_spot_state),
    "twapStates": _of_user(_twap_states),
    "trades": _Channel(("coin",), _first_trades, _trades),
    "candle": _Channel(("coin", "interval"), _first_candle, _candle),
    "orderUpdates": _Channel(("user",), None, _order_updates),
    "userEvents": _Channel(("user",), None, _user_events),
    "notification": _Channel(("user",), None, lambda _info, _subscription, _happened: None),
    "userFills": _user_list(
        "userFills",
        "fills",
        TapeFill,
        lambda info, user: list(info.tape.fills.get(user, ())),
        lambda fill: fill.json(),
    ),
    "userFundings": _user_list(
        "userFundings",
        "fundings",
        FundingPayment,
        lambda info, user: list(info.tape.payments.get(user, ())),
        _funding_row,
    ),
    "userNonFundingLedgerUpdates": _user_list(
        "userNonFundingLedgerUpdates",
        "nonFundingLedgerUpdates",
        LedgerUpdate,
        lambda info, user: list(info.tape.ledger_updates.get(user, ())),
        lambda update: update.json(),
    ),
    "userHistoricalOrders": _Channel(("user",), _first_order_history, _order_history),
}
