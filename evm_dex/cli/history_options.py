"""Options and arguments that several commands of the history take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import require

if TYPE_CHECKING:
    from evm_dex.history.feed import Feed

StoreName = Annotated[
    str,
    typer.Option(
        metavar="STORE",
        help="Database of the history: sqlite:PATH or cql://HOST:PORT/KEYSPACE.",
        show_default=False,
    ),
]
OptionalChain = Annotated[
    Path | None,
    typer.Option(
        "--chain", metavar="DIR", help="Directory of the chain to read from.", show_default=False
    ),
]
FeedAddress = Annotated[
    str | None,
    typer.Option(
        "--feed",
        metavar="ADDRESS",
        help="Feed of a running chain to read from: tcp://HOST:PORT.",
        show_default=False,
    ),
]
User = Annotated[str, typer.Argument(help="Address of the user.", show_default=False)]
Market = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Show only this market.", show_default=False)
]
Exchange = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Show only this exchange: spot or perp.", show_default=False),
]
Limit = Annotated[int, typer.Option(min=1, max=1_000, metavar="N", help="Maximum number of lines.")]
Before = Annotated[
    str | None,
    typer.Option(
        metavar="CURSOR", help="Continue after the page that ended with it.", show_default=False
    ),
]


def open_feed(chain: Path | None, address: str | None) -> Feed:
    """Open the one source that was given. Raises BadQuestion."""
    from evm_dex.history.feed_client import ChainFeed, RemoteFeed  # noqa: PLC0415 - loads zmq
    from evm_dex.history.queries import BadQuestion  # noqa: PLC0415 - loads what a store needs

    if (chain is None) == (address is None):
        raise BadQuestion("give either --chain DIR or --feed tcp://HOST:PORT")
    if chain is not None:
        return ChainFeed(require(chain))
    assert address is not None, "one of them is given"
    if not address.startswith("tcp://") or not address.rpartition(":")[2].isdecimal():
        raise BadQuestion(f"--feed must be tcp://HOST:PORT, got {address!r}")
    return RemoteFeed(address)
