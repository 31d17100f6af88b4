"""What a process loads before it does something: heavy libraries wait until they are needed."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

import evm_dex
from evm_dex.cli.node_command import loading

HEAVY = (
    *("aiohttp", "asyncio", "eth", "eth_abi", "eth_account", "eth_utils", "hypothesis", "msgspec"),
    *("numpy", "py_ecc", "pydantic", "rich", "rocksdict", "sortedcontainers", "web3", "zmq"),
)
THE_CHAIN = {"eth", "eth_abi", "eth_utils", "numpy", "py_ecc", "aiohttp", "zmq"}
ADDRESS = "0x" + "11" * 20
MAKEFILE = Path(__file__).parent.parent / "Makefile"


def loaded(program: str, *arguments: str) -> set[str]:
    """The heavy libraries a fresh process has loaded when a program has run."""
    ending = f"; print('loaded', *(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}{ending}", *arguments],
        capture_output=True,
        check=True,
        text=True,
    )
    said, *names = done.stdout.splitlines()[-1].split()
    assert said == "loaded"
    return set(names)


def loaded_by_command(*arguments: str) -> set[str]:
    return loaded("from evm_dex.cli import app; app(standalone_mode=False)", *arguments)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("startup") / "chain"
    with evm_dex.open(path) as dex:
        dex.send(to=dex.accounts[1], value=1)
        dex.create_checkpoint()
    return path


@pytest.mark.slow
@pytest.mark.parametrize("module", ["evm_dex", "evm_dex.cli", "evm_dex.pytest_plugin"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    assert loaded(f"import {module}") == set()


@pytest.mark.slow
def test_what_is_heavy_is_seen() -> None:
    assert {"eth", "eth_utils"} <= loaded("import evm_dex.evm.vm")


@pytest.mark.slow
@pytest.mark.parametrize("command", [(), ("history",), ("checkpoint",), ("node",)])
def test_help_does_not_load_the_chain(command: tuple[str, ...]) -> None:
    assert not loaded_by_command(*command, "--help") & {*THE_CHAIN, "rich"}


@pytest.mark.slow
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_listing_checkpoints_does_not_load_the_chain(store: Path, form: tuple[str, ...]) -> None:
    found = loaded_by_command("checkpoint", "list", str(store), *form)
    assert not found & THE_CHAIN
    assert ("rich" in found) == (form == ())


@pytest.mark.slow
def test_asking_a_history_does_not_load_the_chain(tmp_path: Path) -> None:
    kept = f"sqlite:{tmp_path / 'history.db'}"
    loaded(
        "from evm_dex.history.stores.open_store import open_store; open_store(sys.argv[1]).close()",
        kept,
    )
    assert not loaded_by_command("history", "stats", ADDRESS, "--store", kept) & THE_CHAIN
    asked = ("history", "orders", ADDRESS, "--store", kept, "--json")
    assert not loaded_by_command(*asked) & {*THE_CHAIN, "rich"}


@pytest.mark.slow
def test_a_node_on_a_store_loads_what_it_answers_from(store: Path) -> None:
    opened = (
        "from pathlib import Path; from evm_dex.node.node_config import NodeConfig;"
        "opening = NodeConfig(path=Path(sys.argv[1])).open(); dex, _ = opening.__enter__();"
        "assert dex.chain.head.block_number == 1"
    )
    found = loaded(opened, str(store))
    assert found & {"eth", "rocksdict", "aiohttp"} == {"eth", "rocksdict", "aiohttp"}
    assert not found & {"eth_abi", "eth_account", "numpy", "py_ecc", "rich", "web3", "zmq"}


@pytest.mark.slow
def test_root_certificates_are_read_when_something_connects_by_tls() -> None:
    """Which are those of any other context; the second verifies nothing, as aiohttp has it."""
    program = (
        "import evm_dex.http, ssl; from aiohttp import connector;"
        "verified, other = connector._SSL_CONTEXT_VERIFIED, connector._SSL_CONTEXT_UNVERIFIED;"
        "usual = ssl.create_default_context();"
        "assert verified._context.cert_store_stats()['x509'] == 0 and not verified.has_roots;"
        "made = verified.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname='localhost');"
        "assert made.context.cert_store_stats() == usual.cert_store_stats();"
        "assert made.context.verify_mode is ssl.CERT_REQUIRED and made.context.check_hostname;"
        "assert verified.has_roots and not other.has_roots;"
        "assert other._ready().verify_mode is ssl.CERT_NONE;"
        "assert 'set_default_verify_paths' not in vars(ssl.SSLContext)"
    )
    assert "aiohttp" in loaded(program)


@pytest.mark.slow
def test_only_many_rows_load_numpy() -> None:
    """The sum is the same: rows beyond those few are taken away again."""
    program = (
        "from precompiles.ledger.commitment import SetHash, expand; import sys;"
        "rows = [expand(1, b'key', b'%d' % number) for number in range(2_100)];"
        "few = SetHash(); few.add(rows[:1_000]); assert 'numpy' not in sys.modules;"
        "many = SetHash(); many.add(rows[1_000:]); assert 'numpy' not in sys.modules;"
        "many.add(rows[:1_000]); assert 'numpy' in sys.modules;"
        "many.remove(rows[1_000:]); assert many.accumulator() == few.accumulator()"
    )
    loaded(program)


@pytest.mark.slow
def test_what_make_starts_after_installing_runs(tmp_path: Path) -> None:
    lines = MAKEFILE.read_text().replace("\\\n", "").splitlines()
    (program,) = (line.split(":=", 1)[1] for line in lines if line.startswith("STARTED :="))
    done = subprocess.run(
        [sys.executable, "-c", program.strip()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(MAKEFILE.parent)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert "--chain" in done.stdout


def test_garbage_is_collected_again_after_loading() -> None:
    def failing() -> None:
        with loading():
            assert not gc.isenabled()
            raise FileNotFoundError("a chain")

    with pytest.raises(FileNotFoundError, match="a chain"):
        failing()
    assert gc.isenabled()
    gc.unfreeze()
