"""The command that replays order flow, recorded or generated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import evm_dex
from evm_dex.cli.shared import ended_alike, report_errors
from evm_dex.client.market_lookup import spot_market
from evm_dex.terminal.console import console, errors, escape
from evm_dex.terminal.tables import book_table

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex
    from evm_dex.replay.order_flow import Instruction
    from evm_dex.replay.progress_file import Settings
    from evm_dex.replay.resumable import Steps

_IN_MEMORY = Path("memory")
_LINE_EVERY = 30.0
"""Seconds from one line of progress to the next, where no terminal shows a bar."""


class FlowFormat(StrEnum):
    """Sources of order flow."""

    LOBSTER = "lobster"
    GENERATED = "generated"
    HYPERLIQUID = "hyperliquid"
    DATABENTO = "databento-mbo"
    BITSTAMP = "bitstamp-orders"


def replay(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILES",
            help="Message files of LOBSTER, order statuses of Hyperliquid's node, or CSV files.",
            show_default=False,
        ),
    ] = None,
    flow_format: Annotated[
        FlowFormat, typer.Option("--format", help="Source of the order flow.")
    ] = FlowFormat.LOBSTER,
    book: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The book to start from: first row of LOBSTER's order book file, or the node's "
            "snapshot of all orders.",
        ),
    ] = None,
    diffs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Raw book diffs of Hyperliquid's node, to compare the book with."
        ),
    ] = None,
    chain: Annotated[
        Path,
        typer.Option(
            "--chain", metavar="DIR", help="Directory of the chain, created if missing; or memory."
        ),
    ] = _IN_MEMORY,
    count: Annotated[
        int, typer.Option(metavar="N", help="Number of instructions to generate.")
    ] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of generated order flow.")] = 1,
) -> None:
    """Replay order flow on the spot exchange, a transaction each.

      evm-dex replay messages.csv --book orderbook.csv
      evm-dex replay --format generated --count 5000 --chain my-chain
      evm-dex replay --format databento-mbo mbo.csv
      evm-dex replay --format hyperliquid order_statuses --book snapshot.json --diffs diffs

    Message and order book files are those of LOBSTER (lobsterdata.com). A recording of
    Hyperliquid's node is replayed by an account for each user, and compared.

    A replay into a directory that was stopped or killed goes on with the same command, to the
    same end. Other files and settings are refused until it has come to its end.
    """
    given = _Given(flow_format, files or [], book, diffs, count, seed)
    store = None if chain == _IN_MEMORY else chain
    if flow_format is FlowFormat.HYPERLIQUID:
        _replay_node(given, store)
    else:
        _replay_spot(given, store)


class _Given:
    """The options of a replay, checked together."""

    def __init__(
        self,
        flow_format: FlowFormat,
        files: Sequence[Path],
        book: Path | None,
        diffs: Path | None,
        count: int,
        seed: int,
    ) -> None:
        """Raise BadParameter for what does not fit together."""
        self.format = flow_format
        self.files, self.book, self.diffs = files, book, diffs
        self.count, self.seed = count, seed
        if flow_format is FlowFormat.GENERATED:
            if files or book:
                raise typer.BadParameter(
                    "--format generated reads no files: leave them out, or use --format lobster"
                )
        elif not files and flow_format is not FlowFormat.LOBSTER:
            raise typer.BadParameter(f"give at least one file of {flow_format.value}")

    def settings(self) -> Settings:
        """Return all that the replay's blocks and report follow from, files by their content."""
        from evm_dex.replay.progress_file import file_identity  # noqa: PLC0415 - loads the chain

        found = {"--format": self.format.value}
        if self.format is FlowFormat.GENERATED:
            return {**found, "--count": str(self.count), "--seed": str(self.seed)}
        for number, file in enumerate(self.files, start=1):
            found[f"file {number}"] = file_identity(file)
        for name, given in (("--book", self.book), ("--diffs", self.diffs)):
            if given is not None:
                found[name] = file_identity(given)
        return found


