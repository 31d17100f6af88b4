"""What waits for a block: how it is shown, taken out, priced, and waited for."""

from __future__ import annotations

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.transaction import sign
from tests.node.served import OTHER, OWNER, Served

CHECKSUMMED = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
GWEI = 10**9
PAYMENT = {"from": OWNER, "to": OTHER, "value": "0x5", "gas": "0x5208"}


def raw(nonce: int = 0, fee: int = 2 * GWEI) -> str:
    """A signed payment of the second account."""
    signer = default_accounts()[1].signer
    fields = {
        **{"chain_id": 31_337, "nonce": nonce, "gas": 21_000, "to": bytes(20), "value": 7},
        **{"data": b"", "max_fee_per_gas": fee, "max_priority_fee_per_gas": GWEI},
        "access_list": (),
    }
    return "0x" + sign(signer, 2, fields).raw.hex()


def test_each_that_waits_is_a_line(fresh_node: Served) -> None:
    node = fresh_node
    node.result("evm_setAutomine", False)
    fees = {"maxFeePerGas": hex(3 * GWEI), "maxPriorityFeePerGas": "0x1"}
    node.result("eth_sendTransaction", {**PAYMENT, **fees})
    creation = {"from": OWNER, "data": "0x00", "gas": hex(100_000), "gasPrice": hex(4 * GWEI)}
    node.result("eth_sendTransaction", creation)
    node.result("eth_sendTransaction", {**PAYMENT, **fees, "nonce": "0x9"})
    payment = f"0x70997970C51812dc3A010C7d01b50e0d17dc79C8: 5 wei + 21000 gas × {3 * GWEI} wei"  # noqa: RUF001 - geth writes it so
    assert node.result("txpool_inspect") == {
        "pending": {
            CHECKSUMMED: {
                "0": payment,
                "1": f"contract creation: 0 wei + 100000 gas × {4 * GWEI} wei",  # noqa: RUF001 - geth writes it so
            }
        },
        "queued": {CHECKSUMMED: {"9": payment}},
    }


def test_one_sender_s_are_taken_out_and_the_others_wait_on(fresh_node: Served) -> None:
    node = fresh_node
    node.result("evm_setAutomine", False)
    for nonce in ("0x0", "0x1", "0x5"):
        node.result("eth_sendTransaction", {**PAYMENT, "nonce": nonce})
    node.result("eth_sendTransaction", {**PAYMENT, "from": OTHER})
    assert node.result("txpool_status") == {"pending": "0x3", "queued": "0x1"}
    assert node.result("anvil_removePoolTransactions", OWNER) is True
    assert node.result("txpool_status") == {"pending": "0x1", "queued": "0x0"}
    early = node.result("eth_sendTransaction", {**PAYMENT, "nonce": "0x5"})
    assert node.result("anvil_dropTransaction", early) is True
    assert node.result("anvil_dropTransaction", early) is False
    node.result("eth_sendTransaction", {**PAYMENT, "nonce": "0x5"})
    node.result("hardhat_dropAllTransactions")
    assert node.result("txpool_status") == {"pending": "0x0", "queued": "0x0"}


def test_less_than_the_least_gas_price_is_refused_and_suggestions_follow(
    fresh_node: Served,
) -> None:
    node = fresh_node
    node.result("hardhat_setMinGasPrice", hex(50 * GWEI))
    assert "underpriced" in node.error("eth_sendRawTransaction", raw())["message"]
    base_fee = int(node.result("eth_baseFee"), 16)
    assert int(node.result("eth_gasPrice"), 16) == 50 * GWEI
    assert int(node.result("eth_maxPriorityFeePerGas"), 16) == 50 * GWEI - base_fee
    for filled in (PAYMENT, {**PAYMENT, "type": "0x0"}, {**PAYMENT, "gasPrice": hex(50 * GWEI)}):
        sent = node.result("eth_sendTransaction", filled)
        paid = node.result("eth_getTransactionReceipt", sent)["effectiveGasPrice"]
        assert int(paid, 16) >= 50 * GWEI
    low = {**PAYMENT, "gasPrice": hex(50 * GWEI - 1)}
    assert "underpriced" in node.error("eth_sendTransaction", low)["message"]
    node.result("anvil_setMinGasPrice", "0x0")
    node.result("eth_sendRawTransaction", raw())


def test_a_receipt_comes_at_once_or_the_hash_to_ask_with(fresh_node: Served) -> None:
    node = fresh_node
    receipt = node.result("eth_sendRawTransactionSync", raw(), "0x3e8")
    assert (receipt["status"], receipt["blockNumber"]) == ("0x1", "0x1")
    assert node.result("eth_sendTransactionSync", PAYMENT)["blockNumber"] == "0x2"
    node.result("evm_setAutomine", False)
    error = node.error("eth_sendRawTransactionSync", raw(1))
    assert error["code"] == 4
    node.result("evm_mine")
    assert node.result("eth_getTransactionReceipt", error["data"])["blockNumber"] == "0x3"
    assert node.error("eth_sendRawTransactionSync", raw(1))["code"] == -32000


def test_a_transaction_is_found_by_sender_and_nonce(fresh_node: Served) -> None:
    node = fresh_node
    sent = []
    for _ in range(5):
        sent.append(node.result("eth_sendTransaction", PAYMENT))
        node.result("evm_mine")
    node.result("evm_setAutomine", False)
    sent.append(node.result("eth_sendTransaction", PAYMENT))
    sent.append(node.result("eth_sendTransaction", {**PAYMENT, "nonce": "0x6"}))
    found = [
        node.result("eth_getTransactionBySenderAndNonce", OWNER, hex(nonce)) for nonce in range(8)
    ]
    assert [it and it["hash"] for it in found] == [*sent, None]
    assert found[4] == node.result("eth_getTransactionByHash", sent[4])
    node.result("anvil_setNonce", OTHER, "0x5")
    assert node.result("eth_getTransactionBySenderAndNonce", OTHER, "0x2") is None


def test_raw_transactions_by_their_place(fresh_node: Served) -> None:
    node = fresh_node
    block = node.result("eth_sendRawTransactionSync", raw())["blockHash"]
    asked = [
        node.result("eth_getRawTransactionByBlockNumberAndIndex", "latest", "0x0"),
        node.result("eth_getRawTransactionByBlockHashAndIndex", block, "0x0"),
        node.result("eth_getRawTransactionByBlockNumberAndIndex", "0x1", "0x1"),
        node.result("eth_getRawTransactionByBlockNumberAndIndex", "0x9", "0x0"),
    ]
    assert asked == [raw(), raw(), None, None]
