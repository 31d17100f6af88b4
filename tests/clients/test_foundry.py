"""forge and cast against the node: what goes to it directly, and what goes over the bridge.

The example in examples/forge is tried in a copy, with our contracts at lib/evm-dex as a project
would have them.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.running import (
    HERE,
    OWNER,
    OWNER_KEY,
    ROOT,
    foundry,
    run,
    skip_without,
    started_node,
)

OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SPOT = "0x0000000000000000000000000000000000000d01"
PERP = "0x0000000000000000000000000000000000000d02"
WETH, USDC = 10**18, 10**6
CREATED = ("Trader", "PerpTrader")
PLACE_ORDER = "placeOrder(address,uint256,uint256,bool)"
OFFLINE = {"FOUNDRY_OFFLINE": "true", "FOUNDRY_SOLC": str(HERE / "solc")}


class Project(NamedTuple):
    directory: Path
    url: str

    def forge(
        self, *words: str, succeeds: bool = True, env: Mapping[str, str] | None = None
    ) -> str:
        command: list[str | Path] = [foundry("forge"), *words]
        return run(command, cwd=self.directory, env={**OFFLINE, **(env or {})}, succeeds=succeeds)

    def cast(self, *words: object, succeeds: bool = True) -> str:
        spelled = [str(word).lower() if isinstance(word, bool) else str(word) for word in words]
        command: list[str | Path] = [foundry("cast"), *spelled, "--rpc-url", self.url]
        return run(command, cwd=self.directory, succeeds=succeeds).strip()

    def send(self, to: str, signature: str, *values: object) -> Any:
        """The receipt of a transaction signed by the owner."""
        signed = ("--private-key", OWNER_KEY, "--json")
        receipt = json.loads(self.cast("send", to, signature, *values, *signed))
        assert int(receipt["status"], 16) == 1
        return receipt

    def create(self, name: str) -> str:
        """The address of an example contract, deployed by the owner."""
        source = f"lib/evm-dex/contracts/examples/{name}.sol:{name}"
        signed = ("--private-key", OWNER_KEY, "--rpc-url", self.url)
        created = self.forge("create", source, *signed, "--broadcast", "--json")
        address = json.loads(created[created.index("{") :])["deployedTo"]
        assert len(self.cast("code", address)) > 100
        return str(address)


@pytest.fixture(scope="module")
def project(url: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The example with everything compiled; forge then finds it in its cache."""
    foundry("forge"), foundry("cast")
    skip_without(ROOT / "contracts/node_modules/solc", "the npm package solc")
    directory = tmp_path_factory.mktemp("forge") / "project"
    shutil.copytree(ROOT / "examples/forge", directory)
    shutil.copytree(HERE / "forge", directory / "test", dirs_exist_ok=True)
    left_out = shutil.ignore_patterns("node_modules", "artifacts", "test", "*.json", "*.mjs")
    shutil.copytree(ROOT / "contracts", directory / "lib/evm-dex/contracts", ignore=left_out)
    made = Project(directory, url)
    examples = "lib/evm-dex/contracts/examples"
    made.forge("build", "test", "script", *(f"{examples}/{name}.sol" for name in CREATED))
    return made


@pytest.fixture(scope="module")
def tokens(project: Project) -> dict[str, str]:
    found = json.loads(project.cast("rpc", "dex_markets"))["tokens"]
    return {token["symbol"]: address for address, token in found.items()}


def test_a_contract_made_by_forge_trades_on_the_spot_exchange(
    project: Project, tokens: dict[str, str]
) -> None:
    weth, usdc = tokens["WETH"], tokens["USDC"]
    trader = project.create("Trader")
    project.send(usdc, "mint(address,uint256)", trader, 10_000 * USDC)
    project.send(trader, "deposit(address,uint256)", usdc, 10_000 * USDC)
    offer = (SPOT, PLACE_ORDER, weth, WETH, 3_000 * USDC, False)
    project.cast("send", *offer, "--unlocked", "--from", OTHER)

    terms = (weth, 2 * WETH, 3_000 * USDC, True)
    receipt = project.send(trader, "trade(address,uint256,uint256,bool)", *terms)
    assert [log["address"] for log in receipt["logs"]] == [SPOT] * 3

    asked = ("getBalance(address,address)(uint256,uint256)", trader, usdc, "--json")
    assert json.loads(project.cast("call", SPOT, *asked)) == [7_000 * USDC, 0]


def test_cast_finds_logs_by_their_indexed_arguments(
    project: Project, tokens: dict[str, str]
) -> None:
    project.send(SPOT, PLACE_ORDER, tokens["WETH"], WETH, 9_000 * USDC, False)
    event = "OrderPlaced(uint256 indexed,address indexed,address indexed,uint256,uint256,bool,"
    event += "uint8,uint128)"
    query = ("logs", "--address", SPOT, "--from-block", "0", event)
    for user, expected in ((OWNER, 1), (PERP, 0)):
        found = json.loads(project.cast(*query, "", user, "--json"))
        assert len(found) == expected


