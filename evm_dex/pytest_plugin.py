"""Fixtures for pytest: a chain with its exchanges, as new in each test.

    def test_it_trades(dex, dex_accounts, dex_markets):
        dex.spot.send("placeOrder", dex_markets.weth, 10**18, 2_000 * 10**6, False)

A chain is opened once per session and options; each test works behind a snapshot of it. Options
are given by `@pytest.mark.dex(genesis=..., keep_limit=...)`. Nothing is loaded before a fixture
is used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from evm_dex.blocks.addresses import Account
    from evm_dex.campaign.scenario import Function
    from evm_dex.client.contract import Contract
    from evm_dex.client.dex import Dex
    from evm_dex.hyperliquid.served import LocalHyperliquid
    from precompiles.types import Address

_CONSOLE = pytest.StashKey[list[str]]()
_MOST_LINES = 1_000
_OPTIONS = ("genesis", "keep_limit")


class DexMarkets(NamedTuple):
    """The markets that there are in every chain of `dex_markets`."""

    weth: Contract
    """Base of the spot market."""
    usdc: Contract
    """Quote token of that market."""
    perp: Address
    """The perpetual market of WETH."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the reports."""
    group = parser.getgroup("evm-dex", "contracts on evm-dex's chains")
    group.addoption(
        "--evm-gas",
        nargs="?",
        const="",
        metavar="FILE.json",
        help="print the gas of each contract's functions and deployment, and write it to a file",
    )
    group.addoption(
        "--evm-gas-diff",
        metavar="FILE.json",
        help="print the gas, compared with that in a file of --evm-gas=FILE.json",
    )
    group.addoption(
        "--evm-coverage",
        nargs="?",
        const="",
        metavar="FILE.info",
        help="print which lines, branches and functions of contracts ran, and write it for lcov",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and begin the reports that were asked for."""
    options = ("evm_gas", "evm_gas_diff", "evm_coverage")
    if any(config.getoption(name) is not None for name in options):
        from evm_dex.pytest_reports import Reports  # noqa: PLC0415 - only who wants them pays

        config.pluginmanager.register(Reports(config), "evm-dex-reports")
    config.addinivalue_line(
        "markers",
        "dex(genesis=None, keep_limit=0): the chain of `dex`, `dex_module` and `dex_on_disk`; "
        'a genesis is a path, a dict, a profile such as "hyperevm", or None for the default',
    )


class Chains:
    """The session's chains, by their options."""

    def __init__(self) -> None:
        self._opened: dict[str, Dex] = {}

    @property
    def count(self) -> int:
        """Number of open chains."""
        return len(self._opened)

    def get(self, options: dict[str, Any]) -> Dex:
        """Return the chain for some options, opened at their first use."""
        import evm_dex  # noqa: PLC0415 - only tests that use it pay for it

        key = repr(sorted(options.items()))
        if key not in self._opened:
            self._opened[key] = evm_dex.open(**options)
        return self._opened[key]

    def forget(self, dex: Dex) -> None:
        """Close a chain that can't be brought back to its beginning."""
        self._opened = {key: kept for key, kept in self._opened.items() if kept is not dex}
        dex.close()

    def close(self) -> None:
        """Close them all."""
        for dex in self._opened.values():
            dex.close()


@pytest.fixture(scope="session")
def dex_chains() -> Iterator[Chains]:
    """Keep the session's chains, for the other fixtures."""
    chains = Chains()
    yield chains
    chains.close()


@pytest.fixture
def dex(request: pytest.FixtureRequest, dex_chains: Chains) -> Iterator[Dex]:
    """Provide a chain in memory, the same for every test; after each test it is as before.

    Before the test is what fixtures on `dex_module` and `dex_session` left there.
    """
    yield from _isolated(request, dex_chains)


@pytest.fixture(scope="module")
def dex_module(request: pytest.FixtureRequest, dex_chains: Chains) -> Iterator[Dex]:
    """Provide the chain of `dex` to fixtures of a module; after the module it is as before.

    The marker of the module chooses the chain: `pytestmark = pytest.mark.dex(genesis=...)`.
    """
    yield from _isolated(request, dex_chains)


@pytest.fixture(scope="session")
def dex_session(dex_chains: Chains) -> Dex:
    """Provide the chain of `dex`, the one without a marker, to fixtures of the session.

    What they do is there in every test that comes after.
    """
    return dex_chains.get({})


@pytest.fixture
def dex_on_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Dex]:
    """Provide a chain of the test's own, in `tmp_path / "chain"`."""
    import evm_dex  # noqa: PLC0415 - only tests that use it pay for it

    with (
        evm_dex.open(tmp_path / "chain", **_options(request)) as opened,
        _printed(request.node, opened),
    ):
        yield opened


