"""The methods of test nodes, under the names that anvil's, Hardhat's and Ganache's users know."""

from __future__ import annotations

import time

import pytest
from eth_hash.auto import keccak

from tests.node.served import OTHER, OWNER, SPOT, Served, served
from tests.waiting import until

STRANGER = "0x" + "57" * 20
CONTRACT = "0x" + "c0" * 20
RETURNS_SLOT_1 = "0x60015460005260206000f3"


def number(node: Served) -> int:
    return int(node.result("eth_blockNumber"), 16)


def timestamp(node: Served) -> int:
    return int(node.result("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def send(node: Served, sender: str = OWNER, **fields: str) -> str:
    request = {"from": sender, "to": OTHER, "value": "0x1", "gas": "0x5208", **fields}
    return str(node.result("eth_sendTransaction", request))


@pytest.mark.parametrize("prefix", ["anvil", "hardhat"])
def test_state_is_written_and_stays(fresh_node: Served, prefix: str) -> None:
    node = fresh_node
    assert node.result(f"{prefix}_setBalance", STRANGER, "0x10") is True
    node.result(f"{prefix}_setNonce", STRANGER, "0x7")
    node.result(f"{prefix}_setCode", CONTRACT, RETURNS_SLOT_1)
    node.result(f"{prefix}_setStorageAt", CONTRACT, "0x1", "0x" + "2a".rjust(64, "0"))
    for _ in range(2):
        assert node.result("eth_getBalance", STRANGER, "latest") == "0x10"
        assert node.result("eth_getTransactionCount", STRANGER, "latest") == "0x7"
        assert node.result("eth_getCode", CONTRACT, "latest") == RETURNS_SLOT_1
        call = node.result("eth_call", {"to": CONTRACT}, "latest")
        assert int(call, 16) == 42
        node.result("evm_mine")
    assert "is an exchange" in node.error(f"{prefix}_setBalance", SPOT, "0x1")["message"]


def test_snapshots_can_be_gone_back_to_as_long_as_their_block_is_there(fresh_node: Served) -> None:
    node = fresh_node
    first = node.result("evm_snapshot")
    send(node)
    second = node.result("evm_snapshot")
    assert node.result("evm_revert", first) is True
    assert number(node) == 0
    assert node.result("evm_revert", second) is False
    send(node)
    assert node.result("evm_revert", first) is True
    assert number(node) == 0
    assert node.result("evm_revert", "0x99") is False
    assert node.result("evm_snapshot", "begun") == "begun"
    for _ in range(3):
        send(node)
        assert node.result("evm_revert", "begun") is True
        assert number(node) == 0


def test_impersonation_sends_without_a_key_until_it_is_stopped(fresh_node: Served) -> None:
    node = fresh_node
    node.result("hardhat_setBalance", STRANGER, hex(10**18))
    node.error("eth_sendTransaction", {"from": STRANGER, "to": OTHER, "gas": "0x5208"})
    node.result("hardhat_impersonateAccount", STRANGER)
    receipt = node.result("eth_getTransactionReceipt", send(node, STRANGER))
    assert (receipt["from"], receipt["status"]) == (STRANGER, "0x1")
    node.result("hardhat_stopImpersonatingAccount", STRANGER)
    node.error("eth_sendTransaction", {"from": STRANGER, "to": OTHER, "gas": "0x5208"})
    node.result("anvil_autoImpersonateAccount", True)
    request = {"from": STRANGER, "to": OTHER, "gas": "0x5208"}
    sent = node.result("eth_sendUnsignedTransaction", request)
    assert node.result("eth_getTransactionReceipt", sent)["from"] == STRANGER


def test_blocks_are_made_on_request_in_numbers_and_at_times(fresh_node: Served) -> None:
    node = fresh_node
    start = timestamp(node)
    node.result("evm_mine")
    node.result("hardhat_mine", "0x5", "0x3c")
    assert (number(node), timestamp(node)) == (6, start + 2 + 4 * 60)
    node.result("evm_mine", {"blocks": 2})
    node.result("evm_mine", hex(start + 1_000))
    assert (number(node), timestamp(node)) == (9, start + 1_000)
    assert "at most" in node.error("anvil_mine", "0x100000")["message"]
    assert "only moves forward" in node.error("evm_mine", hex(start))["message"]
    assert node.result("anvil_mine", "0x0") == "0x0"
    assert number(node) == 9


def test_block_time_is_moved_and_chosen(fresh_node: Served) -> None:
    node = fresh_node
    start = timestamp(node)
    assert node.result("evm_increaseTime", 100) == "0x64"
    assert node.result("evm_increaseTime", "0xa") == "0x6e"
    send(node)
    assert timestamp(node) == start + 110
    node.result("evm_setNextBlockTimestamp", start + 500)
    send(node)
    assert timestamp(node) == start + 500
    node.result("anvil_setBlockTimestampInterval", 12)
    node.result("evm_mine")
    assert timestamp(node) == start + 512
    node.result("anvil_removeBlockTimestampInterval")
    node.result("evm_mine")
    assert timestamp(node) == start + 513


def test_the_next_header_is_chosen(fresh_node: Served) -> None:
    node = fresh_node
    node.result("hardhat_setCoinbase", STRANGER)
    node.result("hardhat_setNextBlockBaseFeePerGas", "0x5")
    node.result("hardhat_setPrevRandao", "0x7")
    node.result("evm_setBlockGasLimit", hex(20_000_000))
    node.result("evm_mine")
    block = node.result("eth_getBlockByNumber", "latest", False)
    assert (block["miner"], block["baseFeePerGas"]) == (STRANGER, "0x5")
    assert (int(block["mixHash"], 16), int(block["gasLimit"], 16)) == (7, 20_000_000)
    info = node.result("anvil_nodeInfo")
    assert (info["currentBlockHash"], info["hardFork"]) == (block["hash"], "prague")
    assert (info["environment"]["gasLimit"], info["currentBlockNumber"]) == ("0x1312d00", "0x1")
    assert node.result("hardhat_metadata")["latestBlockNumber"] == 1


def test_transactions_wait_are_dropped_and_are_mined(fresh_node: Served) -> None:
    node = fresh_node
    node.result("evm_setAutomine", False)
    assert node.result("anvil_getAutomine") is False
    first = send(node)
    send(node)
    assert node.result("txpool_status")["pending"] == "0x2"
    assert node.result("hardhat_dropTransaction", first) is True
    assert node.result("hardhat_dropTransaction", first) is False
    assert node.result("txpool_status") == {"pending": "0x0", "queued": "0x1"}
    send(node)
    assert node.result("txpool_status") == {"pending": "0x2", "queued": "0x0"}
    node.result("anvil_dropAllTransactions")
    node.result("evm_mine")
    assert node.result("eth_getBlockByNumber", "latest", False)["transactions"] == []
    node.result("evm_setAutomine", True)
    send(node)
    assert number(node) == 2


def test_the_clock_makes_blocks_from_when_it_is_told_to_until_it_is_stopped() -> None:
    with served() as node:
        node.result("evm_setIntervalMining", 1)
        assert node.result("anvil_getIntervalMining") == "0x1"
        until(lambda: number(node) >= 1)
        node.result("evm_setIntervalMining", 0)
        number(node)  # by when the last block by the clock is at work, if it is not there
        until(lambda: not node.server._at_work)
        stopped = number(node)
        assert stopped >= 1
        time.sleep(1.2)
        assert number(node) == stopped


@pytest.mark.parametrize(
    ("client_name", "begins", "seconds"),
    [("anvil", "anvil/evm-dex-v", 2), ("hardhat", "HardhatNetwork/evm-dex-v", 0.002),
     ("ganache", "Ganache/evm-dex-v", 2), ("evm-dex", "evm-dex/v", 2)],
)  # fmt: skip
def test_a_node_goes_by_the_name_it_is_given_and_its_units(
    client_name: str, begins: str, seconds: float
) -> None:
    with served(client_name=client_name) as node:
        assert node.result("web3_clientVersion").startswith(begins)
        node.result("evm_setIntervalMining", 2)
        assert node.node.block_seconds == seconds
        assert node.result("eth_mining") is True


def test_a_name_that_no_tool_looks_for_is_refused() -> None:
    refused = pytest.raises(ValueError, match="--client-name must be one of anvil, hardhat")
    with refused, served(client_name="geth"):
        pass


def test_an_interval_in_milliseconds_is_in_whole_seconds(fresh_node: Served) -> None:
    told = fresh_node.error("hardhat_setBlockTimestampInterval", 1_500)
    assert (told["code"], told["message"]) == (
        -32602,
        "milliseconds must be whole seconds, got 1500",
    )
    before = fresh_node.dex.head.timestamp
    fresh_node.result("hardhat_setBlockTimestampInterval", 9_000)
    fresh_node.result("evm_mine")
    assert fresh_node.dex.head.timestamp == before + 9


def test_a_token_is_dealt_to_anyone(fresh_node: Served) -> None:
    node = fresh_node
    weth = node.dex.tokens["WETH"]
    node.result("anvil_dealERC20", STRANGER, weth.address, hex(5))
    assert weth.call("balanceOf", STRANGER) == 5


def test_an_allowance_is_set_for_anyone(fresh_node: Served) -> None:
    node = fresh_node
    weth = node.dex.tokens["WETH"]
    node.result("anvil_setERC20Allowance", STRANGER, OTHER, weth.address, hex(2**256 - 1))
    assert weth.call("allowance", STRANGER, OTHER) == 2**256 - 1
    assert weth.call("allowance", OTHER, STRANGER) == 0
    for token in (STRANGER, SPOT, "0x" + "ee" * 20):
        error = node.error("anvil_setERC20Allowance", STRANGER, OTHER, token, "0x1")
        assert error["code"] == -32000


def test_wei_is_added(fresh_node: Served) -> None:
    node = fresh_node
    node.result("anvil_addBalance", STRANGER, "0x5")
    node.result("hardhat_addBalance", STRANGER, "0x6")
    assert node.result("eth_getBalance", STRANGER) == "0xb"
    assert node.error("anvil_addBalance", STRANGER, hex(2**256 - 1))["code"] == -32000


def test_mined_blocks_are_shown_with_how_transactions_failed(fresh_node: Served) -> None:
    node = fresh_node
    node.result("anvil_setCode", CONTRACT, "0x60006000fd")
    node.result("evm_setAutomine", False)
    send(node)
    send(node, to=CONTRACT, gas="0x186a0")
    found = node.result("evm_mine_detailed", {"blocks": 2})
    assert [block["number"] for block in found] == ["0x2", "0x3"]
    paid, reverted = found[0]["transactions"]
    assert "output" not in paid
    assert (reverted["output"], reverted["revertReason"]) == ("0x", "Revert")


def test_what_the_node_tells_of_its_beginning_and_rules(fresh_node: Served) -> None:
    node = fresh_node
    genesis = node.result("eth_getBlockByNumber", "0x0", False)
    assert node.result("anvil_getGenesisTime") == int(genesis["timestamp"], 16)
    assert node.result("eth_requestAccounts") == node.result("eth_accounts")
    node.result("anvil_setCoinbase", STRANGER)
    assert node.result("eth_coinbase") == STRANGER
    config = node.result("eth_config")["current"]
    assert (config["chainId"], config["precompiles"]["SPOT"]) == ("0x7a69", SPOT)
    header = node.result("eth_getHeaderByHash", genesis["hash"])
    assert header == node.result("eth_getHeaderByNumber", "0x0")
    proof = node.result("eth_getProof", SPOT, [], "latest")
    assert node.result("eth_getAccount", SPOT, "latest") == {
        "nonce": proof["nonce"],
        "balance": proof["balance"],
        "storageRoot": proof["storageHash"],
        "codeHash": proof["codeHash"],
    }


def test_reset_goes_to_the_genesis_and_stays_where_a_fork_fails(fresh_node: Served) -> None:
    node = fresh_node
    send(node)
    forking = {"forking": {"jsonRpcUrl": "http://127.0.0.1:1"}}
    assert "can't be asked" in node.error("hardhat_reset", forking)["message"]
    assert number(node) == 1
    node.result("hardhat_reset", {"forking": {"blockNumber": None}})
    assert number(node) == 0


def test_states_are_carried_by_archives(fresh_node: Served) -> None:
    for method in ("anvil_dumpState", "hardhat_loadState"):
        assert "evm-dex checkpoint export" in fresh_node.error(method)["message"]


def test_without_cheats_they_are_not_there() -> None:
    with served(cheats=False) as node:
        assert node.error("anvil_setBalance", STRANGER, "0x1")["code"] == -32601
        assert node.result("anvil_nodeInfo")["currentBlockNumber"] == "0x0"


def test_storage_is_set_on_any_account_and_stays(fresh_node: Served) -> None:
    word = f"{5:#066x}"
    for account in (STRANGER, OWNER, "0x" + "77" * 20):
        assert fresh_node.result("anvil_setStorageAt", account, "0x1", word) is True
        fresh_node.result("evm_mine")
        assert fresh_node.result("eth_getStorageAt", account, "0x1", "latest") == word
    assert "exchange" in fresh_node.error("anvil_setStorageAt", SPOT, "0x0", word)["message"]


def test_the_create2_deployer_and_multicall_are_where_tools_expect_them(
    fresh_node: Served,
) -> None:
    deployer = "0x4e59b44847b379578588920ca78fbf26c0b4956c"
    init_code = "60006000f3"  # leaves an empty contract
    salted = {"from": OWNER, "to": deployer, "data": "0x" + "00" * 32 + init_code}
    created = fresh_node.result("eth_call", salted, "latest")
    expected = keccak(
        b"\xff" + bytes.fromhex(deployer[2:]) + bytes(32) + keccak(bytes.fromhex(init_code))
    )
    assert created == "0x" + expected[12:].hex()
    number = {
        "to": "0xcA11bde05977b3631167028862bE2a173976CA11",
        "data": "0x" + keccak(b"getBlockNumber()")[:4].hex(),
    }
    assert int(fresh_node.result("eth_call", number, "latest"), 16) == 0
