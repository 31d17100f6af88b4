"""Methods that trade for the accounts whose keys are at hand, on either profile of a chain."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import Interface
from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.chain.signed_action import SignedAction
from evm_dex.client.core_actions import CoreAction, actions_of_user
from evm_dex.node.call_objects import TransactionRequest
from evm_dex.node.core_names import core_market
from evm_dex.node.methods.dex_exchanges import Exchange, Named, market_of
from evm_dex.node.methods.eth_transactions import receipt
from evm_dex.node.node import Node
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import failed
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import Flag, HexAddress, ParamType, Quantity, data, quantity, shaped
from evm_dex.node.tx_defaults import account_of, build_transaction
from precompiles.hyper.grid import nearest_price
from precompiles.hyper.signed.digest import Envelope, digest
from precompiles.hyper.signed.errors import NonceTooLow, NonceUsed
from precompiles.hyper.signed.nonces import check_nonce
from precompiles.hyper.signed.order_wires import CancelWire, LimitType, OrderType, OrderWire
from precompiles.hyper.signed.wire import CancelAction, L1Action, OrderAction
from precompiles.perp.accrual import prices_at
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS, Address, TimeInForce

_InForce = Literal["Alo", "Ioc", "Gtc"]
_TIMES_IN_FORCE: dict[TimeInForce, _InForce] = {
    TimeInForce.GTC: "Gtc",
    TimeInForce.IOC: "Ioc",
    TimeInForce.ALO: "Alo",
}


def _read_time_in_force(value: Any) -> TimeInForce:
    if not isinstance(value, str) or value not in TimeInForce.__members__:
        raise ValueError
    return TimeInForce[value]


_TIME_IN_FORCE = ParamType(
    "TimeInForce",
    "GTC, IOC, FOK or ALO",
    {"enum": list(TimeInForce.__members__)},
    _read_time_in_force,
)
InForce = Annotated[TimeInForce, _TIME_IN_FORCE]
Done = Annotated[Json, shaped("Done", "block, and transaction or outcome of an action")]


@rpc("dex_placeOrder", cheat=True)
def place_order(
    node: Node,
    user: HexAddress,
    where: Exchange,
    market: Named,
    is_buy: Flag,
    amount: Quantity,
    price: Quantity,
    time_in_force: InForce = TimeInForce.GTC,
    reduce_only: Flag = False,
) -> Done:
    """Place an order in the units of its market, signed by the node for one of its accounts.

    On HyperEVM it is an action signed for HyperCore, in a block at once.
    """
    asset = market_of(node, where, market)
    listed = core_market(node.chain.ledger, where, asset)
    if listed is not None:
        if time_in_force not in _TIMES_IN_FORCE:
            raise failed(f"HyperCore has no {time_in_force.name}: choose GTC, IOC or ALO")
        in_force = _TIMES_IN_FORCE[time_in_force]
        px, sz = listed.price(price), listed.size(amount)
        return _act(node, user, _order(listed.asset, is_buy, px, sz, reduce_only, in_force))
    order = (asset, amount, price, is_buy, time_in_force)
    more = (reduce_only, 0) if where == "perp" else (0,)
    return _send(node, user, where, "placeOrderWithOptions", *order, *more)


@rpc("dex_cancelOrder", cheat=True)
def cancel_order(
    node: Node, user: HexAddress, where: Exchange, market: Named, order_id: Quantity
) -> Done:
    """Cancel an order of one of the node's accounts."""
    listed = core_market(node.chain.ledger, where, market_of(node, where, market))
    if listed is not None:
        return _act(node, user, CancelAction((CancelWire(listed.asset, order_id),)))
    return _send(node, user, where, "cancelOrder", order_id)


@rpc("dex_closePosition", cheat=True)
def close_position(node: Node, user: HexAddress, position_id: Quantity) -> Done:
    """Close a position of one of the node's accounts at once.

    On HyperEVM by a reduce-only order that takes prices up to a tenth worse than the mark.
    """
    chain = node.chain
    row = chain.ledger.position(position_id)
    listed = None if row is None else core_market(chain.ledger, "perp", row.asset)
    if row is None or listed is None:
        return _send(node, user, "perp", "closePosition", position_id)
    market = chain.ledger.perp.markets.rows[row.asset]
    mark = prices_at(chain.ledger, market, chain.head.timestamp).mark
    is_buy = not row.is_long
    worst = nearest_price(
        mark * (11 if is_buy else 9) // 10,
        listed.price_decimals,
        listed.amount_decimals,
        round_up=is_buy,
    )
    size = listed.size(abs(row.size))
    return _act(node, user, _order(listed.asset, is_buy, listed.price(worst), size, True, "Ioc"))


def _order(
    asset: int, is_buy: bool, price: str, size: str, reduce_only: bool, in_force: _InForce
) -> OrderAction:
    kind = OrderType(limit=LimitType(in_force))
    return OrderAction((OrderWire(asset, is_buy, price, size, reduce_only, kind),), "na")


def _send(node: Node, user: Address, where: str, name: str, *args: Any) -> Json:
    interface = Interface(load_artifact("ISpot" if where == "spot" else "IPerp")["abi"])
    calldata = interface.encode_call(interface.function(name, len(args)), args)
    to = SPOT_ADDRESS if where == "spot" else PERP_ADDRESS
    request = TransactionRequest(sender=user, to=to, data=calldata)
    sent = node.submit(build_transaction(node, request))
    found = receipt(node, sent)
    height = found["blockNumber"] if found else None
    return {"transaction": data(sent), "blockNumber": height}


def _act(node: Node, user: Address, action: L1Action) -> Json:
    account = account_of(node, user)
    envelope = Envelope(action, _nonce(node, user))
    node.chain.send_to_core((_signed(account, envelope),))
    head = node.chain.head.block_number
    (done,) = actions_of_user(node.chain.blocks, user, head, head, 1) or (None,)
    if done is None:
        return {"blockNumber": None}
    if done.reason:
        raise failed(_told(done))
    shown = {"outcome": done.outcome, "orderId": str(done.order_id)}
    return {"blockNumber": quantity(done.block_number), **shown}


def _told(action: CoreAction) -> str:
    numbers = ", ".join(f"{name}={value}" for name, value in action.reason_fields.items())
    return f"{action.name} dropped: {action.reason}({numbers})"


def _nonce(node: Node, user: Address) -> int:
    """Return milliseconds that the account has not used yet."""
    nonce = time.time_ns() // 1_000_000
    while True:
        try:
            check_nonce(node.chain.ledger, user, nonce)
        except (NonceUsed, NonceTooLow):
            nonce += 1
        else:
            return nonce


def _signed(account: KeyPair, envelope: Envelope) -> SignedAction:
    parity, r, s = account.signer.sign(digest(envelope, is_mainnet=False))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((parity,))
    return SignedAction(envelope, account.address, False, signature)
