"""Validators that can't start say why, and leave nothing that has to be undone by hand."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path

import msgspec
import pytest

from evm_dex.chain.genesis.genesis_file import default_genesis_file
from evm_dex.errors import (
    AlreadyInUse,
    ClockOff,
    EngineMissing,
    GenesisError,
    GenesisMismatch,
    ValidatorStopped,
)
from evm_dex.validator import pair, single_start
from evm_dex.validator.clock import Clock
from evm_dex.validator.engine import find_engine
from evm_dex.validator.genesis_document import (
    checked,
    new_document,
    read_document,
)
from evm_dex.validator.home import homes_in
from evm_dex.validator.single_start import only_start
from tests.ports import free_ports
from tests.validator.network import evm_dex, need_engine
from tests.validator.orders import order
from tests.validator.served import BEGAN, ONE, served

pytestmark = pytest.mark.slow
HOUR = 3_600


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_engine()
    path = tmp_path_factory.mktemp("networks")
    first = free_ports(3)
    where = ("--port", first, "--peer-port", first + 1)
    for name in ("one", "two"):
        done = evm_dex("validator", "init", path / name, "--validators", 1, *where)
        assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def networks(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "networks"))


def files_of(path: Path) -> dict[Path, bytes]:
    return {each: each.read_bytes() for each in path.rglob("*") if each.is_file()}


def test_every_changed_byte_of_a_genesis_is_found_out(networks: Path) -> None:
    home = homes_in([networks / "one"])[0]
    content = home.genesis_file.read_bytes()
    places = [at for at in range(0, len(content), 101) if content[at : at + 1].isalnum()]
    assert len(places) > 20
    for at in places:
        changed = b"7" if content[at : at + 1] != b"7" else b"8"
        home.genesis_file.write_bytes(content[:at] + changed + content[at + 1 :])
        with pytest.raises(GenesisError, match=r"was changed|not JSON|is not a genesis|must be"):
            read_document(home.genesis_file)


def test_a_changed_genesis_ends_the_start_before_anything_is_begun(networks: Path) -> None:
    home = homes_in([networks / "one"])[0]
    text = home.genesis_file.read_text()
    home.genesis_file.write_text(text.replace('"gas_limit": 30000000', '"gas_limit": 30000001'))
    before = files_of(home.path)
    done = evm_dex("validator", "start", networks / "one")
    assert done.returncode == 1
    assert "genesis.json was changed" in done.stderr
    assert files_of(home.path) == before
    home.genesis_file.write_text(text)
    read_document(home.genesis_file)


def test_a_home_of_another_chain_is_refused(networks: Path) -> None:
    """Its engine may be of the other chain, or its store."""
    one, two = homes_in([networks / "one", networks / "two"])
    with served(one.path, one.genesis()) as app:
        app.engine.block([])
    own = one.genesis_file.read_bytes()
    shutil.copy(two.genesis_file, one.genesis_file)
    done = evm_dex("validator", "start", one.path)
    assert done.returncode == 1
    assert "was begun with another genesis" in " ".join(done.stderr.split())
    one.genesis_file.write_bytes(own)
    one.check_engine_data(one.genesis().chain_id)
    with served(one.path, one.genesis()) as app:
        assert app.engine.height == 1

    two.mark_engine_data("evm-dex-1-0")
    done = evm_dex("validator", "start", two.path)
    assert done.returncode == 1
    assert "is of chain evm-dex-1-0" in done.stderr


def test_networks_made_in_one_second_are_told_apart(tmp_path: Path) -> None:
    """Their chains begin with the same block where only the engine's part differs."""
    other = msgspec.structs.replace(ONE.key, name="two")
    source = msgspec.to_builtins(default_genesis_file())
    one, two = (
        checked(new_document(source, [each], BEGAN, 0), "genesis.json")
        for each in (ONE, msgspec.structs.replace(ONE, key=other))
    )
    assert one.chain == two.chain
    with served(tmp_path, one) as app:
        app.engine.block([])
    with (
        pytest.raises(GenesisMismatch, match="was begun with another genesis"),
        served(tmp_path, two),
    ):
        pass
    with served(tmp_path, one) as app:
        assert app.engine.height == 1


