"""Commands about the order history: its service, and the questions it answers."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import AsJson, explained, listening, print_json, require
from evm_dex.terminal.console import console, errors

if TYPE_CHECKING:
    from evm_dex.history.feed import Feed
    from evm_dex.history.queries import Document
    from evm_dex.history.rebuild import Progress
    from evm_dex.history.stores.history_store import HistoryStore

HELP = """The history of all orders, in tables one can ask.

Beside a chain (running with a feed, or at rest):

  evm-dex history serve --chain my-chain --store sqlite:history.db --http 8546

  evm-dex history orders 0xf39F…2266 --store sqlite:history.db

  evm-dex history order 17 --store sqlite:history.db --json
"""

_WIDTH = 240
_LARGEST = 2**63 - 1
_Store = Annotated[
    str,
    typer.Option(
        help="Where the history is kept: sqlite:PATH or cql://HOST:PORT/KEYSPACE.",
        show_default=False,
    ),
]
_Chain = Annotated[
    Path | None,
    typer.Option(help="Read the outbox of the chain at this path.", show_default=False),
]
_FeedAddress = Annotated[
    str | None,
    typer.Option("--feed", help="Read from a running chain: tcp://HOST:PORT.", show_default=False),
]
_User = Annotated[str, typer.Argument(help="Address of an account.", show_default=False)]
_Market = Annotated[str | None, typer.Option(help="Only of this market.", show_default=False)]
_Exchange = Annotated[str | None, typer.Option(help="spot or perp.", show_default=False)]
_Limit = Annotated[int, typer.Option(min=1, max=1_000, help="Lines at most.")]
_Before = Annotated[
    str | None, typer.Option(help="Go on behind a page: what its end says.", show_default=False)
]


def serve(
    store: _Store,
    chain: _Chain = None,
    feed: _FeedAddress = None,
    http: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Answer questions at this port; 0: any.", show_default=False
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to answer at.")] = "127.0.0.1",
    name: Annotated[str, typer.Option(help="What the chain knows this consumer as.")] = "history",
    verbose: Annotated[bool, typer.Option("--verbose", help="Log every batch.")] = False,
) -> None:
    """Carry the chain's outbox into a store, for as long as it runs.

    evm-dex history serve --feed tcp://127.0.0.1:8600 --store sqlite:history.db --http 8546

    Goes on where it was, after any crash. Logs are JSON lines on stderr. With --feed it follows a
    chain that another process runs, without delay; with --chain it looks at the chain's files
    every second.
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


def orders(
    user: _User,
    store: _Store,
    market: _Market = None,
    exchange: _Exchange = None,
    history: Annotated[bool, typer.Option("--history", help="All changes instead.")] = False,
    status: Annotated[
        str | None,
        typer.Option(help="With --history: changes that led to it.", show_default=False),
    ] = None,
    limit: _Limit = 100,
    before: _Before = None,
    as_json_: AsJson = False,
) -> None:
    """A user's open orders, or with --history every change of all of them, newest first.

    evm-dex history orders 0xf39F…2266 --store sqlite:history.db --history --status filled
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
        int, typer.Argument(min=1, max=_LARGEST, help="Id of an order.", show_default=False)
    ],
    store: _Store,
    as_json_: AsJson = False,
) -> None:
    """One order with all its changes and fills.

    evm-dex history order 17 --store sqlite:history.db
    """
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs

    with _asking(store) as kept:
        found = answers.whole_order(kept, order_id)
        if found is None:
            raise answers.BadQuestion(f"the history knows nothing of order {order_id}")
        _show(found, "changes", as_json_)


def fills(
    user: _User,
    store: _Store,
    market: _Market = None,
    exchange: _Exchange = None,
    limit: _Limit = 100,
    before: _Before = None,
    as_json_: AsJson = False,
) -> None:
    """A user's fills, newest first.

    evm-dex history fills 0xf39F…2266 --store sqlite:history.db --exchange perp
    """
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs

    fields = _given(user=user, market=market, exchange=exchange, before=before, limit=str(limit))
    with _asking(store) as kept:
        found = kept.fills(answers.question(fields))
        _show(answers.page(found, limit), "updates", as_json_)


def stats(user: _User, store: _Store, as_json_: AsJson = False) -> None:
    """A user's totals by market.

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
    store: _Store,
    after: Annotated[int, typer.Option(min=0, max=_LARGEST, help="Begin behind this event.")] = 0,
    limit: _Limit = 100,
) -> None:
    """All updates in their order, one JSON document per line.

    evm-dex history stream --store sqlite:history.db --after 1000
    """
    from evm_dex.orderlog.order_update import as_json  # noqa: PLC0415 - loads what a store needs

    with _asking(store) as kept:
        for update in kept.stream(after, limit):
            typer.echo(json.dumps(as_json(update)))


