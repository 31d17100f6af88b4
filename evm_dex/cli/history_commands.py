"""Commands that fill an order history and check it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.history_queries import StoreAddress, open_history, report_store_errors
from evm_dex.cli.shared import AsJson, ChainDirectory, listening, print_json, report_errors, require
from evm_dex.terminal.console import console, errors

if TYPE_CHECKING:
    from evm_dex.history.feed import Feed
    from evm_dex.history.rebuild import Progress, UpdateStream

HELP = """Keep the history of all orders in a database, and query it.

Fill a database from a chain, and answer queries over HTTP:

  evm-dex history serve --chain my-chain --store sqlite:history.db --http 8546

Or follow a running chain without delay:

  evm-dex node --chain my-chain --history-feed 8600
  evm-dex history serve --feed tcp://127.0.0.1:8600 --store sqlite:history.db

Query the database:

  evm-dex history orders 0xf39F…2266 --store sqlite:history.db
  evm-dex history order 17 --store sqlite:history.db --json

Check it against the chain, or fill it anew:

  evm-dex history verify --store sqlite:history.db --chain my-chain
  evm-dex history rebuild --store sqlite:history.db --chain my-chain
"""

_Chain = Annotated[
    Path | None,
    typer.Option(
        "--chain", metavar="DIR", help="Directory of the chain to read from.", show_default=False
    ),
]
_FeedAddress = Annotated[
    str | None,
    typer.Option(
        "--feed",
        metavar="ADDRESS",
        help="Feed of a running chain to read from: tcp://HOST:PORT.",
        show_default=False,
    ),
]


def serve(
    store: StoreAddress,
    chain: _Chain = None,
    feed: _FeedAddress = None,
    http: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Port for queries over HTTP and WebSocket; 0 for any free one.",
            show_default="none",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on.")
    ] = "127.0.0.1",
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Name of this consumer at the chain.")
    ] = "history",
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every batch.")] = False,
) -> None:
    """Copy the chain's order updates into a store, until stopped.

      evm-dex history serve --feed tcp://127.0.0.1:8600 --store sqlite:history.db --http 8546
      evm-dex history serve --chain my-chain --store sqlite:history.db

    Continues where it stopped, after a crash too. Writes its log to stderr as JSON lines. With
    --feed it follows a running chain without delay; with --chain it reads the chain's files every
    second.
    """
    import asyncio  # noqa: PLC0415 - only here

    from evm_dex.history.service import JsonLines, Service  # noqa: PLC0415 - loads the server
    from evm_dex.history.stores.open_store import open_store  # noqa: PLC0415 - as above

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("evm_dex.history")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    with _following():
        source = _feed(chain, feed)
        with closing(open_store(store)) as kept:
            reader = None if http is None else open_store(store, read_only=True)
            service = Service(source, kept, name=name)
            with listening(host, http or 0, "--http"):
                asyncio.run(service.run(reader, host=host, port=http or 0, started=_tell_port))


def verify(
    store: StoreAddress,
    chain: ChainDirectory,
    as_json_: AsJson = False,
) -> None:
    """Check every table against the chain's own rows.

      evm-dex history verify --store sqlite:history.db --chain my-chain

    Exits with 1 if anything differs. Works while the chain is running.
    """
    from checkpoint.rocks.read_only_store import ReadOnlyStore  # noqa: PLC0415 - loads the database
    from evm_dex.history.verify_history import verify as differences_of  # noqa: PLC0415 - as above

    with (
        open_history(store) as kept,
        closing(ReadOnlyStore(require(chain))) as rows,
        _counting("Looking at orders") as count,
    ):
        differences = list(differences_of(rows, kept, count))
    if as_json_:
        print_json({"differences": differences})
    else:
        for difference in differences:
            errors().print(f"[red]differs:[/] {difference}", highlight=False, soft_wrap=True)
        if not differences:
            console().print("The history agrees with the chain's rows.")
    if differences:
        raise typer.Exit(1)


def balances(
    chain: _Chain = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="STORE",
            help="Database to read instead, of which --user's balances are printed.",
            show_default=False,
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Print only this account.", show_default=False),
    ] = None,
    after: Annotated[
        int, typer.Option(min=0, metavar="EVENT", help="Id of the update to start after.")
    ] = 0,
) -> None:
    """Print a chain's log of balances, or a user's, as lines of JSON.

      evm-dex history balances --chain my-chain
      evm-dex history balances --chain my-chain --user 0xf39F…2266 --after 1000
      evm-dex history balances --store sqlite:history.db --user 0xf39F…2266

    Each update has an account's balance of a token after a block, and a version that goes up by one
    each time. `evm-dex node --balance-log` switches the log on. Works while the chain is running.
    """
    if store is not None:
        _print_balances(store, user)
        return
    if chain is None:
        raise typer.BadParameter("give --chain DIR, or --store STORE and --user ADDRESS")
    from checkpoint.rocks.read_only_store import ReadOnlyStore  # noqa: PLC0415 - loads the database
    from evm_dex.blocks.addresses import to_address  # noqa: PLC0415 - as above
    from evm_dex.orderlog.balance_log import read_balances  # noqa: PLC0415 - as above

    with report_errors(ValueError), closing(ReadOnlyStore(require(chain))) as log:
        wanted = None if user is None else to_address(user)
        for update in read_balances(log, after):
            if wanted in (None, update.user):
                typer.echo(json.dumps(update.as_json()))


def _print_balances(store: str, user: str | None) -> None:
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs

    if user is None:
        raise typer.BadParameter("--store needs --user ADDRESS")
    with open_history(store) as kept, report_errors(answers.BadQuery):
        for update in kept.balances(answers.address(user)):
            typer.echo(json.dumps(update.as_json()))


def rebuild(
    store: StoreAddress,
    chain: _Chain = None,
    feed: _FeedAddress = None,
    stream_of: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="Another store, or jsonl:FILE, for updates that the chain has already removed.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Empty a store, and fill it again from the first update on.

      evm-dex history rebuild --store sqlite:history.db --chain my-chain
      evm-dex history rebuild --store sqlite:new.db --from sqlite:history.db --chain my-chain
      evm-dex history rebuild --store sqlite:new.db --from jsonl:events.jsonl

    Reads the chain, another store or the output of `history stream --all`, or both where the
    chain has already removed old updates.
    """
    from evm_dex.history.queries import BadQuery  # noqa: PLC0415 - loads what a store needs
    from evm_dex.history.rebuild import rebuild as fill  # noqa: PLC0415 - loads the feed
    from evm_dex.history.stores.open_store import open_store  # noqa: PLC0415 - as above

    with _following(), report_errors(ValueError):
        if stream_of == store:
            raise BadQuery("--from must be another store than --store")
        source = _feed(chain, feed) if chain or feed else None
        with ExitStack() as opened:
            older = None if stream_of is None else opened.enter_context(closing(_older(stream_of)))
            kept = opened.enter_context(closing(open_store(store)))
            count = opened.enter_context(_counting("Applying updates"))
            last = fill(kept, source, older, count)
    console().print(f"Rebuilt up to update {last}.")


