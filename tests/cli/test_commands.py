"""The command line does the main job, and says plainly what is wrong."""

from __future__ import annotations

import json
import re
import shutil
import socket
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evm_dex
from evm_dex.chain.genesis.genesis_perp import market_address
from evm_dex.cli import app

runner = CliRunner()


def run(*arguments: object, code: int = 0) -> str:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("demo") / "data"
    return path, run("demo", "--path", path, "--blocks", 60)


@pytest.mark.slow
def test_the_demo_trades_is_killed_and_proves_that_nothing_is_lost(
    demo: tuple[Path, str],
) -> None:
    path, output = demo
    for shown in ("Killed with SIGKILL", "never killed", "Order book", "Trades", "Checkpoints"):
        assert shown.lower() in output.lower().replace("last trades", "trades")
    assert "Restored the checkpoint of block 50" in output
    assert "the same state roots" in output.replace("\n", " ")
    assert (path / "chain" / "db").is_dir()


def test_the_demo_leaves_what_is_not_its_own_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert "with other files" in run("demo", "--path", tmp_path, code=1)
    assert "got the file" in run("demo", "--path", tmp_path / "thesis.txt", code=1)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_chain_on_disk_is_checked_and_shown(demo: tuple[Path, str]) -> None:
    chain = demo[0] / "chain"
    assert json.loads(run("check", "--chain", chain, "--json"))["wrong"] == []
    checked = run("check", "--chain", chain)
    assert "invariants" in checked
    assert "orders" in checked
    assert "core_" not in checked, "tables without rows are left out"
    assert "ask" in run("book", "--chain", chain, "WETH")
    assert "no market DOGE here; there are WETH" in run("book", "--chain", chain, "DOGE", code=1)
    assert "Perpetual book WETH" in run("book", "--chain", chain, "WETH", "--perp")
    shown = run("positions", "--chain", chain, "WETH")
    assert "standalone" in shown
    assert "cross" in shown
    assert "no perpetual market DOGE" in run("positions", "--chain", chain, "DOGE", code=1)


def test_markets_that_were_listed_later_are_found_by_symbol_name_and_address(
    tmp_path: Path,
) -> None:
    genesis = {
        "tokens": [{"symbol": "USDC", "decimals": 6}],
        "markets": [{"base": "ETH", "quote": "USDC", "tick": 1, "lot": 1}],
        "perp": {"collateral": "USDC"},
    }
    chain = tmp_path / "chain"
    with evm_dex.open(chain, genesis=genesis) as dex:
        gold = dex.cheats.deploy_token("GOLD", 3)
        dex.cheats.list_market("GOLD")
        dex.cheats.deal_on_spot("GOLD", dex.accounts[0], 5_000)
        dex.spot.send("placeOrder", gold, 1_500, 2_000 * 10**6, False)
        dex.cheats.list_perp_market("OIL", 80 * 10**6)
    for name in ("GOLD", gold.address, gold.address.lower()):
        assert re.search(r"ask +2,000 +1\.5 ", run("book", "--chain", chain, name))
    assert "Order book ETH" in run("book", "--chain", chain, "ETH")
    for name in ("OIL", f"0x{market_address('OIL').hex()}"):
        assert "mark 80," in run("book", "--chain", chain, name, "--perp")
        assert "mark 80," in run("positions", "--chain", chain, name)
    assert "no market DOGE here; there are ETH, GOLD" in run(
        "book", "--chain", chain, "DOGE", code=1
    )
    assert json.loads(run("book", "--chain", chain, "GOLD", "--json"))["asks"] == [
        ["2000000000", "1500"]
    ]


def test_positions_are_told_to_other_programs_too(demo: tuple[Path, str]) -> None:
    chain = demo[0] / "chain"
    found = json.loads(run("positions", "--chain", chain, "WETH", "--json"))
    with evm_dex.open_beside(chain) as dex:
        for position in found["positions"]:
            known = dex.perp.call("getPositionState", position["id"])
            assert int(position["size"]) == known.size
            assert int(position["liquidationPrice"]) == known.liquidationPrice
        sizes = [int(position["size"]) for position in found["positions"]]
        assert sum(sizes) == 0
        longs = dex.perp.call("getOpenInterest", found["market"])
        assert sum(size for size in sizes if size > 0) == longs > 0


def test_a_port_that_is_taken_is_named_with_what_to_do(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "chain"):
        pass
    store = f"sqlite:{tmp_path / 'history.db'}"
    history = ("history", "serve", "--chain", tmp_path / "chain", "--store", store)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = f"can't listen at 127.0.0.1:{port}: address already in use; choose another"
        assert f"{told} --port" in run("node", "--port", port, code=1)
        assert f"{told} --http" in run(*history, "--http", port, code=1)


def test_a_history_that_there_is_not_yet_is_told_how_to_make(tmp_path: Path) -> None:
    missing = tmp_path / "nothing.db"
    asked = run("history", "stats", "0x" + "11" * 20, "--store", f"sqlite:{missing}", code=1)
    assert f"there is no history at {missing}; `evm-dex history serve" in asked


def test_the_version_is_told() -> None:
    assert run("--version") == f"evm-dex {version('evm-dex')}\n"


