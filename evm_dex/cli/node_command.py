"""The command that serves a chain over JSON-RPC."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.serving import Serving, order_feed, serve, stop_following
from evm_dex.cli.shared import report_errors

if TYPE_CHECKING:
    from checkpoint.rocks import SyncPolicy
    from evm_dex.origin.fork import Fork

_ETHER = 10**18

Host = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for all interfaces.")
]
Port = Annotated[
    int,
    typer.Option(
        "--port", "-p", min=0, max=65535, metavar="PORT", help="Port; 0 for any free one."
    ),
]
Chain = Annotated[
    Path | None,
    typer.Option(
        "--chain",
        metavar="DIR",
        help="Directory of the chain, created if missing.",
        show_default="in memory",
    ),
]
GenesisPath = Annotated[
    Path | None,
    typer.Option(
        "--genesis",
        metavar="FILE",
        help="Genesis file of a new chain, in TOML or JSON.",
        show_default=False,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Genesis that comes with the program: hyperevm or hyperevm-testnet.",
        show_default=False,
    ),
]
Accounts = Annotated[
    int,
    typer.Option(
        "--accounts",
        "-a",
        min=1,
        max=1000,
        metavar="N",
        help="Number of accounts to create and fund.",
    ),
]
Mnemonic = Annotated[
    str,
    typer.Option(
        "--mnemonic",
        "-m",
        metavar="WORDS",
        help="BIP-39 phrase to derive the accounts from.",
        show_default="test test … junk",
    ),
]
Balance = Annotated[
    int,
    typer.Option(min=0, metavar="ETHER", help="Balance of each account of a new chain, in ether."),
]
BlockTime = Annotated[
    float | None,
    typer.Option(
        "--block-time",
        "-b",
        min=0.01,
        metavar="SECONDS",
        help="Seconds between blocks.",
        show_default="a block per transaction",
    ),
]
NoMining = Annotated[
    bool, typer.Option("--no-mining", help="Make no blocks by itself; mine with evm_mine.")
]
ChainId = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Chain id of a new chain.", show_default="31337"),
]
GasLimit = Annotated[
    int | None,
    typer.Option(
        min=1_000_000,
        metavar="GAS",
        help="Gas limit of a new chain's blocks.",
        show_default="30000000",
    ),
]
Interval = Annotated[
    int | None,
    typer.Option(
        "--checkpoint-interval",
        min=1,
        metavar="N",
        help="Number of blocks between checkpoints.",
        show_default="as before; at first 1000",
    ),
]
Sync = Annotated[
    str,
    typer.Option(
        "--sync",
        metavar="never|block|N",
        help="How often blocks are forced to the disk: only a power failure tells the difference.",
    ),
]
AcceptLoss = Annotated[
    bool,
    typer.Option(
        "--accept-loss", help="Go on from an older block where the end of the log was lost."
    ),
]
BalanceLog = Annotated[
    bool | None,
    typer.Option(
        "--balance-log/--no-balance-log",
        help="Log every change of a balance, for `evm-dex history balances`.",
        show_default="as last time, at first not",
    ),
]
KeepLimit = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="Triggers and liquidations that the keeper may execute per block; 0 for no keeper.",
    ),
]
Cors = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ORIGIN",
        help="Origin of web pages that may send requests, or *; can be repeated.",
        show_default="none",
    ),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="Another name of this host; can be repeated.", show_default="none"
    ),
]
NoCheats = Annotated[
    bool, typer.Option("--no-cheats", help="Serve only the methods of a real chain.")
]
ClientName = Annotated[
    str,
    typer.Option(
        metavar="anvil|hardhat|ganache|evm-dex",
        help="Name that web3_clientVersion begins with, for tools that look for it; with hardhat, "
        "evm_setIntervalMining takes milliseconds.",
    ),
]
Abi = Annotated[
    list[Path] | None,
    typer.Option(
        "--abi",
        metavar="PATH",
        help="Artifact of a contract, or directory of such as out/, whose calls the page shows by "
        "name; can be repeated.",
        show_default="none",
    ),
]
HistoryFeed = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=65534,
        metavar="PORT",
        help="Serve order updates to `evm-dex history serve --feed` here and at the next port.",
        show_default="none",
    ),
]
Hyperliquid = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        metavar="PORT",
        help="Serve Hyperliquid's /info, /exchange and /ws here, where its SDKs look for a local "
        "chain: 3001. A new chain is of the hyperevm profile.",
        show_default="none",
    ),
]
Market = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Let a market of agents trade, a second of it each second: calm, trend, crash, thin, "
        "squeeze, cascade, stuck, tricks, each also as NAME:SEED, or a TOML file.",
        show_default="none",
    ),
]
ForkUrl = Annotated[
    str | None,
    typer.Option(
        "--fork-url",
        "-f",
        metavar="URL",
        help="Node of a chain to begin from, as it is after a block; http(s)://…, also with "
        "@BLOCK at its end. A chain in a directory needs it once.",
        show_default="none",
    ),
]
ForkBlock = Annotated[
    int | None,
    typer.Option(
        "--fork-block",
        "--fork-block-number",
        min=0,
        metavar="N",
        help="Height of the block to begin from.",
        show_default="the newest",
    ),
]
ForkHeader = Annotated[
    list[str] | None,
    typer.Option(
        "--fork-header",
        metavar="NAME:VALUE",
        help="HTTP header of requests to --fork-url, for a key; can be repeated.",
        show_default="none",
    ),
]
ForkRate = Annotated[
    float | None,
    typer.Option(
        "--fork-rate",
        min=0.01,
        metavar="N",
        help="Most requests per second to --fork-url.",
        show_default="as many as it takes",
    ),
]
ForkUnproven = Annotated[
    bool,
    typer.Option("--fork-unproven", help="Take --fork-url at its word, where its proofs fail too."),
]
Silent = Annotated[bool, typer.Option("--silent", "-q", help="Print only errors.")]


def node(
    host: Host = "127.0.0.1",
    port: Port = 8545,
    chain: Chain = None,
    genesis: GenesisPath = None,
    profile: Profile = None,
    accounts: Accounts = 10,
    mnemonic: Mnemonic = "",
    balance: Balance = 10_000,
    block_time: BlockTime = None,
    no_mining: NoMining = False,
    chain_id: ChainId = None,
    gas_limit: GasLimit = None,
    checkpoint_interval: Interval = None,
    sync: Sync = "never",
    accept_loss: AcceptLoss = False,
    balance_log: BalanceLog = None,
    keep_limit: KeepLimit = 0,
    cors: Cors = None,
    allow_host: AllowHost = None,
    no_cheats: NoCheats = False,
    client_name: ClientName = "anvil",
    abi: Abi = None,
    history_feed: HistoryFeed = None,
    hyperliquid: Hyperliquid = None,
    market: Market = None,
    fork_url: ForkUrl = None,
    fork_block: ForkBlock = None,
    fork_header: ForkHeader = None,
    fork_rate: ForkRate = None,
    fork_unproven: ForkUnproven = False,
    silent: Silent = False,
) -> None:
    """Serve a chain over JSON-RPC, by HTTP and WebSocket.

      evm-dex node
      evm-dex node --chain my-chain --block-time 2 --port 9545
      evm-dex node --chain my-chain --keep-limit 100 --history-feed 8600
      evm-dex node --profile hyperevm --hyperliquid 3001 --market calm
      evm-dex node --fork-url http://localhost:9545 --fork-block 120 --chain my-fork

    ethers, viem, web3.py, cast and forge connect to http://127.0.0.1:8545; in a browser that is a
    page with charts and order books. It prints what comes of each transaction. Options are named as
    in anvil where they mean the same. Stop it with Ctrl-C: every block is on disk.
    """
    import uvloop  # noqa: PLC0415 - no other command serves

    if no_mining and block_time is not None:
        raise typer.BadParameter(
            "--no-mining and --block-time contradict each other: give only one"
        )

    if genesis is not None and profile is not None:
        raise typer.BadParameter("a profile is a genesis: give only one of --genesis, --profile")

    if (hyperliquid is not None or market is not None) and genesis is None:
        profile = profile or "hyperevm"
    with report_errors(ValueError), ExitStack() as opened:
        with loading():
            from evm_dex.chain.genesis.genesis_file import profile_genesis  # noqa: PLC0415 - loads msgspec
            from evm_dex.node.node_config import NodeConfig  # noqa: PLC0415 - loads the whole chain

            config = NodeConfig(
                path=chain,
                genesis=genesis if profile is None else profile_genesis(profile),
                accounts=accounts,
                mnemonic=mnemonic,
                balance=balance * _ETHER,
                chain_id=chain_id,
                gas_limit=gas_limit,
                automine=block_time is None and not no_mining,
                checkpoint_interval=checkpoint_interval,
                sync=sync_policy(sync),
                accept_loss=accept_loss,
                balance_log=balance_log,
                keep_limit=keep_limit,
                cheats=not no_cheats,
                client_name=client_name,
                abis=tuple(abi or ()),
                host=host,
                origins=tuple(cors or ()),
                names=tuple(allow_host or ()),
                block_seconds=None if no_mining else block_time,
                resets=hyperliquid is None and market is None and history_feed is None,
                fork=_fork(fork_url, fork_block, fork_header, fork_rate, unproven=fork_unproven),
            )
            dex, server = opened.enter_context(config.open())
            stop_following(chain)
        opened.enter_context(order_feed(dex, history_feed))
        serving = Serving(port, hyperliquid, None if market is None else dex.market(market), silent)
        uvloop.run(serve(server, dex, config, serving))


def _fork(
    url: str | None,
    block: int | None,
    headers: list[str] | None,
    rate: float | None,
    *,
    unproven: bool,
) -> Fork | None:
    """Return what to fork by the options. Raises ValueError."""
    if url is None:
        if block is not None or headers or rate is not None or unproven:
            raise ValueError("--fork-block and the like need --fork-url")
        return None
    from evm_dex.origin.fork import Fork, read_fork  # noqa: PLC0415 - loads msgspec

    pairs = [header.partition(":") for header in headers or ()]
    if not all(colon for _, colon, _ in pairs):
        raise ValueError("--fork-header must be NAME:VALUE")
    named = {name.strip(): value.strip() for name, _, value in pairs}
    proofs = False if unproven else None
    return read_fork(Fork(url=url, headers=named, rate=rate, proofs=proofs), block)


def sync_policy(text: str) -> SyncPolicy:
    """Return the policy of an option. Raises ValueError."""
    if text in ("never", "block"):
        return "never" if text == "never" else "block"
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"--sync must be never, block or a number of blocks, got {text!r}")
    return int(text)


@contextmanager
def loading() -> Iterator[None]:
    """Load without garbage collection, which would take a tenth of the time and find nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
