"""`--evm-gas` and `--evm-coverage` as users run them, in a project of their own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.sources.compiling import written

pytest_plugins = ["pytester"]

SOURCE = Path(__file__).with_name("Counter.sol")
TESTS = """
    import pytest
    from evm_dex import Reverted

    @pytest.fixture(scope="module")
    def maths(dex_module):
        return dex_module.deploy("build.json:Maths")

    @pytest.fixture
    def counter(dex, maths):
        return dex.deploy("build.json:Counter", 3, libraries={"Maths": maths})

    def test_set(counter):
        counter.send("set", 5)
        with pytest.raises(Reverted):
            counter.send("set", 7)

    @pytest.mark.parametrize("number", [11, 7])
    def test_classify(counter, number):
        counter.call("classify", number)

    def test_never(counter):
        counter.send("never", 4)
"""


@pytest.fixture(scope="module", autouse=True)
def _loaded_before(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Pytester unloads what the inner run has loaded, which extension modules do not survive."""
    import evm_dex.pytest_reports  # noqa: PLC0415 - as above

    with evm_dex.open(tmp_path_factory.mktemp("loaded") / "chain") as dex:
        dex.spot.call("getBestPrices", dex.tokens["WETH"])


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\naddopts = -p no:asyncio -p no:cacheprovider\n")
    shutil.copy(SOURCE, pytester.path)
    written(pytester.path, SOURCE)
    pytester.makepyfile(TESTS)
    return pytester


def records(lcov: str) -> dict[str, str]:
    """Counts by what they are of: "DA:5", "FNDA:f", "BRDA:5,0,1"."""
    found = {}
    for line in lcov.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "FNDA":
            count, _, name = rest.partition(",")
            found[f"FNDA:{name}"] = count
        elif kind in ("DA", "BRDA"):
            where, _, count = rest.rpartition(",")
            found[f"{kind}:{where}"] = count
    return found


def line_of(text: str) -> int:
    return next(
        number for number, line in enumerate(SOURCE.read_text().splitlines(), 1) if text in line
    )


def test_coverage_counts_what_ran(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("--evm-coverage=out/lcov.info")
    result.assert_outcomes(passed=4)
    result.stdout.re_match_lines([r".*Counter\.sol +\d+\.\d\d% \(\d+/\d+\).*", r".*total .*"])
    text = (project.path / "out" / "lcov.info").read_text()
    assert text.startswith("TN:\nSF:Counter.sol\n")
    found = records(text)
    assert found["FNDA:Counter.set"] == "2", "the transaction, and the one that was refused"
    assert found["FNDA:Counter.constructor"] == "4"
    assert found["FNDA:Base.onlyOwner"] == "2"
    assert found["FNDA:Counter.fallback"] == "0"
    require = line_of('require(to != 7, "seven")')
    assert found[f"DA:{require}"] == "2"
    assert found[f"DA:{require + 1}"] == "1"
    ways = [count for key, count in found.items() if key.startswith(f"BRDA:{require},")]
    assert ways == ["1", "1"]


def test_gas_is_printed_written_and_compared(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("--evm-gas=gas.json").assert_outcomes(passed=4)
    snapshot = json.loads((project.path / "gas.json").read_text())
    counter = snapshot["Counter"]
    assert counter["deployment"]["calls"] == 4
    assert counter["size"] > 1_000
    assert counter["functions"]["classify"]["calls"] == 2
    assert counter["functions"]["set"]["min"] < counter["functions"]["set"]["max"]

    counter["functions"]["never"]["median"] -= 100
    counter["functions"]["gone"] = counter["functions"].pop("set")
    (project.path / "before.json").write_text(json.dumps(snapshot))
    result = project.runpytest_inprocess("--evm-gas-diff=before.json")
    shown = result.stdout.str()
    assert re.search(r" never .* \+100 \(\+0\.\d\d%\)", shown)
    assert re.search(r" gone .* gone", shown)
    assert re.search(r" set .* new", shown)


def test_workers_of_xdist_add_up(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("--evm-gas=one.json", "--evm-coverage=one.info")
    result = project.runpytest_inprocess("-n2", "--evm-gas=two.json", "--evm-coverage=two.info")
    result.assert_outcomes(passed=4)
    one, two = (json.loads((project.path / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one["Counter"] == two["Counter"]
    first, second = (
        records((project.path / f"{name}.info").read_text()) for name in ("one", "two")
    )
    assert {key for key, count in first.items() if first[key] != second[key]} <= {
        f"FNDA:Maths.{name}" for name in ("half", "third")
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--evm-gas", "test_it.py"), "put paths of tests before --evm-gas"),
        (("--evm-coverage=report.xml",), "must be followed by a file that ends with .info"),
        (("--evm-gas-diff=nothing.json",), "nothing.json can't be read"),
        (("--evm-gas-diff=list.json",), "must be a file of --evm-gas=FILE.json"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    pytester: pytest.Pytester, arguments: tuple[str, ...], told: str
) -> None:
    (pytester.path / "list.json").write_text("[]")
    result = pytester.runpytest_inprocess("-p", "no:asyncio", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in result.stderr.str()


def test_without_contracts_it_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--evm-gas", "--evm-coverage")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["no contract of an artifact was*", "no source below the root*"])


def test_a_file_that_can_not_be_written_is_told_and_the_rest_goes_on(
    pytester: pytest.Pytester,
) -> None:
    (pytester.path / "taken").write_text("")
    pytester.makepyfile("def test_it() -> None:\n    assert False")
    result = pytester.runpytest_inprocess(
        "-p", "no:asyncio", "--evm-gas=taken/gas.json", "--evm-coverage=taken/lcov.info"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = result.stdout.str()
    assert "gas.json can't be written" in told
    assert "lcov.info can't be written" in told
    assert "1 failed" in told