def test_checkpoints_are_listed_made_and_restored(demo: tuple[Path, str]) -> None:
    chain = demo[0] / "chain"
    listed = json.loads(run("checkpoint", "list", "--chain", chain, "--json"))
    assert [info["height"] for info in listed] == [50]
    run("checkpoint", "create", "--chain", chain)
    assert len(json.loads(run("checkpoint", "list", "--chain", chain, "--json"))) == 2
    assert "restored block 50" in run("checkpoint", "restore", "--chain", chain, 50)
    assert json.loads(run("check", "--chain", chain, "--json"))["height"] == 50
    assert "there are: 50" in run("checkpoint", "restore", "--chain", chain, 7, code=1)
    assert "must be a height or latest, got 'soon'" in run(
        "checkpoint", "restore", "--chain", chain, "soon", code=2
    )


def test_looking_at_a_chain_leaves_the_checkpoints_its_writer_keeps(tmp_path: Path) -> None:
    chain = tmp_path / "chain"
    with evm_dex.open(chain, checkpoint_interval=50, keep_checkpoints=20) as dex:
        dex.mine(1_000)  # where the defaults would checkpoint, and prune to ten
    for command in (
        ("check", "--chain", chain),
        ("book", "--chain", chain, "WETH"),
        ("checkpoint", "create", "--chain", chain),
    ):
        run(*command)
        assert len(json.loads(run("checkpoint", "list", "--chain", chain, "--json"))) == 20


def test_a_checkpoint_is_proven_where_it_lies_and_damage_is_named(tmp_path: Path) -> None:
    chain = tmp_path / "chain"
    with evm_dex.open(chain, checkpoint_interval=5) as dex:
        dex.mine(5)
        assert "block 5: files, rows" in run(
            "checkpoint", "verify", "--chain", chain
        )  # while it is open
    files = chain / "checkpoints" / f"{5:012d}" / "db"
    before = {file.name: file.read_bytes() for file in files.iterdir()}
    run("checkpoint", "verify", "--chain", chain, 5)
    assert {file.name: file.read_bytes() for file in files.iterdir()} == before
    assert "there are: 5" in run("checkpoint", "verify", "--chain", chain, 6, code=1)
    name = max(before, key=lambda name: len(before[name]))
    (files / name).unlink()  # it may be shared with the live store
    (files / name).write_bytes(before[name][:-1] + bytes([before[name][-1] ^ 1]))
    assert name in run("checkpoint", "verify", "--chain", chain, code=1)


def test_a_path_without_a_chain_is_not_made_into_one(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    for command in (("check",), ("checkpoint", "list"), ("checkpoint", "restore")):
        assert "there is no chain at" in run(*command, "--chain", missing, code=1)
    assert not missing.exists()


def test_a_chain_that_lost_its_database_is_restored_from_its_checkpoint(tmp_path: Path) -> None:
    chain = tmp_path / "chain"
    with evm_dex.open(chain, checkpoint_interval=5) as dex:
        dex.mine(7)
    shutil.rmtree(chain / "db")
    assert "restore a checkpoint" in run("check", "--chain", chain, code=1)
    assert "block 5: files" in run("checkpoint", "verify", "--chain", chain)
    assert "restored block 5" in run("checkpoint", "restore", "--chain", chain)
    assert json.loads(run("check", "--chain", chain, "--json"))["wrong"] == []


def test_a_second_process_is_told_who_holds_the_chain(tmp_path: Path) -> None:
    with evm_dex.open(tmp_path / "chain"):
        assert "is in use by process" in run("checkpoint", "create", tmp_path / "chain", code=1)


def test_generated_flow_is_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generated = ("replay", "--format", "generated", "--count", 40)
    assert "transactions for 40 instructions" in run(*generated)
    assert "transactions for 40 instructions" in run(*generated, "--chain", "memory")
    assert list(tmp_path.iterdir()) == []
    assert "reads no files" in run(*generated, "messages.csv", code=2)


def test_flow_for_another_market_than_the_chain_has_is_refused(tmp_path: Path) -> None:
    chain, messages = tmp_path / "chain", tmp_path / "messages.csv"
    messages.write_text("1.0,1,7,100,5000,1\n")
    run("replay", messages, "--chain", chain)
    generated = ("replay", "--format", "generated", "--chain", chain)
    assert "no market WETH here; there are ASSET" in run(*generated, code=1)


def test_messages_may_contain_square_brackets(tmp_path: Path) -> None:
    assert "[/odd]" in run("check", "--chain", tmp_path / "[/odd]", code=1)
    with evm_dex.open(tmp_path / "chain"):
        pass
    assert "no market [/odd] here" in run("book", "--chain", tmp_path / "chain", "[/odd]", code=1)


def test_recorded_flow_is_replayed_or_named_as_bad(tmp_path: Path) -> None:
    messages, book = tmp_path / "messages.csv", tmp_path / "book.csv"
    messages.write_text("1.0,1,7,100,5000,1\n1.1,4,7,60,5000,1\n")
    book.write_text("5100,200,5000,100\n")
    output = run("replay", messages, "--book", book)
    assert "3 transactions for 3 instructions" in output
    messages.write_text("1.0,1,7,100,5000,sideways\n")
    assert "line 1: direction is 'sideways'" in run("replay", messages, code=1)
    assert "No such file" in run("replay", tmp_path / "gone.csv", code=1)
    assert "at least one message file" in run("replay", code=1)
    messages.write_text("1.0,1,7,100,5000,1\n")
    book.write_text("")
    assert "the file is empty" in run("replay", messages, "--book", book, code=1)