def _replay_spot(given: _Given, store: Path | None) -> None:
    from evm_dex.replay import lobster, order_events  # noqa: PLC0415 - loads the whole chain
    from evm_dex.replay.runner import ReplayError  # noqa: PLC0415 - as above
    from evm_dex.replay.spot_replay import SpotReplay  # noqa: PLC0415 - as above

    expected = (lobster.LobsterError, order_events.EventFileError, ReplayError)
    with report_errors(*expected):
        steps = list(_instructions(given))
        genesis, symbol = None, "WETH"
        if given.format is not FlowFormat.GENERATED:
            is_lobster = given.format is FlowFormat.LOBSTER
            recorded = lobster if is_lobster else order_events
            genesis, symbol = recorded.recorded_market(), "ASSET"
        with evm_dex.open(store, genesis=genesis) as dex:
            asset = dex.contract(spot_market(dex, symbol), "TestToken")
            _print_report(_run(SpotReplay(dex, asset), steps, dex, store, given))
            console().print(book_table(dex, asset, symbol))


def _instructions(given: _Given) -> Iterator[Instruction | None]:
    from evm_dex.replay import lobster, order_events  # noqa: PLC0415 - loads the whole chain
    from evm_dex.replay.order_flow import generate  # noqa: PLC0415 - as above

    if given.format is FlowFormat.GENERATED:
        yield from islice(generate(given.seed), given.count)
    elif given.format is FlowFormat.LOBSTER:
        messages = [it for file in given.files for it in lobster.read_messages(file)]
        if not messages:
            raise lobster.LobsterError("there are no messages: give at least one message file")
        if given.book is not None:
            yield from lobster.opening(lobster.read_book(given.book)[0], messages[0])
        yield from lobster.instructions(messages)
    else:
        for file in given.files:
            yield from order_events.READERS[given.format.value](file)


def _replay_node(given: _Given, store: Path | None) -> None:
    from evm_dex.replay import node_files  # noqa: PLC0415 - loads the whole chain
    from evm_dex.replay.node_replay import NodeReplay  # noqa: PLC0415 - as above
    from evm_dex.replay.runner import ReplayError  # noqa: PLC0415 - as above

    with report_errors(node_files.NodeFileError, ReplayError, ValueError):
        events = list(node_files.read_snapshot(given.book)) if given.book else []
        events += [it for file in given.files for it in node_files.read_statuses(file)]
        with evm_dex.open(store, profile="hyperevm") as dex:
            replaying = NodeReplay(dex)
            for diff in node_files.read_diffs(given.diffs) if given.diffs else ():
                replaying.note(diff)
            _print_report(_run(replaying, events, dex, store, given))


def _run(
    replaying: Steps[Any], steps: Sequence[Any], dex: Dex, store: Path | None, given: _Given
) -> list[str]:
    """Replay with a progress bar; what came of it."""
    from evm_dex.replay.resumable import replay_in_memory, replay_on_disk  # noqa: PLC0415 - as above

    if store is None:
        with _progress(len(steps)) as told:
            return replay_in_memory(replaying, steps, told)
    settings = given.settings()
    try:
        with ended_alike(), _progress(len(steps)) as told:
            return replay_on_disk(
                replaying, steps, told, chain=dex.chain, directory=store, settings=settings
            )
    except KeyboardInterrupt:
        stopped = f"stopped at block {dex.chain.head.block_number}: the same command goes on"
        errors().print(escape(stopped), highlight=False, soft_wrap=True)
        raise


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object]]:
    """Show how much is done, how fast, and how long the rest takes: as a bar, or line by line."""
    from rich import progress as bars  # noqa: PLC0415 - only when it is shown

    columns = (
        bars.TextColumn("Replaying"),
        bars.BarColumn(),
        bars.TextColumn("{task.fields[said]}"),
    )
    with bars.Progress(*columns, console=errors()) as shown:
        task = shown.add_task("", total=total, said="")
        pace, next_line = _Pace(total), time.monotonic() + _LINE_EVERY

        def told(done: int) -> None:
            nonlocal next_line
            said = pace.at(done, now := time.monotonic())
            shown.update(task, completed=done, said=said)
            if now > next_line and not errors().is_terminal:
                next_line = now + _LINE_EVERY
                errors().print(f"replayed {said}", highlight=False)

        yield told


class _Pace:
    """The rate since the first step of this run, which may be in the middle."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._first: tuple[int, float] | None = None

    def at(self, done: int, now: float) -> str:
        """Return what is done, the rate and the time left, as text."""
        first, begun = self._first = self._first or (done, now)
        said = f"{done:,} of {self._total:,}"
        if now <= begun or done == first:
            return said
        rate = (done - first) / (now - begun)
        left = timedelta(seconds=round((self._total - done) / rate))
        return f"{said}, {rate:,.0f}/s, {left} left"


def _print_report(report: Sequence[str]) -> None:
    for sentence in report:
        console().print(sentence, highlight=False)
