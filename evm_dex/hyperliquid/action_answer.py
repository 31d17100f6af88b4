"""Answers to actions, from the logs of the block that has them."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from evm_dex.blocks.receipt import Log
from evm_dex.hyperliquid.error_texts import error_text
from evm_dex.hyperliquid.listings import Listing, Listings, number
from evm_dex.hyperliquid.tape_records import Json
from evm_dex.orderlog.recorder import order_event
from precompiles.engine.amounts import floor_divide
from precompiles.errors import ContractError
from precompiles.hyper.receipts import ActionReceipt, Outcome
from precompiles.hyper.signed import wire
from precompiles.hyper.signed.account_actions import sub_account_address, vault_address
from precompiles.hyper.signed.deploy_actions import SpotDeployAction
from precompiles.hyper.signed.wire import NUMBERS
from precompiles.orders.events import OrderClosed, Trade
from precompiles.perp.events import OrderPlaced as PerpOrderPlaced
from precompiles.perp.events import TriggerPlaced
from precompiles.spot.events import OrderPlaced as SpotOrderPlaced

_PLACED = (SpotOrderPlaced, PerpOrderPlaced, TriggerPlaced)


def answer_of(  # noqa: PLR0911 - a case per kind of answer
    action: wire.SingleAction, logs: tuple[Log, ...], listings: Listings
) -> Json:
    """Return the answer to an action."""
    receipts = [
        receipt
        for log in logs
        if (receipt := ActionReceipt.decode(log.topics, log.data)) is not None
        and receipt.action == NUMBERS[type(action)]
    ]
    match action:
        case wire.OrderAction() | wire.BatchModifyAction():
            return _ok("order", {"statuses": _statuses(action, receipts, logs, listings)})
        case wire.CancelAction() | wire.CancelByCloidAction():
            statuses = [
                _error(receipt, _listing(action, place, listings)) or "success"
                for place, receipt in enumerate(receipts)
            ]
            return _ok("cancel", {"statuses": statuses})
    receipt = receipts[0]
    listing = _listing(action, 0, listings)
    error = _error(receipt, listing)
    match action:
        case wire.TwapOrder():
            status: Any = error or {"running": {"twapId": receipt.order_id}}
            return _ok("twapOrder", {"status": status})
        case wire.TwapCancel():
            return _ok("twapCancel", {"status": error or "success"})
    if error is not None:
        return {"status": "err", "response": error["error"]}
    if isinstance(action, wire.CreateSubAccountAction):
        address = sub_account_address(receipt.user, receipt.order_id)
        return _ok("createSubAccount", f"0x{address.hex()}")
    if isinstance(action, wire.CreateVaultAction):
        return _ok("createVault", f"0x{vault_address(receipt.user, receipt.order_id).hex()}")
    if isinstance(action, SpotDeployAction) and (
        action.register_token2 is not UNSET or action.register_spot is not UNSET
    ):
        return _ok("spotDeploy", receipt.order_id)
    return {"status": "ok", "response": {"type": "default"}}


def _ok(kind: str, data: Any) -> Json:
    return {"status": "ok", "response": {"type": kind, "data": data}}


def _statuses(
    action: wire.OrderAction | wire.BatchModifyAction,
    receipts: list[ActionReceipt],
    logs: tuple[Log, ...],
    listings: Listings,
) -> list[Any]:
    filled, quotes, ended, clients = _of_logs(logs)
    statuses: list[Any] = []
    for place, receipt in enumerate(receipts):
        listing = _listing(action, place, listings)
        error = _error(receipt, listing)
        if error is not None:
            statuses.append(error)
        elif receipt.outcome is Outcome.QUEUED:
            statuses.append("waitingForFill")
        elif listing is not None:
            oid = receipt.order_id
            shown: Json = {"oid": oid}
            if clients.get(oid):
                shown["cloid"] = f"0x{clients[oid]:032x}"
            if oid in ended:
                amount = filled.get(oid, 0)
                average = floor_divide(quotes.get(oid, 0) * 10**listing.amount_places, amount or 1)
                average_px = number(average, listing.price_places)
                shown = {"totalSz": listing.size(amount), "avgPx": average_px, **shown}
                statuses.append({"filled": shown})
            else:
                statuses.append({"resting": shown})
    return statuses


def _of_logs(
    logs: tuple[Log, ...],
) -> tuple[dict[int, int], dict[int, int], set[int], dict[int, int]]:
    """Return by order: what it took, for how much; which ended at once; client ids."""
    filled: dict[int, int] = {}
    quotes: dict[int, int] = {}
    ended: set[int] = set()
    clients: dict[int, int] = {}
    for log in logs:
        found = order_event(log)
        event = found[1] if found else None
        if isinstance(event, Trade):
            oid = event.taker_order_id
            filled[oid] = filled.get(oid, 0) + event.amount
            quotes[oid] = quotes.get(oid, 0) + event.quote_amount
            if not event.taker_remaining:
                ended.add(oid)
        elif isinstance(event, OrderClosed):
            ended.add(event.order_id)
        elif isinstance(event, _PLACED):
            clients[event.order_id] = event.client_order_id
    return filled, quotes, ended, clients


def _error(receipt: ActionReceipt, listing: Listing | None) -> dict[str, str] | None:
    if receipt.outcome is not Outcome.DROPPED:
        return None
    kind = ContractError.known[receipt.reason[:4]]
    return {"error": error_text(kind(*kind.layout.decode(receipt.reason, base=4)), listing)}


def _listing(action: wire.SingleAction, place: int, listings: Listings) -> Listing | None:
    """Return the market of a part of an action."""
    asset: int | None = None
    match action:
        case wire.OrderAction(orders=orders):
            asset = orders[place].a
        case wire.BatchModifyAction(modifies=modifies):
            asset = modifies[place].order.a
        case wire.ModifyAction(order=order):
            asset = order.a
        case wire.CancelAction(cancels=cancels):
            asset = cancels[place].a
        case wire.CancelByCloidAction(cancels=by_cloid):
            asset = by_cloid[place].asset
        case (
            wire.UpdateLeverageAction(asset=number_)
            | wire.UpdateIsolatedMarginAction(asset=number_)
        ):
            asset = number_
        case wire.TwapOrder(twap=twap):
            asset = twap.a
    return None if asset is None else listings.of_asset(asset)