def verify(
    store: _Store,
    chain: Annotated[Path, typer.Option(help="The chain.", show_default=False)],
    as_json_: AsJson = False,
) -> None:
    """Hold every table against the chain's own rows; the chain may be running.

    evm-dex history verify --store sqlite:history.db --chain my-chain
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
            console().print("The history is what the chain's rows say.")
    if differences:
        raise typer.Exit(1)


def rebuild(
    store: _Store,
    chain: _Chain = None,
    feed: _FeedAddress = None,
    stream_of: Annotated[
        str | None,
        typer.Option(
            "--from", help="A store whose stream has what was pruned.", show_default=False
        ),
    ] = None,
) -> None:
    """Empty a store and fill it again from event 1 on.

    evm-dex history rebuild --store sqlite:history.db --chain my-chain

    From the chain's outbox; from the stream of another store; or from both, where the outbox was
    pruned.
    """
    from evm_dex.history.queries import BadQuestion  # noqa: PLC0415 - loads what a store needs
    from evm_dex.history.rebuild import rebuild as fill  # noqa: PLC0415 - loads the feed
    from evm_dex.history.stores.open_store import open_store  # noqa: PLC0415 - as above

    with _following(), explained(ValueError):
        if stream_of == store:
            raise BadQuestion("--from must be another store than --store")
        source = _feed(chain, feed) if chain or feed else None
        older = None if stream_of is None else open_store(stream_of, read_only=True)
        with closing(open_store(store)) as kept, _counting("Taking in events") as count:
            last = fill(kept, source, older, count)
    console().print(f"Rebuilt up to event {last}.")


def consumers(
    path: Annotated[Path, typer.Argument(help="Directory of a chain.", show_default=False)],
    forget: Annotated[
        str | None, typer.Option(help="Let the outbox go on without this one.", show_default=False)
    ] = None,
    as_json_: AsJson = False,
) -> None:
    """Who reads the outbox, and how far each is; events they need are not pruned.

    evm-dex history consumers my-chain
    """
    from checkpoint.rocks import RocksStore  # noqa: PLC0415 - loads the database
    from checkpoint.rocks.read_only_store import ReadOnlyStore  # noqa: PLC0415 - as above
    from evm_dex.history.queries import BadQuestion  # noqa: PLC0415 - loads what a store needs
    from evm_dex.orderlog import cursors as registered  # noqa: PLC0415 - as above

    with explained(BadQuestion):
        if forget is not None:
            with closing(RocksStore(require(path))) as store:
                if not registered.forget(store, forget):
                    raise BadQuestion(f"no consumer {forget!r} is registered")
        with closing(ReadOnlyStore(require(path))) as looked_at:
            known = registered.cursors(looked_at)
    if as_json_:
        print_json(known)
    elif not known:
        console().print("no consumer is registered; `evm-dex history serve --feed …` is one")
    else:
        for name, event_id in sorted(known.items()):
            console().print(f"{name}: event {event_id}", highlight=False)


def _feed(chain: Path | None, address: str | None) -> Feed:
    """The one source that was given. Raises BadQuestion."""
    from evm_dex.history.feed_client import ChainFeed, RemoteFeed  # noqa: PLC0415 - loads zmq
    from evm_dex.history.queries import BadQuestion  # noqa: PLC0415 - loads what a store needs

    if (chain is None) == (address is None):
        raise BadQuestion("give either --chain PATH or --feed tcp://HOST:PORT")
    if chain is not None:
        return ChainFeed(require(chain))
    assert address is not None, "one of them is given"
    if not address.startswith("tcp://") or not address.rpartition(":")[2].isdecimal():
        raise BadQuestion(f"{address!r} is no feed: write tcp://HOST:PORT")
    return RemoteFeed(address)


@contextmanager
def _following() -> Iterator[None]:
    """What can go wrong with a feed and the store it goes into is explained."""
    from evm_dex.history.feed import FeedRefused, FeedUnavailable  # noqa: PLC0415 - loads the chain

    with _explained(), explained(FeedRefused, FeedUnavailable):
        yield


@contextmanager
def _explained() -> Iterator[None]:
    """What can go wrong with a store and a question is explained."""
    from evm_dex.history.queries import BadQuestion  # noqa: PLC0415 - loads what a store needs
    from evm_dex.history.stores import history_store, open_store  # noqa: PLC0415 - as above
    from evm_dex.orderlog.order_update import UnknownUpdate  # noqa: PLC0415 - as above

    expected = (history_store.StoreBroken, history_store.StoreUnavailable, open_store.UnknownStore)
    with explained(BadQuestion, UnknownUpdate, *expected):
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
