"""Methods about the exchanges: markets, depth, orders, trades, positions, accounts, checkpoints.

The exchanges are named `spot` and `perp`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Annotated, Any

from evm_dex.abi.abi_values import undecodable
from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import Event, Interface, decode_outputs
from evm_dex.blocks.addresses import to_address
from evm_dex.client.cheats import Cheats
from evm_dex.client.market_lookup import perp_market, spot_market
from evm_dex.errors import CallFailed
from evm_dex.evm.calls import Call
from evm_dex.node import core_names, exchange_json
from evm_dex.node.node import Node
from evm_dex.node.own_blocks import first_own_block
from evm_dex.node.registry import rpc
from evm_dex.node.rpc_errors import failed, invalid_params
from evm_dex.node.rpc_json import Json
from evm_dex.node.rpc_types import (
    Block,
    HexAddress,
    ParamType,
    Quantity,
    counted,
    data,
    plain_block,
    read_address,
    shaped,
)
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.table import TableNumber
from precompiles.perp.markets import listed_markets
from precompiles.types import NATIVE_COIN, PERP_ADDRESS, SPOT_ADDRESS, Address

_LONGEST_NAME = 64
_MOST_ROWS = 500
_MOST_BLOCKS = 5_000
"""Number of blocks in which trades are looked for."""
_NATIVE = {"symbol": "ETH", "decimals": 18}


def _read_exchange(value: Any) -> str:
    if value not in ("spot", "perp"):
        raise ValueError
    return str(value)


def _read_named(value: Any) -> Address | str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_NAME:
        raise ValueError
    return read_address(value) if value[:2] in ("0x", "0X") else value


_NAMED = ParamType("Named", "an address, or a symbol such as WETH", {"type": "string"}, _read_named)
_EXCHANGE = ParamType("Exchange", '"spot" or "perp"', {"enum": ["spot", "perp"]}, _read_exchange)
Exchange = Annotated[str, _EXCHANGE]
Named = Annotated[Address | str, _NAMED]
Count = Annotated[int, counted("Count", _MOST_ROWS)]
Markets = Annotated[Json, shaped("Markets", "markets of both exchanges, and their tokens")]
Depth = Annotated[Json, shaped("Depth", "bids and asks, best first")]
OrderObject = Annotated[Json, shaped("Order", "an order as it is now")]
Orders = Annotated[list[Json], shaped("Orders", "orders", "array")]
Trades = Annotated[list[Json], shaped("Trades", "trades, newest first", "array")]
PositionObject = Annotated[Json, shaped("Position", "a position as it is now")]
Positions = Annotated[list[Json], shaped("Positions", "positions", "array")]
AccountObject = Annotated[Json, shaped("Account", "what a user has on both exchanges")]
Checkpoints = Annotated[list[Json], shaped("Checkpoints", "checkpoints, oldest first", "array")]
CheckResult = Annotated[Json, shaped("SelfCheck", "violations, and rows by table")]


@contextmanager
def _looking(node: Node, block: Block) -> Iterator[tuple[Ledger, int]]:
    """Provide the ledger after a block, and that block's time."""
    time = node.chain.context_after(plain_block(block)).timestamp
    with node.chain.ledger_at(plain_block(block)) as ledger:
        yield ledger, time


@rpc("dex_markets")
def markets(node: Node, block: Block = "latest") -> Markets:
    """Return all markets with their prices, and symbol and decimals of their tokens."""
    with _looking(node, block) as (ledger, now):
        spot = sorted(ledger.spot.markets.rows.values(), key=lambda market: market.number)
        perp = listed_markets(ledger)
        named = {} if node.dex is None else node.dex.perp_markets
        symbols = {to_address(address): symbol for symbol, address in named.items()}
        symbols |= core_names.coins(ledger)
        listed = [
            {
                **exchange_json.perp_market(ledger, market, now),
                "symbol": symbols.get(market.asset, ""),
            }
            for market in perp
        ]
        core_tokens = core_names.tokens(ledger)
        addresses = {token for market in spot for token in (market.asset, market.quote)}
        addresses |= {market.asset for market in perp if market.asset in ledger.spot.tokens.rows}
        if perp:
            addresses.add(ledger.perp.settings.collateral)
        found = [exchange_json.spot_market(ledger, market) for market in spot]
    tokens = {
        data(address): core_tokens.get(address) or _token(node, address)
        for address in sorted(addresses)
    }
    return {"spot": found, "perp": listed, "tokens": tokens}


