"""Serving a chain until a signal: JSON-RPC, and what is asked for beside it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evm_dex.cli.shared import listening
from evm_dex.terminal.console import console, errors, escape, progress_bars

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex
    from evm_dex.hyperliquid.api_server import ApiServer, Exchange
    from evm_dex.market.simulation import LivingMarket
    from evm_dex.node.node_config import NodeConfig
    from evm_dex.node.server import Server

_ETHER = 10**18


class Serving(NamedTuple):
    """The ports of a node, and what it says and does beside."""

    port: int
    """Port of JSON-RPC."""
    api_port: int | None
    """Port of Hyperliquid's API; None where it is not served."""
    market: LivingMarket | None
    silent: bool


async def serve(server: Server, dex: Dex, config: NodeConfig, serving: Serving) -> None:
    """Serve until a signal."""
    import asyncio  # noqa: PLC0415 - commands that only answer need none

    from evm_dex.terminal.node_news import NewsPrinter  # noqa: PLC0415 - loads the chain's types

    port, api_port, market, silent = serving
    api = None if api_port is None else api_server(server, dex, config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with listening(config.host, port, "--port (0 for any free one)"):
        await server.start(config.host, port, owns_process=True)
    if api is not None and api_port is not None:
        with listening(config.host, api_port, "--hyperliquid (0 for any free one)"):
            await api.start(config.host, api_port)
    if not silent:
        _print_banner(dex, config, server.port)
        if api is not None:
            console().print(f"Hyperliquid's API on http://{config.host}:{api.port}")
    living = None if market is None else asyncio.create_task(_live(server, market))
    printer = None if silent else NewsPrinter()
    if printer is not None:
        server.node.activity.listen(printer.tell)
    await stop.wait()
    if living is not None:
        living.cancel()
    if api is not None:
        await api.stop()
    await server.stop()
    if printer is not None:
        printer.close()
        height = server.node.chain.head.block_number
        where = f", kept in {escape(str(config.path))}" if config.path else ""
        errors().print(f"stopped at block {height}{where}", highlight=False)


async def _live(server: Server, market: LivingMarket) -> None:
    """Let a market go on by the clock, a second of it each second, to the end of its path."""
    import asyncio  # noqa: PLC0415 - as above

    loop = asyncio.get_running_loop()
    following = loop.time()
    while await server.on_chain(lambda: market.step(market.time_now())):
        following += 1
        await asyncio.sleep(max(0.0, following - loop.time()))


def api_server(
    server: Server, dex: Dex, config: NodeConfig, exchange_of_node: Exchange | None = None
) -> ApiServer:
    """Return the server of Hyperliquid's API. Raises ValueError on a chain without HyperCore.

    `exchange_of_node` has the actions for as long as another node is followed.
    """
    from evm_dex.hyperliquid.api import Api  # noqa: PLC0415 - loads what few nodes serve
    from evm_dex.hyperliquid.api_server import ApiServer  # noqa: PLC0415 - as above

    if dex.chain.ledger.core.settings is None:
        raise ValueError("--hyperliquid needs HyperCore: begin the chain with --profile hyperevm")
    with progress_bars() as bar:
        task = bar.add_task("Reading what was traded", total=None)
        api = Api(
            dex.chain,
            dex.chain.ledger,
            server.node.events,
            told=lambda done, total: bar.update(task, completed=done, total=total),
        )
    return ApiServer(api, server, config.origin_policy, exchange_of_node)


def _print_banner(dex: Dex, config: NodeConfig, port: int) -> None:
    from evm_dex.blocks.addresses import checksum  # noqa: PLC0415 - loads the whole chain

    lines = ["[bold]Accounts[/]"]
    for index, account in enumerate(config.keyed_accounts()):
        ether = dex.balance(account.address) // _ETHER
        lines.append(f"({index}) {checksum(account.address)} ({ether:,} ETH)")
    lines += ["", "[bold]Private keys[/] (public knowledge: never use them elsewhere)"]
    lines += [f"({at}) 0x{it.key.hex()}" for at, it in enumerate(config.keyed_accounts())]
    lines += ["", "[bold]Exchanges[/]"]
    lines += [f"spot  {dex.spot.address}", f"perp  {dex.perp.address}"]
    lines += [f"token {symbol:<6} {token.address}" for symbol, token in dex.tokens.items()]
    markets = dex.perp_markets.items()
    lines += [f"perpetual market {symbol} {address}" for symbol, address in markets]
    kept = f"kept in {escape(str(config.path))}" if config.path else "in memory"
    lines += ["", f"Chain {dex.chain.chain_id}, block {dex.chain.head.block_number}, {kept}"]
    if (origin := dex.chain.origin) is not None:
        point, where = origin.point, origin.shown or "what was fetched before"
        is_proven = "proven by its state root" if point.is_proven else "on its node's word"
        lines.append(f"Forked from chain {point.chain_id} after block {point.height}: {where}, "
                     f"{is_proven}")  # fmt: skip
    shown = f"[{config.host}]" if ":" in config.host else config.host
    lines.append(f"Listening on http://{shown}:{port} and ws://{shown}:{port}")
    console().print("\n".join(lines), highlight=False, soft_wrap=True)


def stop_following(chain: Path | None) -> None:
    """Make a follower's chain one of its own, which no node takes back. Raises ChainError."""
    if chain is None:
        return
    from evm_dex.follower.directory import FollowerDirectory  # noqa: PLC0415 - as above

    FollowerDirectory(chain).promote()


@contextmanager
def order_feed(dex: Dex, port: int | None) -> Iterator[None]:
    """Serve the chain's outbox to order histories of other processes."""
    if port is None:
        yield
        return
    from evm_dex.history.feed_server import FeedServer  # noqa: PLC0415 - loads zmq

    with closing(FeedServer(dex.chain, dex.store, port)):
        yield
