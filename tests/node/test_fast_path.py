"""Which requests are answered between two looks at the network."""

from __future__ import annotations

from typing import Any

import pytest

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.blocks.transaction import sign
from evm_dex.node.fast_path import ShortWork, use_of
from evm_dex.node.turns import Use

TO, OTHER = b"\x11" * 20, b"\x22" * 20


def sending(gas: int, to: bytes = TO, data: bytes = b"\x01\x02\x03\x04", type_id: int = 2) -> Any:
    fields = {
        "chain_id": 1,
        "nonce": 0,
        "gas": gas,
        "to": to,
        "value": 0,
        "data": data,
        "max_fee_per_gas": 1,
        "max_priority_fee_per_gas": 0,
        "gas_price": 1,
        "access_list": (),
    }
    raw = sign(default_accounts()[0].signer, type_id, fields).raw
    return {"id": 1, "method": "eth_sendRawTransaction", "params": ["0x" + raw.hex()]}


def is_short(work: ShortWork, content: Any) -> bool:
    return work.length(content).is_short


def note(work: ShortWork, content: Any, seconds: float) -> None:
    called = work.length(content).noted_as
    assert called is not None
    work.note(called, seconds)


@pytest.mark.parametrize("type_id", [0, 1, 2])
def test_a_transaction_is_short_by_what_it_took_before(type_id: int) -> None:
    work = ShortWork()
    call = sending(100_000, type_id=type_id)
    assert is_short(work, sending(21_000, type_id=type_id))
    assert not is_short(work, call), "nobody knows yet"
    note(work, call, 0.001)
    assert is_short(work, call)
    assert is_short(work, sending(900_000, type_id=type_id))
    assert not is_short(work, sending(1_100_000, type_id=type_id))
    assert not is_short(work, sending(100_000, OTHER, type_id=type_id))
    assert not is_short(work, sending(100_000, data=b"\x05\x06\x07\x08", type_id=type_id))
    note(work, call, 0.2)
    assert not is_short(work, call)
    assert not is_short(work, [call])
    assert is_short(work, sending(50_000, type_id=type_id))


def asked(method: str, *params: Any) -> Any:
    return {"id": 1, "method": method, "params": list(params)}


def test_reads_of_the_head_are_short_and_few_of_them_in_a_batch() -> None:
    work, owner = ShortWork(), "0x" + TO.hex()
    assert is_short(work, asked("eth_chainId"))
    assert is_short(work, [asked("eth_chainId"), asked("eth_getBalance", owner)])
    assert not is_short(work, [asked("eth_chainId")] * 5)
    assert not is_short(work, [asked("eth_chainId"), asked("eth_call", {})])
    assert not is_short(work, [[asked("eth_chainId")]])
    assert not is_short(work, asked("eth_getBalance", owner, "pending"))
    assert is_short(work, asked("eth_getBlockByNumber", "latest", False))
    assert not is_short(work, asked("eth_getBlockByNumber", "latest", True))
    assert not is_short(work, asked("eth_getBlockByNumber", "pending", False))
    assert not is_short(work, asked("eth_getBlockByHash", owner, False))
    for method in ("eth_call", "eth_estimateGas", "eth_getLogs", "evm_mine", "eth_sendTransaction"):
        assert not is_short(work, asked(method))


@pytest.mark.parametrize("raw", ["0x", "0x02", "0xzz", "0x02c0", "0x05" + "00" * 40, 5, None])
def test_what_is_no_transaction_is_refused_at_once(raw: Any) -> None:
    request = {"id": 1, "method": "eth_sendRawTransaction", "params": [raw]}
    work = ShortWork()
    assert is_short(work, request) == isinstance(raw, str)
    assert work.length(request).noted_as is None


@pytest.mark.parametrize(
    ("method", "params", "use"),
    [
        ("eth_getBalance", ["0x1", "latest"], Use.READING),
        ("eth_getBalance", ["0x1", "pending"], Use.ALONE),
        ("eth_getBalance", {"address": "0x1", "block": {"blockNumber": "pending"}}, Use.ALONE),
        ("eth_getTransactionCount", ["0x1", "pending"], Use.READING),
        ("eth_getLogs", [{"fromBlock": "0x1"}], Use.READING),
        ("eth_call", [{"to": "0x1"}, "latest"], Use.CALLING),
        ("eth_call", [{"to": "0x1"}, "pending"], Use.ALONE),
        ("eth_estimateGas", [{"to": "0x1"}], Use.ALONE),
        ("eth_sendRawTransaction", ["0x1"], Use.ALONE),
        ("dex_depth", ["spot", "WETH"], Use.ALONE),
        ("evm_revert", ["0x1"], Use.ALONE),
        (5, None, Use.ALONE),
    ],
)
def test_what_a_request_needs_of_the_chain(method: Any, params: Any, use: Use) -> None:
    assert use_of({"id": 1, "method": method, "params": params}) is use
    assert use_of([{"id": 1, "method": method, "params": params}]) is Use.ALONE