def test_a_failing_call_tells_the_exchanges_error_by_name(
    project: Project, tokens: dict[str, str]
) -> None:
    order = (SPOT, PLACE_ORDER, tokens["WETH"], 10**6 * WETH, 3_000 * USDC, True)
    for words in (("call", *order), ("send", *order, "--private-key", OWNER_KEY)):
        told = project.cast(*words, succeeds=False)
        assert "execution reverted: InsufficientBalance(" in told
        assert f"needed={3_000 * 10**6 * USDC})" in told


def test_a_contract_made_by_forge_opens_a_position(
    project: Project, tokens: dict[str, str]
) -> None:
    weth, usdc = tokens["WETH"], tokens["USDC"]
    trader = project.create("PerpTrader")
    project.send(usdc, "mint(address,uint256)", trader, 1_000 * USDC)
    project.send(trader, "depositCollateral(uint256)", 1_000 * USDC)
    project.send(trader, "open(address,uint256,uint256,bool)", weth, WETH, 10, True)
    (position,) = json.loads(project.cast("rpc", "dex_positions", trader))
    assert (position["market"], position["leverage"]) == (weth, 10)
    too_much = ("open(address,uint256,uint256,bool)", weth, WETH, 51, True, "--from", OWNER)
    told = project.cast("call", trader, *too_much, succeeds=False)
    assert "InvalidLeverage(leverage=51, maxLeverage=50)" in told


def test_cast_sends_blobs_in_either_form(project: Project) -> None:
    blob = project.directory / "blob"
    blob.write_text("a rollup's batch")
    for form in ((), ("--eip4844",)):
        words = ("send", "--blob", *form, "--path", blob, OTHER, "--private-key", OWNER_KEY)
        receipt = json.loads(project.cast(*words, "--json"))
        assert (receipt["type"], receipt["blobGasUsed"]) == ("0x3", hex(2**17))


def passed(told: str) -> int:
    found = re.search(r"(\d+) tests passed, 0 failed, 0 skipped", told)
    assert found is not None, told
    return int(found[1])


def test_the_examples_tests_and_ours_pass_on_a_fork(project: Project) -> None:
    told = project.forge("test", "--fork-url", project.url, "--no-match-contract", "OrdersTest")
    assert passed(told) == 8


def test_orders_meet_and_stay_with_a_fork_and_without(project: Project) -> None:
    """Again and again, and whoever looks at the node afterwards finds it untouched."""
    with started_node() as url:
        orders = ("--match-contract", "OrdersTest", "--fuzz-runs", "20")
        for fork in ((), (), ("--fork-url", url)):
            told = project.forge("test", *orders, *fork, env={"EVM_DEX_URL": url})
            assert passed(told) == 9
        untouched = Project(project.directory, url)
        assert untouched.cast("block-number") == "0"


def test_without_a_node_forge_says_so(project: Project) -> None:
    words = ("test", "--match-test", "test_orders_meet_and_stay")
    nobody = {"EVM_DEX_URL": "http://127.0.0.1:1"}
    told = project.forge(*words, succeeds=False, env=nobody)
    assert 'FAIL: vm.rpc: "dex_bridgeConnect": error sending request for url' in told


def test_the_example_script_deploys_and_bids_over_the_bridge(
    project: Project, tokens: dict[str, str]
) -> None:
    weth, best = tokens["WETH"], 1_500 * USDC
    project.send(SPOT, PLACE_ORDER, weth, WETH, best, True)
    script = ("script", "script/PlaceOrder.s.sol", "--rpc-url", project.url)
    told = project.forge(*script, "--private-key", OWNER_KEY, "--broadcast", "--skip-simulation")
    returned = re.search(r"trader: address (\w+)\nprice: uint256 (\d+)", told)
    assert returned is not None, told
    trader, price = returned[1], int(returned[2])
    assert price == best + 10_000
    (order,) = json.loads(project.cast("rpc", "dex_openOrders", "spot", trader))
    assert (int(order["price"]), order["side"]) == (price, "buy")


def test_without_skipping_the_simulation_the_script_says_so(project: Project) -> None:
    """Forge's second run knows nothing of the bridge: the limit is documented, not ours to lift."""
    script = ("script", "script/PlaceOrder.s.sol", "--rpc-url", project.url)
    signed = ("--private-key", OWNER_KEY, "--broadcast")
    height = project.cast("block-number")
    told = project.forge(*script, *signed, succeeds=False)
    assert "Simulated execution failed" in told
    assert int(project.cast("block-number")) == int(height) + 1  # the funds; nothing was sent
