"""The command that serves a chain to other programs."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import explained, listening
from evm_dex.terminal.console import console, errors, escape

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex
    from evm_dex.node.node_config import Setup
    from evm_dex.node.server import Server

_ETHER = 10**18

Host = Annotated[str, typer.Option(help="Address to listen on; others than this machine's may "
                                        "then reach it.")]  # fmt: skip
Port = Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="0 for any free one.")]
Db = Annotated[Path | None, typer.Option("--db", help="Directory of a chain on disk, made if "
                                         "need be.", show_default="in memory")]  # fmt: skip
GenesisPath = Annotated[Path | None, typer.Option("--genesis", help="TOML or JSON file for a new "
                                                  "chain.", show_default=False)]  # fmt: skip
Accounts = Annotated[int, typer.Option("--accounts", "-a", min=1, max=1000, help="How many.")]
Mnemonic = Annotated[str, typer.Option("--mnemonic", "-m", help="That the accounts come from.",
                                       show_default="test test … junk")]  # fmt: skip
Balance = Annotated[int, typer.Option(min=0, help="Ether of each account of a new chain.")]
BlockTime = Annotated[float | None, typer.Option("--block-time", "-b", min=0.01, help="Seconds "
                      "from block to block, instead of one per transaction.")]  # fmt: skip
NoMining = Annotated[bool, typer.Option("--no-mining", help="Only make blocks when asked to.")]
ChainId = Annotated[int | None, typer.Option(min=1, help="Of a new chain.", show_default="31337")]
GasLimit = Annotated[int | None, typer.Option(min=1_000_000, help="Of a new chain's blocks.",
                                              show_default="30000000")]  # fmt: skip
Interval = Annotated[int | None, typer.Option("--checkpoint-interval", min=1, help="Blocks "
                     "between checkpoints.", show_default="as before; first 1000")]  # fmt: skip
KeepLimit = Annotated[int, typer.Option(min=0, help="Triggers and liquidations the keeper does "
                                        "at the beginning of a block; 0 for none.")]  # fmt: skip
Cors = Annotated[list[str] | None, typer.Option(help="Origin whose pages may ask, or *; can be "
                                                "repeated.", show_default="none")]  # fmt: skip
NoCheats = Annotated[bool, typer.Option("--no-cheats", help="Without the methods only a test "
                                        "chain has.")]  # fmt: skip
HistoryFeed = Annotated[int | None, typer.Option(min=1, max=65534, help="Port from which order "
                        "histories are fed, see evm-dex history; news at the next one.",
                        show_default="none")]  # fmt: skip
Silent = Annotated[bool, typer.Option("--silent", "-q", help="Print nothing but errors.")]


def node(
    host: Host = "127.0.0.1",
    port: Port = 8545,
    db: Db = None,
    genesis: GenesisPath = None,
    accounts: Accounts = 10,
    mnemonic: Mnemonic = "",
    balance: Balance = 10_000,
    block_time: BlockTime = None,
    no_mining: NoMining = False,
    chain_id: ChainId = None,
    gas_limit: GasLimit = None,
    checkpoint_interval: Interval = None,
    keep_limit: KeepLimit = 0,
    cors: Cors = None,
    no_cheats: NoCheats = False,
    history_feed: HistoryFeed = None,
    silent: Silent = False,
) -> None:
    """Serve a chain over JSON-RPC, by HTTP and WebSocket; what ethers, viem and web3.py speak.

    evm-dex node

    evm-dex node --db my-chain --block-time 2 --port 9545

    Options have the names they have in anvil. Ends cleanly by Ctrl-C, with all blocks on disk.
    """
    import asyncio  # noqa: PLC0415 - no other command serves

    if no_mining and block_time is not None:
        raise typer.BadParameter("--no-mining and --block-time contradict each other: give one")

    with explained(ValueError), ExitStack() as opened:
        with loading():
            from evm_dex.node.node_config import Setup  # noqa: PLC0415 - loads the whole chain

            setup = Setup(
                path=db,
                genesis=genesis,
                accounts=accounts,
                mnemonic=mnemonic,
                balance=balance * _ETHER,
                chain_id=chain_id,
                gas_limit=gas_limit,
                automine=block_time is None and not no_mining,
                checkpoint_interval=checkpoint_interval,
                keep_limit=keep_limit,
                cheats=not no_cheats,
                host=host,
                origins=tuple(cors or ()),
                block_seconds=None if no_mining else block_time,
            )
            dex, server = opened.enter_context(setup.opened())
        opened.enter_context(_fed(dex, history_feed))
        asyncio.run(_serve(server, dex, setup, port, silent=silent))


@contextmanager
def loading() -> Iterator[None]:
    """What is loaded stays: looking for garbage in it would be a tenth of the time it takes."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _fed(dex: Dex, port: int | None) -> Iterator[None]:
    """Order histories of other processes may read the chain's outbox meanwhile."""
    if port is None:
        yield
        return
    from evm_dex.history.feed_server import FeedServer  # noqa: PLC0415 - loads zmq

    with closing(FeedServer(dex.chain, dex.store, port)):
        yield


async def _serve(server: Server, dex: Dex, setup: Setup, port: int, *, silent: bool) -> None:
    import asyncio  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with listening(setup.host, port, "--port (0 for any free one)"):
        await server.start(setup.host, port)
    if not silent:
        _print_banner(dex, setup, server.port)
    await stop.wait()
    await server.stop()
    if not silent:
        height = dex.chain.head.block_number
        where = f", kept in {escape(str(setup.path))}" if setup.path else ""
        errors().print(f"stopped at block {height}{where}", highlight=False)


def _print_banner(dex: Dex, setup: Setup, port: int) -> None:
    from evm_dex.blocks.addresses import checksum  # noqa: PLC0415 - loads the whole chain

    lines = ["[bold]Accounts[/]"]
    for index, account in enumerate(setup.keyed_accounts()):
        ether = dex.balance(account.address) // _ETHER
        lines.append(f"({index}) {checksum(account.address)} ({ether:,} ETH)")
    lines += ["", "[bold]Private keys[/] (public knowledge: never use them elsewhere)"]
    lines += [f"({at}) 0x{it.key.hex()}" for at, it in enumerate(setup.keyed_accounts())]
    lines += ["", "[bold]Exchanges[/]"]
    lines += [f"spot  {dex.spot.address}", f"perp  {dex.perp.address}"]
    lines += [f"token {symbol:<6} {token.address}" for symbol, token in dex.tokens.items()]
    markets = dex.perp_markets.items()
    lines += [f"perpetual market {symbol} {checksum(it)}" for symbol, it in markets]
    kept = f"kept in {escape(str(setup.path))}" if setup.path else "in memory"
    lines += ["", f"Chain {dex.chain.chain_id}, block {dex.chain.head.block_number}, {kept}"]
    shown = f"[{setup.host}]" if ":" in setup.host else setup.host
    lines.append(f"Listening on http://{shown}:{port} and ws://{shown}:{port}")
    console().print("\n".join(lines), highlight=False, soft_wrap=True)