@rpc("dex_depth")
def depth(
    node: Node,
    where: Exchange,
    market: Named,
    levels: Count = 20,
    block: Block = "latest",
    step: Quantity = 1,
) -> Depth:
    """Return price levels of a market's book with size and number of orders, best first.

    With a `step` those of a stretch of prices are one level: bids at the multiple of it below
    them, asks at the one above.
    """
    if step == 0:
        raise invalid_params("dex_depth: step must be 1 or more, got 0")
    asset = market_of(node, where, market)
    with _looking(node, block) as (ledger, _):
        _require_market(ledger, where, asset)
        book = ledger.spot.book(asset) if where == "spot" else ledger.perp.book(asset)
        return exchange_json.depth(book, levels, step)


@rpc("dex_order")
def order(node: Node, where: Exchange, order_id: Quantity, block: Block = "latest") -> OrderObject:
    """Return an order by id, live, waiting for its trigger, or ended."""
    with _looking(node, block) as (ledger, _):
        found = (
            ledger.spot_order(order_id)
            if where == "spot"
            else ledger.perp.triggers.get(order_id) or ledger.perp_order(order_id)
        )
        if found is None:
            raise failed(f"no {where} order {order_id}: see dex_openOrders")
        return exchange_json.order(found)


@rpc("dex_openOrders")
def open_orders(
    node: Node, where: Exchange, user: HexAddress, count: Count = 100, block: Block = "latest"
) -> Orders:
    """Return a user's live orders and waiting triggers, newest first."""
    with _looking(node, block) as (ledger, _):
        if where == "spot":
            ids = list(ledger.spot.live.by_owner.of(user))[-count:]
            return [exchange_json.order(ledger.spot.orders.rows[i]) for i in reversed(ids)]
        perp = ledger.perp
        ids = list(perp.live.by_owner.of(user))[-count:]
        return [
            exchange_json.order(perp.triggers.get(i) or perp.orders.rows[i]) for i in reversed(ids)
        ]


@rpc("dex_trades")
def trades(
    node: Node,
    where: Exchange,
    market: Named,
    count: Count = 50,
    from_block: Quantity = 0,
    block: Block = "latest",
) -> Trades:
    """Return the newest trades of a market up to a block, and within 5,000 blocks before it.

    With `fromBlock` only those from there on, for who knows the ones before.
    """
    address = SPOT_ADDRESS if where == "spot" else PERP_ADDRESS
    interface = _interface(where)
    topic = interface.topic("Trade")
    topics = ((topic,), (bytes(12) + market_of(node, where, market),))
    found: list[Json] = []
    last = node.header("latest" if block == "pending" else block).block_number
    lowest = max(from_block, last - _MOST_BLOCKS, first_own_block(node.chain))
    for entry in islice(node.chain.blocks.backwards(lowest, last, (address,), topics), count):
        event = interface.decode_event(entry.log)
        assert event is not None, "its topic is that of an event"
        place = {"blockNumber": entry.height, "logIndex": entry.log_index}
        time = node.chain.header(entry.block_hash).timestamp
        found.append({**_shown(event), **place, "timestamp": time})
    return found


@rpc("dex_position")
def position(node: Node, position_id: Quantity, block: Block = "latest") -> PositionObject:
    """Return a position by id, open or ended."""
    with _looking(node, block) as (ledger, now):
        row = ledger.position(position_id)
        if row is None:
            raise failed(f"no position {position_id}: see dex_positions")
        return exchange_json.position(ledger, row, now)


@rpc("dex_positions")
def positions(node: Node, user: HexAddress, block: Block = "latest") -> Positions:
    """Return a user's open positions, oldest first."""
    with _looking(node, block) as (ledger, now):
        ids = ledger.perp.open_positions.by_owner.of(user)[:_MOST_ROWS]
        rows = ledger.perp.positions.rows
        return [exchange_json.position(ledger, rows[position_id], now) for position_id in ids]


@rpc("dex_account")
def account(node: Node, user: HexAddress, block: Block = "latest") -> AccountObject:
    """Return a user's spot balances, and collateral and margin on the perpetual exchange."""
    with _looking(node, block) as (ledger, now):
        return exchange_json.account(ledger, user, sorted(ledger.spot.tokens.rows), now)


