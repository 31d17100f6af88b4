"""Orders and positions that ended are not read on opening, and what is opened is the same state."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

import evm_dex
from checkpoint.families import Family
from checkpoint.manager import remove_checkpoints
from checkpoint.overlay_store import OverlayStore
from checkpoint.pruning import prune_states
from checkpoint.record_codec import sign_record
from checkpoint.restore import restore
from checkpoint.rocks import RocksStore
from checkpoint.rocks.database import Database
from checkpoint.verify import verify_store
from evm_dex.client.dex import Dex
from evm_dex.orderlog.cursors import set_cursor
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.recovery import open_ledger
from precompiles.ledger.spot import Order
from precompiles.ledger.table import TableNumber
from precompiles.spot.funds import credit
from precompiles.spot.placing import OrderRequest, place
from precompiles.types import Address, CloseReason, OrderStatus, TimeInForce
from tests.checkpoint.processes import run
from tests.conftest import LONG

WETH, USDC = 10**18, 10**6
ENDED = 1
"""An order of `trade` that ends."""


def trade(dex: Dex, rounds: int = 1) -> None:
    """Spot orders and positions, of which most end."""
    market, weth = dex.perp_markets["WETH"], dex.tokens["WETH"]
    for _ in range(rounds):
        first = dex.spot.call("placeOrder", weth, WETH, 3_100 * USDC, False)
        for number in range(12):
            dex.spot.send("placeOrder", weth, WETH, (3_100 + number) * USDC, False)
        for order in range(first, first + 9):
            dex.spot.send("cancelOrder", order)
        dex.spot.send("placeOrder", weth, WETH, 3_109 * USDC, True, sender=dex.accounts[1])
        for trader in (2, 3):
            dex.perp.send("openPosition", market, WETH, 10, True, sender=dex.accounts[trader])
        (position,) = dex.perp.call("getAccount", dex.accounts[2]).positionIds
        dex.perp.send("closePosition", position, sender=dex.accounts[2])
        dex.perp.send("placeOrder", market, WETH, 1_800 * USDC, True, sender=dex.accounts[4])


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "chain"
    with evm_dex.open(path, checkpoint_interval=10) as dex:
        trade(dex)
    return path


@pytest.fixture
def chain(original: Path) -> Iterator[Path]:
    """Moved and not copied, since the record of ended rows is about these very files."""
    yield original
    with evm_dex.open(original):
        pass


def same_in_full(dex: Dex) -> bool:
    """Whether a ledger opened over all rows of the store is the one of the chain."""
    ledger, report = open_ledger(dex.store, in_full=True)
    ours = dex.chain.ledger
    assert report.repairs == {}
    assert {n: t.rows for n, t in ledger.tables.items()} == {
        n: t.rows for n, t in ours.tables.items()
    }
    assert (ledger.commitment, ledger.ended) == (ours.commitment, ours.ended)
    ledger.close()
    return dex.self_check() == []


@contextmanager
def reopened(path: Path, *, in_full: bool) -> Iterator[Dex]:
    with evm_dex.open(path) as dex:
        assert dex.chain.recovery.in_full == in_full
        assert dex.repairs == ()
        assert same_in_full(dex)
        yield dex


def test_after_a_clean_end_no_ended_row_is_read(
    chain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned: list[int] = []
    rows = OverlayStore.rows

    def noted(self: OverlayStore, table: int) -> Iterator[tuple[bytes, bytes]]:
        scanned.append(table)
        return rows(self, table)

    with monkeypatch.context() as patched:
        patched.setattr(OverlayStore, "rows", noted)
        dex = evm_dex.open(chain)
    ending = {TableNumber.ORDERS, TableNumber.PERP_ORDERS, TableNumber.POSITIONS}
    with dex:
        assert TableNumber.BALANCES in scanned
        assert not ending & set(scanned)
        tables = dex.chain.ledger.tables
        assert {number for number, table in tables.items() if table.has_ended_rows} == ending
        assert set(dex.chain.ledger.ended.counts) >= {TableNumber.ORDERS, TableNumber.POSITIONS}
        assert not dex.chain.recovery.in_full
        assert same_in_full(dex)
        assert verify_store(dex.store, deep=True).difference is None


def test_ended_orders_and_positions_are_answered_for(chain: Path) -> None:
    with reopened(chain, in_full=False) as dex:
        assert dex.spot.call("getOrderStatus", ENDED).status == 4
        positions = dex.chain.ledger.commitment.counts[TableNumber.POSITIONS]
        states = [dex.perp.call("getPosition", n + 1).isOpen for n in range(positions)]
        assert states.count(False) == dex.chain.ledger.ended.counts[TableNumber.POSITIONS]
        assert ENDED not in dex.chain.ledger.spot.orders.rows
        height = dex.head.number
        for block in range(height, height - 20, -1):
            with dex.chain.ledger_at(block) as ledger:
                assert ledger.owner is not None
        with dex.chain.ledger_at(5) as ledger:
            order = ledger.spot_order(ENDED)
            assert order is not None
            assert order.is_active


def test_beside_a_running_chain_ended_rows_are_not_read_either(chain: Path) -> None:
    with evm_dex.open(chain) as dex:
        trade(dex)
        dex.mine(32)
        with evm_dex.open_beside(chain) as beside:
            assert not beside.chain.recovery.in_full
            assert same_in_full(beside)
            assert beside.head.hash == dex.head.hash


def test_what_is_done_to_a_chain_at_rest_costs_no_reading(original: Path, tmp_path: Path) -> None:
    """A checkpoint made by hand, checkpoints and states removed, and a consumer's cursor."""
    chain = Path(shutil.copytree(original, tmp_path / "chain"))
    with reopened(chain, in_full=True) as dex:
        dex.mine(3)
        dex.create_checkpoint()
        with evm_dex.open_beside(chain) as beside:
            assert not beside.chain.recovery.in_full
    with closing(RocksStore(chain)) as store:
        set_cursor(store, "reader", 1)
    prune_states(chain, keep_states=5, progress=lambda *_: None)
    remove_checkpoints(chain, 1)
    with reopened(chain, in_full=False):
        pass


