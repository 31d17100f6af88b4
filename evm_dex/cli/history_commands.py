"""Commands of the order history: its service, and queries."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.history_options import (
    Before,
    Exchange,
    FeedAddress,
    Limit,
    Market,
    OptionalChain,
    StoreName,
    User,
    open_feed,
)
from evm_dex.cli.shared import AsJson, ChainDirectory, listening, print_json, report_errors, require
from evm_dex.terminal.console import console, errors

if TYPE_CHECKING:
    from evm_dex.history.queries import Document
    from evm_dex.history.rebuild import Progress
    from evm_dex.history.stores.history_store import HistoryStore

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

_WIDTH = 240
_LARGEST = 2**63 - 1


def serve(
    store: StoreName,
    chain: OptionalChain = None,
    feed: FeedAddress = None,
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
    """Copy the chain's order events into a store, until stopped.

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
        source = open_feed(chain, feed)
        with closing(open_store(store)) as kept:
            reader = None if http is None else open_store(store, read_only=True)
            service = Service(source, kept, name=name)
            with listening(host, http or 0, "--http"):
                asyncio.run(service.run(reader, host=host, port=http or 0, started=_tell_port))


def orders(
    user: User,
    store: StoreName,
    market: Market = None,
    exchange: Exchange = None,
    history: Annotated[
        bool, typer.Option("--history", help="Show every change of all orders instead.")
    ] = False,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS",
            help="With --history: show only changes to this status.",
            show_default=False,
        ),
    ] = None,
    limit: Limit = 100,
    before: Before = None,
    as_json_: AsJson = False,
) -> None:
    """Show a user's open orders, or every change of all orders.

      evm-dex history orders 0xf39F…2266 --store sqlite:history.db
      evm-dex history orders 0xf39F…2266 --store sqlite:history.db --history --status filled

    Newest first.
    """
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs

    fields = _given(
        user=user, market=market, exchange=exchange, status=status, before=before, limit=str(limit)
    )
    with _asking(store) as kept:
        asked = answers.question(fields)
        if history:
            _show(answers.page(kept.history(asked), limit), "updates", as_json_)
            return
        assert asked.user is not None, "it is an argument"
        found = kept.open_orders(asked.user, exchange=asked.exchange, market=asked.market)
        _show(answers.orders(found), "orders", as_json_)


def order(
    order_id: Annotated[
        int, typer.Argument(min=1, max=_LARGEST, help="Id of the order.", show_default=False)
    ],
    store: StoreName,
    as_json_: AsJson = False,
) -> None:
    """Show one order with all its changes and fills.

    evm-dex history order 17 --store sqlite:history.db
    """
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs

    with _asking(store) as kept:
        found = answers.whole_order(kept, order_id)
        if found is None:
            raise answers.BadQuestion(f"the history has no order {order_id}")
        _show(found, "changes", as_json_)


def fills(
    user: User,
    store: StoreName,
    market: Market = None,
    exchange: Exchange = None,
    limit: Limit = 100,
    before: Before = None,
    as_json_: AsJson = False,
) -> None:
    """Show a user's fills, newest first.

    evm-dex history fills 0xf39F…2266 --store sqlite:history.db --exchange perp
    """
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs

    fields = _given(user=user, market=market, exchange=exchange, before=before, limit=str(limit))
    with _asking(store) as kept:
        found = kept.fills(answers.question(fields))
        _show(answers.page(found, limit), "updates", as_json_)


def stats(user: User, store: StoreName, as_json_: AsJson = False) -> None:
    """Show a user's statistics by market.

    evm-dex history stats 0xf39F…2266 --store sqlite:history.db
    """
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs

    with _asking(store) as kept:
        found = answers.statistics(kept.statistics(answers.address(user)))
    if as_json_:
        print_json(found)
        return
    from evm_dex.terminal.history_tables import statistics_table  # noqa: PLC0415 - only for people

    console().print(statistics_table(found["statistics"]))


def stream(
    store: StoreName,
    after: Annotated[
        int,
        typer.Option(min=0, max=_LARGEST, metavar="EVENT", help="Id of the event to start after."),
    ] = 0,
    limit: Limit = 100,
) -> None:
    """Print all order updates in order, a JSON document per line.

    evm-dex history stream --store sqlite:history.db --after 1000
    """
    from evm_dex.orderlog.order_update import as_json  # noqa: PLC0415 - loads what a store needs

    with _asking(store) as kept:
        for update in kept.stream(after, limit):
            typer.echo(json.dumps(as_json(update)))


