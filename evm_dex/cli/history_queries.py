"""Commands that query an order history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evm_dex.cli.shared import AsJson, open_readonly, print_json, report_errors
from evm_dex.terminal.console import console

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex
    from evm_dex.history.queries import Page
    from evm_dex.history.stores.history_store import HistoryStore

_WIDTH = 240
_LARGEST = 2**63 - 1
StoreAddress = Annotated[
    str,
    typer.Option(
        metavar="STORE",
        help="Database of the history: sqlite:PATH or cql://HOST:PORT/KEYSPACE.",
        show_default=False,
    ),
]
_User = Annotated[str, typer.Argument(help="Address of the user.", show_default=False)]
_Market = Annotated[
    str | None,
    typer.Option(
        metavar="MARKET",
        help="Show only this market: an address or, with --chain, a symbol.",
        show_default=False,
    ),
]
_Chain = Annotated[
    Path | None,
    typer.Option(
        "--chain",
        metavar="DIR",
        help="Directory of the chain, to show symbols and whole coins.",
        show_default=False,
    ),
]
_Exchange = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Show only this exchange: spot or perp.", show_default=False),
]
_Limit = Annotated[
    int, typer.Option(min=1, max=1_000, metavar="N", help="Maximum number of lines.")
]
_Start = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Time to start at.", show_default=False),
]
_End = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Time to end before.", show_default=False),
]
_Before = Annotated[
    str | None,
    typer.Option(
        metavar="CURSOR", help="Continue after the page that ended with it.", show_default=False
    ),
]


def orders(
    user: _User,
    store: StoreAddress,
    market: _Market = None,
    exchange: _Exchange = None,
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
    limit: _Limit = 100,
    before: _Before = None,
    chain: _Chain = None,
    as_json_: AsJson = False,
) -> None:
    """Show a user's open orders, or every change of all orders.

      evm-dex history orders 0xf39F…2266 --store sqlite:history.db
      evm-dex history orders 0xf39F…2266 --store sqlite:history.db --history --status filled
      evm-dex history orders 0xf39F…2266 --store sqlite:history.db --chain my-chain --market WETH

    Newest first. Amounts are in smallest units unless the chain's directory is given.
    """
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs

    with open_history(store) as kept, _beside(chain) as dex:
        fields = _given(
            user=user,
            market=_market_address(dex, market, exchange),
            exchange=exchange,
            status=status,
            before=before,
            limit=str(limit),
        )
        asked = answers.parse_query(fields)
        if history:
            _show(answers.page(kept.history(asked), limit), "updates", as_json_, dex)
            return
        assert asked.user is not None, "it is an argument"
        found = kept.open_orders(asked.user, exchange=asked.exchange, market=asked.market)
        _show(answers.orders(found), "orders", as_json_, dex)


def order(
    order_id: Annotated[
        int, typer.Argument(min=1, max=_LARGEST, help="Id of the order.", show_default=False)
    ],
    store: StoreAddress,
    chain: _Chain = None,
    as_json_: AsJson = False,
) -> None:
    """Show one order with all its changes and fills.

    evm-dex history order 17 --store sqlite:history.db
    """
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs

    with open_history(store) as kept, _beside(chain) as dex:
        found = answers.whole_order(kept, order_id)
        if found is None:
            raise answers.BadQuery(f"the history has no order {order_id}")
        _show(found, "changes", as_json_, dex)


def fills(
    user: _User,
    store: StoreAddress,
    market: _Market = None,
    exchange: _Exchange = None,
    limit: _Limit = 100,
    before: _Before = None,
    chain: _Chain = None,
    as_json_: AsJson = False,
) -> None:
    """Show a user's fills, newest first.

    evm-dex history fills 0xf39F…2266 --store sqlite:history.db --exchange perp
    """
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs

    with open_history(store) as kept, _beside(chain) as dex:
        wanted = _market_address(dex, market, exchange)
        fields = _given(
            user=user, market=wanted, exchange=exchange, before=before, limit=str(limit)
        )
        found = kept.fills(answers.parse_query(fields))
        _show(answers.page(found, limit), "updates", as_json_, dex)


def stats(user: _User, store: StoreAddress, chain: _Chain = None, as_json_: AsJson = False) -> None:
    """Show a user's statistics by market.

    evm-dex history stats 0xf39F…2266 --store sqlite:history.db
    """
    from evm_dex.history import queries as answers  # noqa: PLC0415 - loads what a store needs
    from evm_dex.terminal.tables import MarketUnits, statistics_table  # noqa: PLC0415 - as above

    with open_history(store) as kept, _beside(chain) as dex:
        found = answers.statistics(kept.statistics(answers.address(user)))
        if as_json_:
            print_json(found)
        else:
            console().print(statistics_table(found["statistics"], MarketUnits(dex)))


def stream(
    store: StoreAddress,
    after: Annotated[
        int,
        typer.Option(min=0, max=_LARGEST, metavar="EVENT", help="Id of the update to start after."),
    ] = 0,
    start: _Start = None,
    end: _End = None,
    limit: _Limit = 100,
    every: Annotated[bool, typer.Option("--all", help="Print all, without a limit.")] = False,
) -> None:
    """Print updates of all markets in order, as JSON Lines.

      evm-dex history stream --store sqlite:history.db --after 1000
      evm-dex history stream --store sqlite:history.db --start 2026-01-31 --end 2026-02-01 --all
      evm-dex history stream --store sqlite:history.db --all > events.jsonl

    A time is a date or time in ISO 8601, in UTC, or a block time in seconds. `history rebuild
    --from jsonl:events.jsonl` fills a store from such a file.
    """
    from evm_dex.history.stores.history_store import MAX_PAGE, replay  # noqa: PLC0415 - as below
    from evm_dex.orderlog.order_update import as_json  # noqa: PLC0415 - loads what a store needs

    first, stop = _seconds(start) or 0, _seconds(end)
    with open_history(store) as kept:
        while updates := replay(kept, first, stop, after, MAX_PAGE if every else limit):
            for update in updates:
                typer.echo(json.dumps(as_json(update)))
            if not every:
                return
            after = updates[-1].event_id


def _seconds(text: str | None) -> int | None:
    """Parse a time in ISO 8601 or in seconds. Raises BadParameter."""
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"must be a time such as 2026-01-31, got {text!r}") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@contextmanager
def report_store_errors() -> Iterator[None]:
    """Report errors of a store and of a query."""
    from evm_dex.history.queries import BadQuery  # noqa: PLC0415 - loads what a store needs
    from evm_dex.history.stores import history_store, open_store  # noqa: PLC0415 - as above
    from evm_dex.orderlog.order_update import UnknownUpdate  # noqa: PLC0415 - as above

    expected = (history_store.StoreBroken, history_store.StoreUnavailable, open_store.UnknownStore)
    with report_errors(BadQuery, UnknownUpdate, *expected):
        yield


@contextmanager
def open_history(address: str) -> Iterator[HistoryStore]:
    """Open a store to query it, and report its errors."""
    from evm_dex.history.stores.open_store import open_store  # noqa: PLC0415 - loads the stores

    with report_store_errors(), closing(open_store(address, read_only=True)) as store:
        yield store


def _given(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


@contextmanager
def _beside(chain: Path | None) -> Iterator[Dex | None]:
    """Open a chain to ask it for symbols and decimals, where one is given."""
    if chain is None:
        yield None
        return
    with open_readonly(chain) as dex:
        yield dex


def _market_address(dex: Dex | None, market: str | None, exchange: str | None) -> str | None:
    """Return the address of a market. Raise BadParameter for a symbol without a chain to ask."""
    if market is None or market[:2] in ("0x", "0X"):
        return market
    if dex is None:
        raise typer.BadParameter(
            f"--market {market} is a symbol: give --chain DIR too, or the market's address"
        )
    from evm_dex.client.market_lookup import perp_market, spot_market  # noqa: PLC0415 - for this

    find = perp_market if exchange == "perp" else spot_market
    return f"0x{find(dex, market).hex()}"


def _show(found: Page, rows: str, as_json_: bool, dex: Dex | None) -> None:
    if as_json_:
        print_json(found)
        return
    from rich.console import Console  # noqa: PLC0415 - only for people

    from evm_dex.terminal.tables import MarketUnits, updates_table  # noqa: PLC0415 - as above

    # Whole amounts, however narrow the terminal: it wraps what does not fit.
    Console(width=_WIDTH).print(updates_table(found[rows], MarketUnits(dex)))
    if found.get("next"):
        console().print(f"More: --before {found['next']}", highlight=False)
