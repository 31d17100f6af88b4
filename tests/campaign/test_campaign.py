"""Many seeds on Dask's workers: each once, in order, the same as here, whoever dies."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from distributed import Client

from evm_dex.campaign import ScenarioError, brought_modules, campaign
from evm_dex.campaign.campaign import (
    CampaignOptions,
    SchedulerLost,
    connected,
    run_campaign,
)
from evm_dex.campaign.results_file import ResultsFile, results_file
from evm_dex.campaign.scenario import load_scenario
from evm_dex.campaign.seed_run import SeedResult, run_seed
from tests.checkpoint.processes import Python
from tests.waiting import until

HERE = "tests.campaign.storms"
pytestmark = [
    pytest.mark.slow,
    # of Dask's, which closes connections of workers that were killed in its own time
    pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    before = set(os.environ)
    os.environ["DEADLY_MARK"] = str(tmp_path_factory.mktemp("deadly") / "mark")
    with connected(CampaignOptions(workers=2)) as opened:
        yield opened
    for name in set(os.environ) - before:
        del os.environ[name]  # Dask leaves some, the seed of hashes of its workers among them
    gc.collect()  # else other tests would be told of what Dask left open


def test_seeds_come_in_order_as_they_do_here(client: Client) -> None:
    found = list(run_campaign(client, f"{HERE}:short", range(100)))
    assert [result.seed for result in found] == list(range(100))
    assert [it.seed for it in found if not it.passed] == list(range(7, 100, 10))
    short = load_scenario(f"{HERE}:short")
    assert [it.row() for it in found[:10]] == [run_seed(short, seed).row() for seed in range(10)]


def test_it_stops_at_the_smallest_that_fails(client: Client) -> None:
    found = list(run_campaign(client, f"{HERE}:short", range(8, 500), stops=True))
    assert [result.seed for result in found] == list(range(8, 18))
    assert [it.passed for it in found] == [True] * 9 + [False]


def test_a_seed_that_took_its_worker_along_runs_on_another(client: Client) -> None:
    found = list(run_campaign(client, f"{HERE}:deadly", range(20)))
    assert [result.seed for result in found] == list(range(20))
    assert Path(os.environ["DEADLY_MARK"]).exists()
    assert all(it.passed for it in found)


def test_killed_workers_lose_and_double_nothing(client: Client) -> None:
    assert client.cluster is not None
    killed, found = 0, []
    for result in run_campaign(client, f"{HERE}:slow", range(120)):
        found.append(result)
        if len(found) % 40 == 0 and killed < 2:
            pid = client.cluster.workers[killed].pid
            if pid is not None:
                os.kill(pid, signal.SIGKILL)  # of this test's own cluster
                killed += 1
    assert killed
    assert [it.seed for it in found] == list(range(120))
    assert all(it.passed for it in found)


def test_what_can_not_run_is_said_once(client: Client) -> None:
    for name, said in (
        ("unstorable", "'account' can't be stored"),
        ("returns_a_number", "must return names"),
        ("has_no_chain", "can't be opened"),
        ("nothing", "has no function"),
    ):
        with pytest.raises(ScenarioError, match=said):
            list(run_campaign(client, f"{HERE}:{name}", range(20)))
    with (
        pytest.raises(ScenarioError, match="does not answer"),
        connected(CampaignOptions(scheduler="tcp://127.0.0.1:1")),
    ):
        pass


def test_a_module_is_brought_to_the_workers_of_a_scheduler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers run elsewhere, and have what the file says now; what can't be there is told."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with schedulers(tmp_path) as (address, start_worker, _):
        options = CampaignOptions(scheduler=address)
        monkeypatch.setattr(campaign, "_SECONDS_TO_CONNECT", 60)
        monkeypatch.setattr(campaign, "_SECONDS_FOR_A_WORKER", 0.2)
        with pytest.raises(ScenarioError, match="has no workers: start some"), connected(options):
            pass
        monkeypatch.setattr(campaign, "_SECONDS_FOR_A_WORKER", 60)
        start_worker()
        brought = tmp_path / "brought_storms.py"
        for value in (11, 222):  # of other lengths: Python tells files apart by time and size
            brought.write_text(f"def storm(seed, dex, report): return {{'value': {value} + seed}}")
            forget("brought_storms")
            with connected(options) as there:
                found = list(run_campaign(there, "brought_storms:storm", range(5)))
            assert [it.values for it in found] == [{"value": value + seed} for seed in range(5)]
        # A package comes as a whole, with its data and what its module imports beside it.
        package = tmp_path / "brought_package"
        (package / "parts").mkdir(parents=True)
        (tmp_path / "brought_helper.py").write_text("FACTOR = 10")
        (package / "__init__.py").write_text("")
        (package / "amounts.txt").write_text("5")
        for more in (1, 22):
            (package / "parts" / "late.py").write_text(f"MORE = {more}")
            (package / "parts" / "storms.py").write_text(
                "from pathlib import Path\n"
                "from brought_helper import FACTOR\n"
                "def storm(seed, dex, report):\n"
                "    from brought_package.parts.late import MORE\n"
                "    data = Path(__file__).parents[1] / 'amounts.txt'\n"
                "    return {'value': int(data.read_text()) * FACTOR + MORE + seed}\n"
            )
            forget("brought")
            with connected(options) as there:
                found = list(run_campaign(there, "brought_package.parts.storms:storm", range(4)))
            assert [it.values for it in found] == [{"value": 50 + more + seed} for seed in range(4)]
        # A worker that comes later has it too.
        forget("brought")
        with connected(options) as there:
            early = list(there.nthreads())
            coming = run_campaign(there, "brought_package.parts.storms:storm", range(200))
            values = [next(coming).values]
            start_worker()
            there.wait_for_workers(2, timeout=60)
            there.retire_workers(early)
            values += [it.values for it in coming]
        assert values == [{"value": 72 + seed} for seed in range(200)]
        # What is elsewhere must be installed there.
        elsewhere = tmp_path / "library"
        elsewhere.mkdir()
        (elsewhere / "only_here.py").write_text("")
        monkeypatch.syspath_prepend(elsewhere)
        (tmp_path / "needs_it.py").write_text("import only_here\ndef storm(*_): pass")
        said = r"needs_it can't be loaded.*'only_here'"
        with connected(options) as there, pytest.raises(ScenarioError, match=said):
            list(run_campaign(there, "needs_it:storm", range(5)))
        monkeypatch.setattr(brought_modules, "_MOST_BYTES", 10)
        with connected(options) as there, pytest.raises(ScenarioError, match="more than 0 MiB"):
            list(run_campaign(there, "brought_storms:storm", range(5)))
    forget("brought", "needs_it", "only_here")


@pytest.mark.parametrize("ends", ["worker", "scheduler"])
def test_a_scheduler_that_is_lost_is_told_and_leaves_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(campaign, "_SECONDS_FOR_A_WORKER", 60)
    (tmp_path / "endless_here.py").write_text(
        "import time\ndef storm(seed, dex, report): time.sleep(0.05)"
    )
    done: list[int] = []

    def run(there: Client, file: ResultsFile, end: Callable[[], object]) -> None:
        for each in run_campaign(there, "endless_here:storm", range(100_000)):
            file.add(each)
            done.append(each.seed)
            if len(done) == 4:
                end()

    said = {"worker": "has had no workers for 1 s", "scheduler": "went away"}[ends]
    with schedulers(tmp_path) as (address, start_worker, end_scheduler):
        start_worker()
        with connected(CampaignOptions(scheduler=address)) as there:
            if ends == "worker":
                monkeypatch.setattr(campaign, "_SECONDS_WITHOUT_WORKERS", 1.0)
            end = {
                "worker": lambda: there.retire_workers(list(there.nthreads())),
                "scheduler": end_scheduler,
            }[ends]
            with (
                pytest.raises(SchedulerLost, match=said),
                results_file(tmp_path / "r.jsonl") as file,
            ):
                run(there, file, end)
    lines = (tmp_path / "r.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == done == list(range(len(done)))
    forget("endless_here")


def forget(*names: str) -> None:
    for name in [name for name in sys.modules if name.startswith(names)]:
        del sys.modules[name]


def test_modules_of_a_directory_are_gathered_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same files are the same bytes; what is installed, or of another name, stays here."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "gathered_storms.py").write_text("def storm(*_): pass")
    (tmp_path / "json").mkdir()  # not the one that is imported
    (tmp_path / "json" / "__init__.py").write_text("")
    load_scenario("gathered_storms:storm")
    first, again = (brought_modules.gathered("gathered_storms", tmp_path) for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.digest == again.digest
    assert brought_modules.gathered("json", tmp_path) is None
    assert brought_modules.gathered("evm_dex.campaign.library", Path(__file__).parents[2]) is None
    with pytest.raises(ScenarioError, match="another gathered_storms than was brought"):
        brought_modules.check_brought("gathered_storms", first.digest)
    forget("gathered_storms")


@contextmanager
def schedulers(path: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """The address of a scheduler of its own process, what starts a worker of it, what kills it."""
    told = path / "scheduler.json"
    elsewhere = path / "elsewhere"
    elsewhere.mkdir()
    with ExitStack() as processes:

        def start(kind: str, *words: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words]
            process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--no-dashboard"],
                cwd=elsewhere,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            processes.callback(process.wait)
            processes.callback(process.terminate)
            return process

        scheduler = start("scheduler", "--port", "0", "--scheduler-file", str(told))
        until(lambda: told.exists() and told.read_text())
        address = json.loads(told.read_text())["address"]

        def start_worker() -> None:
            start("worker", address, "--nthreads", "1")

        yield address, start_worker, scheduler.kill


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_campaign_that_is_ended_leaves_its_results(tmp_path: Path, number: int) -> None:
    """A terminal tells the workers of Ctrl-C too, which they leave to the campaign."""
    (tmp_path / "endless.py").write_text(
        "import time\ndef storm(seed, dex, report): time.sleep(0.05)"
    )
    program = "from evm_dex.cli import main; main()"
    words = ["campaign", "endless:storm", "--seeds", "0..100000", "-n", "1"]
    part = tmp_path / "storm.jsonl.part"
    with Python(
        [sys.executable, "-c", program, *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        until(lambda: process.poll() is not None or (part.exists() and part.read_text()))
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == 130
    rows = [json.loads(line) for line in (tmp_path / "storm.jsonl").read_text().splitlines()]
    assert [row["seed"] for row in rows] == list(range(len(rows)))
    assert rows
    assert not part.exists()
    assert said.strip() == f"ended after {len(rows)} seeds, 0 failed; results in storm.jsonl"


def result(seed: int, **values: object) -> SeedResult:
    return SeedResult(seed=seed, passed=True, height=1, block_hash="0x12", values=values)


def test_results_are_json_lines_or_parquet(tmp_path: Path) -> None:
    from pyarrow import parquet  # noqa: PLC0415 - of an extra

    rows = [result(1, a=1, b="x", c=1 << 80, d=[1]), result(2, a=None, b="y", c=2, d={"e": 1})]
    for name in ("r.jsonl", "r.parquet"):
        with results_file(tmp_path / name) as file:
            for each in rows:
                file.add(each)
            assert not (tmp_path / name).exists()
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert lines == [each.row() for each in rows]
    table = parquet.read_table(tmp_path / "r.parquet").to_pydict()
    assert table["seed"] == [1, 2]
    assert table["values.a"] == [1, None]
    assert table["values.b"] == ["x", "y"]
    assert table["values.c"] == [str(1 << 80), "2"]
    assert table["values.d"] == ["[1]", '{"e": 1}']
    with (
        pytest.raises(ScenarioError, match=r"must be a .jsonl or .parquet file"),
        results_file(tmp_path / "r.csv"),
    ):
        pass
    for name, ends in (("cut.jsonl", KeyboardInterrupt), ("bad.jsonl", ScenarioError)):
        with pytest.raises(ends):
            _write_and_raise(tmp_path / name, ends)
    assert len((tmp_path / "cut.jsonl").read_text().splitlines()) == 1
    assert sorted(it.name for it in tmp_path.iterdir()) == ["cut.jsonl", "r.jsonl", "r.parquet"]


def _write_and_raise(path: Path, ends: type[BaseException]) -> None:
    with results_file(path) as file:
        file.add(result(1))
        raise ends
