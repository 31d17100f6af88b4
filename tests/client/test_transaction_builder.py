"""One completion of transactions and one check of blobs at every door: Dex, node, eth-tester."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import evm_dex
from checkpoint.trie import rlp
from evm_dex.blocks.transaction import Transaction, sign
from evm_dex.client.dex import Dex
from evm_dex.client.transaction_builder import complete_fees
from evm_dex.errors import TransactionRejected
from evm_dex.node.node import Node
from evm_dex.tester import Backend, Refused
from tests.node.served import answer

GWEI = 10**9
SendRaw = Callable[[bytes], bytes]
COMMITMENT = b"\x01" * 48
HASH = b"\x01" + hashlib.sha256(COMMITMENT).digest()[1:]


@pytest.fixture
def dex() -> Iterator[Dex]:
    with evm_dex.open() as opened:
        yield opened


class AnsweredError(Exception):
    pass


def through_node(dex: Dex, method: str, *params: Any) -> Any:
    node = Node(dex.chain, [], dex=dex)
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    response = json.loads(answer(node, json.dumps(request).encode()))
    if "error" in response:
        raise AnsweredError(response["error"]["message"])
    return response["result"]


def through_dex(dex: Dex) -> SendRaw:
    return dex.send_raw


def through_rpc(dex: Dex) -> SendRaw:
    return lambda raw: bytes.fromhex(
        through_node(dex, "eth_sendRawTransaction", "0x" + raw.hex())[2:]
    )


def through_reorg(dex: Dex) -> SendRaw:
    def send(raw: bytes) -> bytes:
        dex.mine()
        through_node(dex, "anvil_reorg", "0x1", [["0x" + raw.hex(), "0x0"]])
        return dex.head.transactions[0]

    return send


def through_tester(dex: Dex) -> SendRaw:
    return Backend(dex=dex).send_raw_transaction


DOORS = (through_dex, through_rpc, through_reorg, through_tester)


def blob_transaction(dex: Dex) -> Transaction:
    fields = {
        "chain_id": dex.chain.chain_id,
        "nonce": 0,
        "max_priority_fee_per_gas": 0,
        "max_fee_per_gas": 3 * GWEI,
        "gas": 21_000,
        "to": bytes(19) + b"\x99",
        "value": 1,
        "data": b"",
        "access_list": (),
        "max_fee_per_blob_gas": 1,
        "blob_versioned_hashes": (HASH,),
    }
    return sign(dex.accounts[0].signer, 3, fields)


def with_blobs(transaction: Transaction, commitment: bytes, version: list[bytes]) -> bytes:
    inner = rlp.decode(transaction.raw[1:])
    return b"\x03" + rlp.encode([inner, *version, [b"blob"], [commitment], [b"proof"]])


@pytest.mark.parametrize("version", [[], [b"\x01"]], ids=["EIP-4844", "EIP-7594"])
@pytest.mark.parametrize("door", DOORS)
def test_blobs_are_taken_with_their_commitments_and_refused_with_others(
    dex: Dex, door: Callable[[Dex], SendRaw], version: list[bytes]
) -> None:
    send, transaction = door(dex), blob_transaction(dex)
    with pytest.raises((TransactionRejected, Refused, AnsweredError), match="blob commitments"):
        send(with_blobs(transaction, b"\x02" * 48, version))
    assert dex.nonce(dex.accounts[0]) == 0
    assert send(with_blobs(transaction, COMMITMENT, version)) == transaction.hash


@pytest.mark.parametrize(
    ("given", "fees"),
    [
        ({}, (15, 2 * 7 + 15)),
        ({"max_priority_fee_per_gas": 2}, (2, 2 * 7 + 2)),
        ({"max_fee_per_gas": 9}, (9, 9)),
        ({"max_fee_per_gas": 99}, (15, 99)),
        ({"max_fee_per_gas": 9, "max_priority_fee_per_gas": 3}, (3, 9)),
        ({"gas_price": 8}, (8, 8)),
    ],
)
def test_fees_that_are_left_open_follow_one_policy(
    given: dict[str, int], fees: tuple[int, int]
) -> None:
    tip, most = fees
    found = complete_fees(2, given, base_fee=7, tip=15)
    assert (found["max_priority_fee_per_gas"], found["max_fee_per_gas"]) == (tip, most)
    if "gas_price" in given or not given:
        assert complete_fees(0, given, 7, 15) == {"gas_price": given.get("gas_price", 22)}


def test_python_and_json_rpc_complete_a_transaction_alike(dex: Dex) -> None:
    sender, to = dex.accounts[0], dex.accounts[1].address
    with dex.cheats.acting_as(sender):
        sent = [
            dex.submit(sender=sender, to=to, value=1),
            bytes.fromhex(
                through_node(
                    dex, "eth_sendTransaction", {"from": sender.address, "to": to, "value": "0x1"}
                )[2:]
            ),
        ]
    one, other = map(dex.transaction, sent)
    assert one.max_priority_fee_per_gas == other.max_priority_fee_per_gas == GWEI
    base_fees = [dex.block(at).base_fee_per_gas for at in (1, 2)]
    assert [it.max_fee_per_gas for it in (one, other)] == [2 * fee + GWEI for fee in base_fees]
    assert (one.type_id, one.gas, one.access_list) == (other.type_id, other.gas, other.access_list)


def test_an_access_list_stays_beside_a_gas_price(dex: Dex) -> None:
    listed = ((dex.tokens["WETH"].raw_address, (1,)),)
    sent = dex.submit(to=dex.accounts[1], value=1, gas_price=3 * GWEI, access_list=listed)
    transaction = dex.transaction(sent)
    assert (transaction.type_id, transaction.access_list) == (1, listed)