@pytest.fixture
def hyperliquid() -> Iterator[LocalHyperliquid]:
    """Provide Hyperliquid's API on a port of its own: `url`, `keys`, `addresses` with funds.

    The chain behind it is new in each test, and belongs to the server while it runs.
    """
    import evm_dex  # noqa: PLC0415 - only tests that use it pay for it
    from evm_dex.hyperliquid.served import serve_in_background  # noqa: PLC0415 - as above

    with evm_dex.open(profile="hyperevm") as opened, serve_in_background(opened) as local:
        yield local


@pytest.fixture
def dex_accounts(dex: Dex) -> tuple[Account, ...]:
    """Return the ten accounts whose keys are at hand, with what the genesis gives them."""
    return dex.accounts


@pytest.fixture
def dex_markets(dex: Dex) -> DexMarkets:
    """List WETH/USDC on the spot exchange and WETH on the perpetuals one, if they are not.

    A genesis without these tokens gets them, and USDC becomes the collateral where
    there is none.
    """
    for symbol, decimals in (("WETH", 18), ("USDC", 6)):
        if symbol not in dex.tokens:
            dex.cheats.deploy_token(symbol, decimals)
    weth, usdc = dex.tokens["WETH"], dex.tokens["USDC"]
    if weth.raw_address not in dex.chain.ledger.spot.markets.rows:
        dex.cheats.list_market("WETH", "USDC")
    if weth.raw_address not in dex.chain.ledger.perp.markets.rows:
        dex.cheats.set_collateral("USDC")
        dex.cheats.list_perp_market("WETH", 2_000 * 10**6)
    return DexMarkets(weth, usdc, weth.raw_address)


@pytest.fixture
def dex_scenario() -> Callable[[Function, int], Mapping[str, Any]]:
    """Return a function that runs a campaign's scenario for a seed, on a chain of its own.

        @pytest.mark.parametrize("seed", range(20))
        def test_it_survives_a_crash(dex_scenario, seed):
            assert dex_scenario(price_crash, seed)["deficit"] == 0

    It returns what the scenario reports, and raises what it raises. Broken invariants are an
    AssertionError.
    """
    from evm_dex.campaign.seed_run import check_seed  # noqa: PLC0415 - only tests that use it pay for it

    return check_seed


def _isolated(request: pytest.FixtureRequest, chains: Chains) -> Iterator[Dex]:
    """Provide a chain, and take back afterwards what was done to it."""
    chain = chains.get(_options(request))
    before = _Before(chain)
    with _printed(request.node, chain):
        yield chain
    if not before.restore():
        chains.forget(chain)


@contextmanager
def _printed(item: pytest.Item, dex: Dex) -> Iterator[None]:
    """Keep the lines that code prints by `console.log` for the report of a test that fails."""
    from evm_dex.abi.console_log import console_lines  # noqa: PLC0415 - loaded with the chain

    lines = item.stash.setdefault(_CONSOLE, [])

    def listen(_: bytes | None, calls: tuple[bytes, ...]) -> None:
        if len(lines) < _MOST_LINES:
            lines.extend(console_lines(calls))

    dex.chain.console.add(listen)
    try:
        yield
    finally:
        dex.chain.console.remove(listen)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what code printed where a test fails."""
    report = yield
    lines = item.stash.get(_CONSOLE, None)
    if report.failed and lines:
        report.sections.append(("console.log", "\n".join(lines)))
    return report


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the nearest marker's options. Raises pytest's usage error for others."""
    marker = request.node.get_closest_marker("dex")
    if marker is None:
        return {}
    unknown = [name for name in marker.kwargs if name not in _OPTIONS]
    if marker.args or unknown:
        raise pytest.UsageError(
            f"@pytest.mark.dex takes {' and '.join(f'{name}=' for name in _OPTIONS)}, got "
            f"{', '.join((*map(repr, marker.args), *unknown))}"
        )
    return dict(marker.kwargs)


class _Before:
    """The state of a chain before a test or a module."""

    def __init__(self, dex: Dex) -> None:
        self._dex = dex
        self._tokens = dict(dex.tokens)
        self._markets = dict(dex.perp_markets)
        self._keep_limit = dex.chain.keep_limit
        self._listeners = dex.chain.listeners
        self._snapshot = dex.snapshot()

    def restore(self) -> bool:
        """Take everything back; whether it could be, which a test can prevent."""
        from evm_dex.errors import ChainError  # noqa: PLC0415 - loaded with the chain

        dex, chain = self._dex, self._dex.chain
        with suppress(ChainError):
            dex.revert(self._snapshot)
            dex.tokens.clear()
            dex.tokens.update(self._tokens)
            dex.perp_markets.clear()
            dex.perp_markets.update(self._markets)
            chain.settings.reset()
            chain.settings.set_keep_limit(self._keep_limit)
            for listener in chain.listeners:
                if listener not in self._listeners:
                    chain.remove_listener(listener)
            return True
        return False
