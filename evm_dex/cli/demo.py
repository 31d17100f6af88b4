"""The demo: trade, checkpoint, kill the process, reopen, and prove that nothing is lost.

Run as a module it is the writer that gets killed: `python -m evm_dex.cli.demo PATH SEED`.
"""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

import evm_dex
from checkpoint.restore import restore
from checkpoint.rocks.reader import RocksReader
from checkpoint.verify import verify_store
from evm_dex.replay.order_flow import generate
from evm_dex.replay.runner import Replay, deposit
from evm_dex.terminal.tables import book_table, checkpoints_table, counts_table, trades_table

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex

INTERVAL = 50
_MARK = "evm-dex-demo"
_QUOTE_EVERY = 20
_LEVERAGE_EVERY = 3
_GAS = 5_000_000
_WETH, _USDC, _TICK = 10**18, 10**6, 10_000
_PATIENCE = 120
"""Seconds to wait for the writer."""


class DemoError(Exception):
    """A proof did not hold."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A chain that was never killed: what each height must be."""

    roots: dict[int, bytes]
    transactions: dict[int, bytes]
    """The one raw transaction of each block."""


def flow(dex: Dex, seed: int) -> Iterator[None]:
    """Trade without end through example contracts and plain accounts, a block per step."""
    weth = dex.tokens["WETH"]
    maker = dex.deploy("MarketMaker")
    yield
    trader = dex.deploy("Trader")
    yield
    for contract in (maker, trader):
        for symbol, amount in (("WETH", 500 * _WETH), ("USDC", 1_000_000 * _USDC)):
            dex.tokens[symbol].send("mint", contract, amount)
            yield
            contract.send("deposit", dex.tokens[symbol], amount)
            yield
    for account in dex.accounts[1:3]:
        for _ in deposit(dex, account):
            yield
    replay = Replay(dex, weth, maker=dex.accounts[1], taker=dex.accounts[2])
    leveraged = positions(dex, seed)
    for number, instruction in enumerate(generate(seed)):
        if number % _LEVERAGE_EVERY == 0:
            next(leveraged)
            yield
        if number % _QUOTE_EVERY == 0:
            mid = 3_000 * _USDC + number * _TICK
            maker.send("quote", weth, mid, 20 * _TICK, _WETH // 10, 4, gas=5_000_000)
            yield
            is_buy = number % (2 * _QUOTE_EVERY) == 0
            worst = mid * 2 if is_buy else mid // 2
            trader.send("trade", weth, _WETH // 4, worst, is_buy, gas=5_000_000)
            yield
        if replay.apply(instruction) is not None:
            yield


def positions(dex: Dex, seed: int) -> Iterator[None]:
    """Open, close and liquidate perpetual positions without end while the price moves."""
    draw = Random(seed)  # noqa: S311 - a flow to repeat, not a secret
    market, price, opened = dex.perp_markets["WETH"], 2_000 * _USDC, 0
    for number in itertools.count():
        trader = dex.accounts[3 + number % 4]
        if number % 3 == 0:
            price = max(500 * _USDC, price + draw.randrange(-60, 61) * _USDC)
            dex.perp.send("setOraclePrice", market, price, gas=_GAS)
        elif number % 3 == 1:
            leverage, is_long = draw.choice((5, 10, 40)), draw.random() < 0.5
            opening = (market, _WETH * draw.randrange(1, 5), leverage, is_long)
            dex.perp.send("openPosition", *opening, sender=trader, gas=_GAS)
            opened += 1
        elif draw.random() < 0.5:
            dex.perp.send("keep", 10, sender=trader, gas=_GAS)
        else:
            position_id = draw.randrange(1, 2 * opened + 2)
            dex.perp.send("closePosition", position_id, sender=trader, gas=_GAS)
        yield


def write(path: Path, seed: int) -> None:
    """Trade on disk until killed, and report each finished block."""
    with (
        evm_dex.open(path / "chain", checkpoint_interval=INTERVAL) as dex,
        (path / "heights").open("w") as heights,
    ):
        for _ in flow(dex, seed):
            heights.write(f"{dex.head.number}\n")
            heights.flush()


def run(path: Path, *, blocks: int, seed: int, console: Console) -> None:
    """Run the demo in a directory of its own. Raises DemoError.

    The writer is killed soon after `blocks` blocks, at least INTERVAL: past a checkpoint.
    """
    assert blocks >= INTERVAL
    started = time.monotonic()
    _prepare(path)
    _step(console, f"A chain on disk at {path}/chain: contracts deployed, order flow running …")
    noted = _write_and_kill(path, blocks, seed)
    _step(console, f"Killed with SIGKILL after block {noted} was reported done.")
    chain = path / "chain"
    with evm_dex.open(chain, checkpoint_interval=INTERVAL) as dex:
        height = dex.head.number
        twin = _twin(height, seed)
        _expect(height in (noted, noted + 1), f"reopened at block {height}, not after {noted}")
        for number, root in twin.roots.items():
            _expect(dex.block(number).state_root == root, f"another state root at {number}")
        _expect(dex.self_check() == [], "an invariant is broken")
        _step(
            console,
            f"Reopened at block {height}: every block's state root is that of a twin never "
            "killed, and no invariant is broken.",
        )
        _show(console, dex)
        console.print(checkpoints_table(dex.checkpoints()))
    info = restore(chain)
    with closing(RocksReader(chain / "db")) as reader:
        report = verify_store(reader)
    _expect(report.difference is None, f"the restored store: {report.difference}")
    _step(
        console,
        f"Restored the checkpoint of block {info.height}: {sum(report.rows.values())} rows → "
        "digest → storage slot → state root → block hash, all proven.",
    )
    _go_on(chain, info.height, height, twin)
    _step(console, f"Went on to block {height} with the same transactions: the same state roots.")
    console.print(f"\nDone in {time.monotonic() - started:.0f} s. Look around:")
    command = "evm-dex" if shutil.which("evm-dex") else sys.argv[0]
    looks = ("check", "--chain", str(chain)), ("book", "WETH", "--chain", str(chain))
    look = "\n".join(f"  {shlex.join((command, *arguments))}" for arguments in looks)
    console.print(look, highlight=False, markup=False, soft_wrap=True)


def _prepare(path: Path) -> None:
    """Empty the directory if an earlier demo created it. Raises DemoError for any other."""
    if path.exists() and not path.is_dir():
        raise DemoError(f"--path must be a directory, got the file {path}: choose another")
    if path.exists() and any(path.iterdir()):
        if not (path / _MARK).exists():
            raise DemoError(
                f"--path must be empty or an earlier demo's, got {path} with other files: "
                "choose another"
            )
        shutil.rmtree(path)
    path.mkdir(parents=True, exist_ok=True)
    (path / _MARK).touch()


def _write_and_kill(path: Path, blocks: int, seed: int) -> int:
    """Run the writer and kill it; return the last block that it reported."""
    # Starts this very program with arguments of its own making.
    writer = subprocess.Popen(  # noqa: S603 - see above
        [sys.executable, "-m", "evm_dex.cli.demo", str(path), str(seed)],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    deadline = time.monotonic() + _PATIENCE
    try:
        while _noted(path) < blocks:
            if writer.poll() is not None:
                raise DemoError("the writer stopped by itself; its error is above")
            if time.monotonic() > deadline:
                raise DemoError(f"the writer did not get to block {blocks} in {_PATIENCE} s")
            time.sleep(0.01)
        time.sleep(Random(seed).random() / 20)  # noqa: S311 - a moment, not a secret
    finally:
        writer.kill()
        status = writer.wait()
    _expect(status == -signal.SIGKILL, "the writer stopped before it was killed")
    return _noted(path)


def _noted(path: Path) -> int:
    try:
        lines = (path / "heights").read_text().split("\n")
    except FileNotFoundError:
        return 0
    return int(lines[-2]) if len(lines) > 1 else 0


def _twin(height: int, seed: int) -> Twin:
    roots, transactions = {}, {}
    with evm_dex.open() as dex:
        steps = flow(dex, seed)
        while dex.head.number < height:
            next(steps)
            head = dex.head
            roots[head.number] = head.state_root
            transactions[head.number] = dex.transaction(head.transactions[0]).raw
    return Twin(roots, transactions)


def _go_on(chain: Path, start: int, end: int, twin: Twin) -> None:
    with evm_dex.open(chain, checkpoint_interval=INTERVAL) as dex:
        _expect(dex.head.number == start, f"restored to block {dex.head.number}")
        _expect(dex.head.state_root == twin.roots[start], f"another state root at {start}")
        for height in range(start + 1, end + 1):
            dex.send_raw(twin.transactions[height])
            _expect(dex.head.state_root == twin.roots[height], f"another root at {height}")


def _show(console: Console, dex: Dex) -> None:
    console.print(book_table(dex, dex.tokens["WETH"], "WETH/USDC"))
    logs = dex.chain.blocks.logs(0, dex.head.number, [dex.spot.raw_address], ())
    events = [dex.spot.interface.decode_event(entry.log) for entry in logs]
    trades = [event for event in events if event is not None and event.name == "Trade"]
    console.print(trades_table(trades[-6:], 18, 6))
    console.print(counts_table(dex))


def _step(console: Console, text: str) -> None:
    console.print(f"[bold green]✓[/] {escape(text)}", highlight=False)


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DemoError(otherwise)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
