"""LayerZero's hyperliquid-composer: its own tests against our nodes, and the contract on our chain.

Its tests fork HyperEVM, of which they need the chain id, HYPE's system contract, and an endpoint
that has code; the reads they replace by mocks of their own. On our chain nothing is a mock but the
endpoint.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

import evm_dex
from evm_dex.blocks.addresses import to_address
from tests.clients.running import (
    PACKAGES,
    ROOT,
    foundry,
    package,
    run,
    skip_without,
    started_node,
)
from tests.clients.test_foundry import OFFLINE

MAINNET_ENDPOINT = "0x3A73033C0b1407574C76BdBAc67f126f6b4a9AA9"
TESTNET_ENDPOINT = "0xf9e1815F151024bDE4B7C10BAC10e8Ba9F6b53E1"
PURR, PURR_EXTRA = 1, 13
NEEDED = (
    "@layerzerolabs/lz-evm-messagelib-v2",
    "@layerzerolabs/lz-evm-protocol-v2",
    "@layerzerolabs/oapp-evm",
    "@layerzerolabs/oft-evm",
    "@openzeppelin/contracts",
    "solidity-bytes-utils",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's contracts and tests, with what they import mapped to where npm put it."""
    source = package("@layerzerolabs/hyperliquid-composer")
    forge_std = package("@layerzerolabs/toolbox-foundry") / "lib"
    for name in NEEDED:
        package(name)
    skip_without(ROOT / "contracts/node_modules/solc", "the npm package solc")
    directory = tmp_path_factory.mktemp("composer")
    for part in ("contracts", "test"):
        shutil.copytree(source / part, directory / part)
    remappings = [
        f"forge-std/={forge_std}/forge-std/",
        f"ds-test/={forge_std}/ds-test/",
        *(f"{name}/={PACKAGES}/{name}/" for name in NEEDED),
    ]
    settings = {
        "src": "contracts", "libs": ["node_modules"], "evm_version": "cancun", "optimizer": True,
        "remappings": remappings, "allow_paths": [str(PACKAGES)],
    }  # fmt: skip
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    (directory / "foundry.toml").write_text("\n".join(["[profile.default]", *lines]))
    return directory


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, str]]:
    """Where the tests look for the networks."""
    with (
        started_node("--profile", "hyperevm") as mainnet,
        started_node("--profile", "hyperevm-testnet") as testnet,
    ):
        for url, endpoint in ((mainnet, MAINNET_ENDPOINT), (testnet, TESTNET_ENDPOINT)):
            code = ("rpc", "anvil_setCode", endpoint, "0x00", "--rpc-url", url)
            run([foundry("cast"), *code])
        yield {
            "RPC_URL_HYPERLIQUID": mainnet,
            "RPC_URL_HYPERLIQUID_MAINNET": mainnet,
            "RPC_URL_HYPERLIQUID_TESTNET": testnet,
        }


def test_its_own_tests_pass(project: Path, nodes: dict[str, str]) -> None:
    command: list[str | Path] = [foundry("forge"), "test"]
    told = run(command, cwd=project, env={**OFFLINE, **nodes}, timeout=600)
    summary = re.search(r"(\d+) tests passed, 0 failed, (\d+) skipped", told)
    assert summary is not None, told
    assert (int(summary[1]), int(summary[2])) == (27, 0)


def test_it_brings_tokens_to_hypercore_on_our_chain(project: Path) -> None:
    """What arrives at the composer goes over the bridge and on to who it is for, in one block."""
    run([foundry("forge"), "build"], cwd=project, env=OFFLINE, timeout=600)

    def compiled(name: str) -> Any:
        return json.loads((project / f"out/{name}.sol/{name}.json").read_text())

    with evm_dex.open(profile="hyperevm") as dex:
        dex.cheats.set_code(MAINNET_ENDPOINT, b"\0")
        owner, receiver = dex.accounts[0], to_address(b"\x77" * 20)
        oft = dex.deploy(compiled("OFTMock"), "token", "TKN", MAINNET_ENDPOINT, owner.address)
        composer = dex.deploy(compiled("HyperLiquidComposer"), oft.address, PURR, PURR_EXTRA)
        dex.core.link(PURR, oft.address, PURR_EXTRA)
        for account in (composer.address, receiver):
            dex.core.activate(account)
        sent = 7 * 10**18
        dex.cheats.deal(oft.address, composer.address, sent)

        told = encode(["uint256", "address"], [0, receiver])
        source = to_address(owner).rjust(32, b"\0")
        header = (0).to_bytes(8, "big") + (30_101).to_bytes(4, "big") + sent.to_bytes(32, "big")
        message = header + source + told
        dex.cheats.set_balance(MAINNET_ENDPOINT, 10**18)
        with dex.cheats.acting_as(MAINNET_ENDPOINT):
            receipt = composer.send(
                "lzCompose", oft.address, bytes(32), message, owner.address, b"",
                sender=MAINNET_ENDPOINT,
            )  # fmt: skip
        done = dex.core.assert_all_done(receipt)
        assert [action.name for action in done] == ["deposit", "spotSend"]
        assert composer.call("spotBalance", receiver, PURR).total == 7 * 10**5
        assert oft.call("balanceOf", composer.address) == 0