def test_what_is_no_validator_or_there_already_is_named(networks: Path, tmp_path: Path) -> None:
    done = evm_dex("validator", "start", tmp_path / "nowhere")
    assert done.returncode == 1
    assert "no validator's directory" in done.stderr
    done = evm_dex("validator", "init", networks / "one")
    assert done.returncode == 1
    assert "is there already" in done.stderr
    done = evm_dex("validator", "status", networks / "one")
    assert done.returncode == 1
    assert "not running" in done.stdout


def test_without_an_engine_it_is_told_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EVM_DEX_COMETBFT", str(tmp_path / "none"))
    done = evm_dex("validator", "init", tmp_path / "net")
    assert done.returncode == 1
    assert "go install github.com/cometbft/cometbft" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []
    other = tmp_path / "none"
    other.write_text("#!/bin/sh\necho 1.0.1\n")
    other.chmod(0o755)
    with pytest.raises(EngineMissing, match=r"must be CometBFT 0\.38\.x, got '1\.0\.1'"):
        find_engine()


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_clock_that_is_off_by_an_hour_ends_it_at_the_start(tmp_path: Path, off: int) -> None:
    with served(tmp_path) as app:
        app.engine.seconds = BEGAN - off
        for _ in range(2):
            app.engine.block([order(0, app.engine.height)])
        assert app.failures == [], "a block after a standstill has the time of the votes before it"
        app.engine.block([])
        error = app.wait_for_failure()
        side = "ahead of" if off > 0 else "behind"
        assert isinstance(error, ClockOff)
        assert side in str(error)


def test_a_clock_that_goes_wrong_later_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[ClockOff] = []
    clock = Clock(ended.append, now=lambda: BEGAN)
    clock.look_at(BEGAN - 2)
    for _ in range(3):
        clock.look_at(BEGAN - HOUR)
    assert "3600 s ahead of the validators' time" in caplog.text
    assert ended == []
    with pytest.raises(ClockOff, match="before the chain's beginning"):
        clock.check_begun(BEGAN + HOUR)
    clock.check_begun(BEGAN + 5)


def test_a_second_start_and_ports_that_are_taken_are_refused(
    networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the first is touched, and nothing is begun."""
    (home,) = homes_in([networks / "one"])
    with only_start(home):
        before = files_of(home.path)
        done = evm_dex("validator", "start", home.path)
        assert done.returncode == 1
        assert "is running already" in " ".join(done.stderr.split())
        assert files_of(home.path) == before
    monkeypatch.setattr(single_start, "_SECONDS_TO_BE_FREE", 0.1)
    settings, content = home.settings(), home.settings_file.read_text()
    for name in ("port", "engine_port", "peer_port"):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            line, port = f"{name} = {getattr(settings, name)}", taken.getsockname()[1]
            home.settings_file.write_text(content.replace(line, f"{name} = {port}"))
            with pytest.raises(AlreadyInUse, match=f"{port}: .* change `{name}`"):
                asyncio.run(pair.Pair(home, print).run())
    assert not home.has_chain


def test_an_engine_that_ends_at_once_is_given_up_with_its_last_words(
    networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validators that make blocks between may be killed as often as one likes."""
    engine = networks / "engine"
    says = '[ "$1" = version ] && echo 0.38.26 && exit\necho "panic: boom"\nexit 2\n'
    engine.write_text(f"#!/bin/sh\n{says}")
    engine.chmod(0o755)
    monkeypatch.setenv("EVM_DEX_COMETBFT", str(engine))
    monkeypatch.setattr(pair, "_MOST_FAILURES", 1)
    (home,) = homes_in([networks / "one"])
    told: list[str] = []
    with pytest.raises(ValidatorStopped, match=r"with status 2.*2 times in a row.*panic: boom"):
        asyncio.run(pair.Pair(home, told.append).run())
    assert [line for line in told if "again" in line] == [
        "the engine ended (with status 2): starting both again"
    ]