@rpc("dex_checkpoints")
def checkpoints(node: Node) -> Checkpoints:
    """Return the checkpoints there are; none for a chain in memory."""
    found = node.dex.checkpoints() if node.dex else ()
    return [
        {
            "height": info.height,
            "problem": info.problem,
            "pinned": info.pinned,
            "madeAt": info.manifest.made_at if info.manifest else None,
            "blockHash": f"0x{info.manifest.block_hash}" if info.manifest else None,
            "rows": sum(info.manifest.rows.values()) if info.manifest else 0,
            "ownBytes": info.usage().own,
            "sharedBytes": info.usage().shared,
        }
        for info in found
    ]


@rpc("dex_selfCheck")
def self_check(node: Node) -> CheckResult:
    """Return all violations of both exchanges' invariants; empty when all is well."""
    counts = node.chain.ledger.commitment.counts
    violations = node.dex.self_check() if node.dex else []
    rows = {table.name.lower(): counts.get(table, 0) for table in TableNumber}
    return {"violations": violations, "rows": rows}


@rpc("dex_deal", cheat=True)
def deal(node: Node, token: Named, user: HexAddress, amount: Quantity) -> Quantity:
    """Let an account have so much of a token, or of the native coin; the block it is in."""
    return _cheats(node).deal(token, user, amount).block_number


@rpc("dex_dealOnSpot", cheat=True)
def deal_on_spot(node: Node, token: Named, user: HexAddress, amount: Quantity) -> Quantity:
    """Add to what an account has on the spot exchange, with real backing; the block it is in."""
    return _cheats(node).deal_on_spot(token, user, amount).block_number


@rpc("dex_dealOnPerp", cheat=True)
def deal_on_perp(node: Node, user: HexAddress, amount: Quantity) -> Quantity:
    """Add collateral to a perpetual account, with real backing; the block it is in."""
    return _cheats(node).deal_on_perp(user, amount).block_number


@rpc("dex_setOraclePrice", cheat=True)
def set_oracle_price(node: Node, market: Named, price: Quantity) -> Quantity:
    """Give a perpetual market a price in its feeder's name; the block it is in."""
    return _cheats(node).set_oracle_price(market, price).block_number


def _cheats(node: Node) -> Cheats:
    if node.dex is None:
        raise failed("this chain has no exchanges: open the node with a genesis that has them")
    return node.dex.cheats


def market_of(node: Node, where: str, named: Address | str) -> Address:
    """Return the address of a market. Raises RpcError for a symbol that none has."""
    if isinstance(named, bytes):
        return named
    coins = core_names.coins(node.chain.ledger) if where == "perp" else {}
    listed = next((address for address, coin in coins.items() if coin == named), None)
    if listed is not None:
        return listed
    if node.dex is None:
        raise failed(f"this chain has no symbols, got {named!r}: give an address")
    return spot_market(node.dex, named) if where == "spot" else perp_market(node.dex, named)


def _require_market(ledger: Ledger, where: str, market: Address) -> None:
    listed = ledger.spot.markets.rows if where == "spot" else ledger.perp.markets.rows
    if market not in listed:
        raise failed(f"no {where} market {data(market)}: see dex_markets")


def _token(node: Node, address: Address) -> Json:
    """Return symbol and decimals as the token tells them; empty and 0 where it does not."""
    if address == NATIVE_COIN:
        return dict(_NATIVE)
    interface = Interface(load_artifact("TestToken")["abi"])
    found: Json = {}
    for name, default in (("symbol", ""), ("decimals", 0)):
        function = interface.function(name, 0)
        asked = Call(to=address, data=interface.encode_call(function, ()), gas=100_000)
        try:
            found[name] = decode_outputs(function, node.chain.call(asked))
        except (CallFailed, *undecodable()):
            found[name] = default
    return found


def _interface(where: str) -> Interface:
    return Interface(load_artifact("ISpot" if where == "spot" else "IPerp")["abi"])


def _shown(event: Event) -> Json:
    """Write numbers as text, except ids, which are small."""
    return {
        name: value if isinstance(value, bool | str) or name.endswith("Id") else str(value)
        for name, value in event.args.items()
    }