KILLED = """
import os, signal, sys
import evm_dex
from tests.chain.test_ended_orders import trade
dex = evm_dex.open(sys.argv[1], checkpoint_interval=1000)
for _ in range(int(sys.argv[2])):
    trade(dex)
if sys.argv[3] == "a checkpoint":
    dex.create_checkpoint()
    trade(dex)
    dex.mine(32)
if sys.argv[3] == "a rollback":
    dex.rollback(dex.head.number - 40)
    trade(dex)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("rounds", "after"), [(1, ""), (3, ""), (1, "a checkpoint")])
def test_after_a_kill_only_rows_of_late_are_read(
    original: Path, tmp_path: Path, rounds: int, after: str
) -> None:
    """Those of the blocks since the oldest log began."""
    shutil.copytree(original, tmp_path / "chain")
    with reopened(tmp_path / "chain", in_full=True):
        pass
    status, _ = run(KILLED, tmp_path / "chain", rounds, after)
    assert status == -signal.SIGKILL
    with reopened(tmp_path / "chain", in_full=False) as dex:
        assert dex.chain.ledger.ended.counts[TableNumber.ORDERS] >= 20


@pytest.mark.slow
def test_after_a_kill_of_a_chain_that_went_back_all_rows_are_read(
    original: Path, tmp_path: Path
) -> None:
    """Where the block that the record is of is not on the chain any more."""
    shutil.copytree(original, tmp_path / "chain")
    status, _ = run(KILLED, tmp_path / "chain", 0, "a rollback")
    assert status == -signal.SIGKILL
    with reopened(tmp_path / "chain", in_full=True):
        pass
    with reopened(tmp_path / "chain", in_full=False):
        pass


@pytest.mark.slow
def test_going_back_over_orders_that_ended_before_opening(original: Path, tmp_path: Path) -> None:
    """And on to the other future of another chain, with a look from outside each time."""
    for name in ("one", "other"):
        shutil.copytree(original, tmp_path / name)
    with evm_dex.open(tmp_path / "other") as other:
        other.rollback(4)
        trade(other)
        other.mine(9)
        branch = other.chain.export_blocks(5)
    with evm_dex.open(tmp_path / "one") as dex:
        last = dex.head.number
    for height in (last - 3, 20, 14, 6):
        with evm_dex.open(tmp_path / "one") as dex:
            dex.rollback(height)
            assert same_in_full(dex)
            dex.spot.send("placeOrder", dex.tokens["WETH"], WETH, 9_000 * USDC, False)
            dex.rollback(height)
        with reopened(tmp_path / "one", in_full=False):
            pass
    with evm_dex.open(tmp_path / "one") as dex:
        dex.chain.import_blocks(branch)
        assert same_in_full(dex)
    with reopened(tmp_path / "one", in_full=False) as dex:
        assert dex.head.number == dex.chain.header("latest").block_number


def test_a_store_of_before_is_brought_up_to_date(original: Path, tmp_path: Path) -> None:
    """One whose active index has spot orders only, and that has no record."""
    chain = Path(shutil.copytree(original, tmp_path / "chain"))
    (chain / "ended.json").unlink()
    database = Database(chain / "db")
    index = dict(database.iterate(Family.ACTIVE, b"", b""))
    newer = [key for key in index if len(key) > 8]
    assert newer
    database.write({Family.ACTIVE: dict.fromkeys(newer)}, sync=True)
    database.close()
    with reopened(chain, in_full=True) as dex:
        assert dict(dex.store.iterate(Family.ACTIVE)) == index
    with reopened(chain, in_full=False):
        pass


def test_a_restored_checkpoint_is_read_in_full_once(original: Path, tmp_path: Path) -> None:
    chain = Path(shutil.copytree(original, tmp_path / "chain"))
    restore(chain, 20)
    with reopened(chain, in_full=True) as dex:
        trade(dex)
    with reopened(chain, in_full=False):
        pass


def test_all_rows_are_read_on_demand(chain: Path) -> None:
    for _ in range(2):
        with evm_dex.open(chain, prove=True) as dex:
            assert dex.chain.recovery.in_full
    with evm_dex.open_beside(chain, prove=True) as dex:
        assert dex.chain.recovery.in_full
    with reopened(chain, in_full=False):
        pass


def without(path: Path) -> None:
    path.unlink()


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:900])


def altered(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"height":', b'"height":1'))


def of_another_version(path: Path) -> None:
    fields = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    del fields["digest"]
    path.write_bytes(sign_record({**fields, "version": 2}))


def touched(path: Path) -> None:
    next((path.parent / "db").glob("*.log")).touch()


def another_file(path: Path) -> None:
    (path.parent / "db" / "000001.sst").write_bytes(b"")


def copied(path: Path) -> None:
    chain = path.parent
    shutil.copytree(chain, chain.with_name("copy"))
    shutil.rmtree(chain)
    chain.with_name("copy").rename(chain)


WAYS = [without, torn, altered, of_another_version, touched, another_file, copied]


@pytest.mark.parametrize("way", WAYS)
def test_a_record_that_does_not_fit_is_not_taken(
    original: Path, tmp_path: Path, way: Callable[[Path], None]
) -> None:
    chain = Path(shutil.copytree(original, tmp_path / "chain"))
    with reopened(chain, in_full=True):
        pass
    way(chain / "ended.json")
    with closing(RocksStore(chain)) as store:
        assert store.ended() is None
    with reopened(chain, in_full=True):
        pass
    with reopened(chain, in_full=False):
        pass


def leave_behind(path: Path, ended: int, active: int) -> Path:
    """A chain of so many orders, written without the exchange that would take minutes for them."""
    with evm_dex.open(path, history=False, checkpoint_interval=10**9) as dex:
        asset = Address(dex.tokens["WETH"].raw_address)

        def write(_: object, ledger: Ledger) -> None:
            for number in range(min(20_000, ended - ledger.ended.counts.get(6, 0))):
                order = Order(
                    id=ledger.next_order_id(),
                    owner=Address((number % 997 + 1).to_bytes(20, "big")),
                    asset=asset,
                    is_buy=True,
                    price=USDC,
                    amount=WETH + number,
                    filled=0,
                    filled_quote=0,
                    status=OrderStatus.CANCELLED,
                    reason=CloseReason.USER_CANCELLED,
                    time_in_force=TimeInForce.GTC,
                    client_order_id=0,
                    block_number=1,
                )
                ledger.spot.orders.put(order.id, order)

        def rest(_: object, ledger: Ledger) -> None:
            execution = Execution(ledger, asset, 0)
            credit(execution, asset, asset, active * WETH)
            for number in range(active):
                place(execution, OrderRequest(asset, 10**14, (3_001 + number) * USDC, False))

        while dex.chain.ledger.ended.counts.get(6, 0) < ended:
            dex.chain.write_rows(write)
        dex.chain.write_rows(rest)
    return path


LOOK = """
import re, sys, time
from pathlib import Path
import checkpoint.rocks, evm_dex, evm_dex.client.open_dex
from checkpoint.rocks.database import Database
gets = [0]
get = Database.get
def counted(self, family, key):
    gets[0] += 1
    return get(self, family, key)
Database.get = counted
started = time.process_time()
dex = evm_dex.open(sys.argv[1])
taken = time.process_time() - started
status = Path("/proc/self/status").read_text()
memory = int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]) // 1024
print(dex.chain.recovery.in_full, int(taken * 1000), memory, gets[0])
"""


@pytest.mark.slow
def test_opening_takes_as_long_and_as_much_however_many_orders_ended(tmp_path: Path) -> None:
    """A million in the long run. Milliseconds are the processor's, memory what the most was."""
    few, many, active = (10_000, 10**6, 10_000) if LONG else (1_000, 20_000, 1_000)
    found = []
    for name, ended, resting in (("empty", 0, 0), ("few", few, active), ("many", many, active)):
        path = leave_behind(tmp_path / name, ended, resting)
        status, said = run(LOOK, path)
        assert status == 0
        in_full, *figures = said.split()
        assert in_full == "False"
        found.append([int(figure) for figure in figures])
    (_, least, _), (few_taken, _, some_gets), (taken, most, gets) = found
    assert gets == some_gets
    assert taken <= max(500, 2 * few_taken)  # on a slow machine, all of them take longer
    assert most - least <= 150
    print(f"{many:,} ended and {active:,} active orders: {taken} ms, {most - least} MiB more")
