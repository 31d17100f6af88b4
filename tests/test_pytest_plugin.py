"""The pytest plugin as its users run it: as installed, in a project of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

import evm_dex

pytest_plugins = ["pytester"]

STRICT = """
[pytest]
addopts = --strict-markers -p no:cacheprovider -p no:asyncio
filterwarnings = error
"""


@pytest.fixture(scope="module", autouse=True)
def _loaded_before(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Pytester unloads what the inner run has loaded, which extension modules do not survive."""
    with evm_dex.open(tmp_path_factory.mktemp("loaded") / "chain") as dex:
        dex.cheats.deploy_token("DOGE")
        dex.spot.call("getBestPrices", dex.tokens["WETH"])


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makefile(".ini", pytest=STRICT)
    return pytester


def test_what_a_test_does_is_gone_in_the_next(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        hashes, chains = set(), set()

        @pytest.mark.parametrize("number", range(4))
        def test_each_begins_anew(dex, dex_accounts, dex_markets, number):
            hashes.add(dex.head.hash)
            chains.add(id(dex))
            assert len(hashes) == len(chains) == 1
            assert dex.chain.automine and len(dex.chain.mempool) == 0
            assert sorted(dex.tokens) == ["USDC", "WETH"]
            assert dex.spot.call("getBestPrices", dex_markets.weth) == (0, 0)
            dex.spot.send("placeOrder", dex_markets.weth, 10**18, 2_000 * 10**6, False)
            dex.cheats.deploy_token("DOGE")
            dex.cheats.auto_impersonate()
            dex.cheats.increase_time(1_000)
            dex.cheats.set_interval(60)
            dex.cheats.automine(on=False)
            dex.submit(to=dex_accounts[1], value=number, gas=21_000)
        """
    )
    project.runpytest_inprocess().assert_outcomes(passed=4)


def test_fixtures_of_a_module_and_of_the_session_stay_as_long_as_these(
    project: pytest.Pytester,
) -> None:
    project.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def gold(dex_session):
            return dex_session.deploy("TestToken", "Gold", "AU", 3)
        """
    )
    module = """
        import pytest

        @pytest.fixture(scope="module", autouse=True)
        def token(dex_module, gold):
            gold.send("mint", dex_module.accounts[0], {amount})
            return dex_module.deploy("TestToken", "Silver", "AG", 3)

        @pytest.mark.parametrize("number", range(2))
        def test_each_finds_what_its_module_did(dex, token, gold, number):
            assert gold.call("balanceOf", dex.accounts[0]) == {amount}
            assert token.call("totalSupply") == 0
            token.send("mint", dex.accounts[0], 9)
            gold.send("mint", dex.accounts[0], 9)
    """
    project.makepyfile(
        test_one=module.replace("{amount}", "1"), test_two=module.replace("{amount}", "2")
    )
    project.runpytest_inprocess().assert_outcomes(passed=4)


def test_a_module_chooses_its_chain(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.dex(genesis={"chain_id": 77, "tokens": [{"symbol": "GOLD"}]})

        @pytest.fixture(scope="module")
        def silver(dex_module):
            return dex_module.cheats.deploy_token("SILVER")

        def test_it_is_that_of_its_tests(dex, dex_module, silver):
            assert dex is dex_module
            assert list(dex.tokens) == ["GOLD", "SILVER"]
        """
    )
    project.runpytest_inprocess().assert_outcomes(passed=1)


def test_options_choose_the_chain(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        GENESIS = {"chain_id": 77, "tokens": [{"symbol": "GOLD"}]}

        @pytest.mark.dex(genesis=GENESIS)
        class TestOwnGenesis:
            def test_it_is_in_memory(self, dex):
                assert dex.chain.chain_id == 77
                assert list(dex.tokens) == ["GOLD"]

            def test_markets_are_added(self, dex, dex_markets):
                market = dex.spot.call("getMarket", dex_markets.weth)
                assert market.quote == dex_markets.usdc.address
                assert dex.perp.call("getOracle", dex_markets.perp).price == 2_000 * 10**6

            def test_it_is_on_disk(self, dex_on_disk, tmp_path):
                assert dex_on_disk.chain.chain_id == 77
                assert (tmp_path / "chain" / "db").is_dir()

        @pytest.mark.dex(keep_limit=5)
        def test_a_keeper(dex, dex_chains):
            assert (dex.chain.chain_id, dex.chain.keep_limit) == (31337, 5)
            assert dex_chains.count == 2
        """
    )
    project.runpytest_inprocess().assert_outcomes(passed=4)


def test_a_chain_that_was_spoilt_is_replaced(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_too_far_to_come_back(dex):
            dex.mine(1_100)

        def test_closed(dex):
            assert dex.head.number == 0
            dex.close()

        def test_like_new(dex):
            assert dex.head.number == 0
            assert dex.send(to=dex.accounts[1], value=1).succeeded
        """
    )
    project.runpytest_inprocess().assert_outcomes(passed=3)


def test_an_unknown_option_is_told(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.dex(genisis={})
        def test_it(dex):
            pass
        """
    )
    result = project.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*takes genesis= and keep_limit=, got genisis*"])


def test_marker_and_fixtures_explain_themselves(project: pytest.Pytester) -> None:
    project.runpytest_inprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.dex(genesis*"])
    told = project.runpytest_inprocess("--fixtures")
    told.stdout.fnmatch_lines(["*dex*", "*a chain in memory, the same for every test*"])


def test_a_run_that_uses_no_fixture_loads_nothing() -> None:
    code = (
        "import sys, pytest; pytest.main(['--version']);"
        "import evm_dex.pytest_plugin;"
        "print(sorted({'eth', 'eth_abi', 'msgspec', 'rocksdict'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip().endswith("[]")