def consumers(
    chain: ChainDirectory,
    forget: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Remove this consumer, so that nothing is kept for it.",
            show_default=False,
        ),
    ] = None,
    as_json_: AsJson = False,
) -> None:
    """List the consumers of order updates, and how far each has read.

      evm-dex history consumers --chain my-chain
      evm-dex history consumers --forget history --chain my-chain

    The chain keeps every update that a listed consumer has not read.
    """
    from checkpoint.rocks import RocksStore  # noqa: PLC0415 - loads the database
    from checkpoint.rocks.read_only_store import ReadOnlyStore  # noqa: PLC0415 - as above
    from evm_dex.history.queries import BadQuery  # noqa: PLC0415 - loads what a store needs
    from evm_dex.orderlog import cursors as registered  # noqa: PLC0415 - as above

    with report_errors(BadQuery):
        if forget is not None:
            with closing(RocksStore(require(chain))) as store:
                if not registered.forget(store, forget):
                    raise BadQuery(f"no consumer {forget!r} is registered")
        with closing(ReadOnlyStore(require(chain))) as looked_at:
            known = registered.cursors(looked_at)
    if as_json_:
        print_json(known)
    elif not known:
        console().print("no consumer is registered; `evm-dex history serve --feed …` is one")
    else:
        for name, event_id in sorted(known.items()):
            console().print(f"{name}: update {event_id}", highlight=False)


def _older(source: str) -> UpdateStream:
    """Open another store, or a file of JSON Lines."""
    from evm_dex.history.rebuild import UpdateFile  # noqa: PLC0415 - loads what a store needs
    from evm_dex.history.stores.open_store import open_store  # noqa: PLC0415 - as above

    kind, _, place = source.partition(":")
    return UpdateFile(Path(place)) if kind == "jsonl" else open_store(source, read_only=True)


def _feed(chain: Path | None, address: str | None) -> Feed:
    """Open the one source that was given. Raises BadQuery."""
    from evm_dex.history.feed_client import ChainFeed, RemoteFeed  # noqa: PLC0415 - loads zmq
    from evm_dex.history.queries import BadQuery  # noqa: PLC0415 - loads what a store needs

    if (chain is None) == (address is None):
        raise BadQuery("give either --chain DIR or --feed tcp://HOST:PORT")
    if chain is not None:
        return ChainFeed(require(chain))
    assert address is not None, "one of them is given"
    if not address.startswith("tcp://") or not address.rpartition(":")[2].isdecimal():
        raise BadQuery(f"--feed must be tcp://HOST:PORT, got {address!r}")
    return RemoteFeed(address)


@contextmanager
def _following() -> Iterator[None]:
    """Report errors of a feed and of the store it fills."""
    from evm_dex.history.feed import FeedRefused, FeedUnavailable  # noqa: PLC0415 - loads the chain
    from evm_dex.history.stores.history_store import MissedEvents  # noqa: PLC0415 - as above

    with report_store_errors(), report_errors(FeedRefused, FeedUnavailable, MissedEvents):
        yield


@contextmanager
def _counting(what: str) -> Iterator[Progress]:
    with errors().status(what) as status:
        yield lambda count: status.update(f"{what}: {count:,}")


def _tell_port(port: int | None) -> None:
    if port is not None:
        typer.echo(f"http://127.0.0.1:{port}")