def verify(
    store: StoreName,
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
        _asking(store) as kept,
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


def rebuild(
    store: StoreName,
    chain: OptionalChain = None,
    feed: FeedAddress = None,
    stream_of: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STORE",
            help="Another store, for events that the chain has already removed.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Empty a store, and fill it again from the first event on.

      evm-dex history rebuild --store sqlite:history.db --chain my-chain
      evm-dex history rebuild --store sqlite:new.db --from sqlite:history.db --chain my-chain

    Reads the chain, another store, or both where the chain has already removed old events.
    """
    from evm_dex.history.queries import BadQuestion  # noqa: PLC0415 - loads what a store needs
    from evm_dex.history.rebuild import rebuild as fill  # noqa: PLC0415 - loads the feed
    from evm_dex.history.stores.open_store import open_store  # noqa: PLC0415 - as above

    with _following(), report_errors(ValueError):
        if stream_of == store:
            raise BadQuestion("--from must be another store than --store")
        source = open_feed(chain, feed) if chain or feed else None
        older = None if stream_of is None else open_store(stream_of, read_only=True)
        with closing(open_store(store)) as kept, _counting("Taking in events") as count:
            last = fill(kept, source, older, count)
    console().print(f"Rebuilt up to event {last}.")


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
    """List the consumers of order events, and how far each has read.

      evm-dex history consumers --chain my-chain
      evm-dex history consumers --forget history --chain my-chain

    The chain keeps every event that a listed consumer has not read.
    """
    from checkpoint.rocks import RocksStore  # noqa: PLC0415 - loads the database
    from checkpoint.rocks.read_only_store import ReadOnlyStore  # noqa: PLC0415 - as above
    from evm_dex.history.queries import BadQuestion  # noqa: PLC0415 - loads what a store needs
    from evm_dex.orderlog import cursors as registered  # noqa: PLC0415 - as above

    with report_errors(BadQuestion):
        if forget is not None:
            with closing(RocksStore(require(chain))) as store:
                if not registered.forget(store, forget):
                    raise BadQuestion(f"no consumer {forget!r} is registered")
        with closing(ReadOnlyStore(require(chain))) as looked_at:
            known = registered.cursors(looked_at)
    if as_json_:
        print_json(known)
    elif not known:
        console().print("no consumer is registered; `evm-dex history serve --feed …` is one")
    else:
        for name, event_id in sorted(known.items()):
            console().print(f"{name}: event {event_id}", highlight=False)


@contextmanager
def _following() -> Iterator[None]:
    """Report errors of a feed and of the store it fills."""
    from evm_dex.history.feed import FeedRefused, FeedUnavailable  # noqa: PLC0415 - loads the chain

    with _explained(), report_errors(FeedRefused, FeedUnavailable):
        yield


@contextmanager
def _explained() -> Iterator[None]:
    """Report errors of a store and of a query."""
    from evm_dex.history.queries import BadQuestion  # noqa: PLC0415 - loads what a store needs
    from evm_dex.history.stores import history_store, open_store  # noqa: PLC0415 - as above
    from evm_dex.orderlog.order_update import UnknownUpdate  # noqa: PLC0415 - as above

    expected = (history_store.StoreBroken, history_store.StoreUnavailable, open_store.UnknownStore)
    with report_errors(BadQuestion, UnknownUpdate, *expected):
        yield


@contextmanager
def _asking(address: str) -> Iterator[HistoryStore]:
    from evm_dex.history.stores.open_store import open_store  # noqa: PLC0415 - loads the stores

    with _explained(), closing(open_store(address, read_only=True)) as store:
        yield store


@contextmanager
def _counting(what: str) -> Iterator[Progress]:
    with errors().status(what) as status:
        yield lambda count: status.update(f"{what}: {count:,}")


def _given(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


def _show(found: Document, rows: str, as_json_: bool) -> None:
    if as_json_:
        print_json(found)
        return
    from rich.console import Console  # noqa: PLC0415 - only for people

    from evm_dex.terminal.history_tables import updates_table  # noqa: PLC0415 - as above

    # Whole amounts, however narrow the terminal: it wraps what does not fit.
    Console(width=_WIDTH).print(updates_table(found[rows]))
    if found.get("next"):
        console().print(f"More: --before {found['next']}", highlight=False)


def _tell_port(port: int | None) -> None:
    if port is not None:
        typer.echo(f"http://127.0.0.1:{port}")


Command = Callable[..., None]
COMMANDS: tuple[Command, ...] = (
    *(serve, orders, order, fills, stats, stream, verify, rebuild, consumers),
)
