"""Raw transactions: read like py-evm reads them, refused with a reason otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.trie import rlp
from evm_dex.blocks.dev_accounts import MNEMONIC, default_accounts, derive_accounts
from evm_dex.blocks.transaction import decode, sign
from evm_dex.errors import TransactionRejected

SIGNER = default_accounts()[0].signer
WORDS = st.integers(0, 2**256 - 1)
FIELDS = st.fixed_dictionaries(
    {
        "chain_id": st.integers(1, 2**40),
        "nonce": st.integers(0, 2**64 - 2),
        "gas": st.integers(0, 2**64 - 1),
        "to": st.one_of(st.just(b""), st.binary(min_size=20, max_size=20)),
        "value": WORDS,
        "data": st.binary(max_size=100),
    }
)
ACCESS = st.lists(
    st.tuples(st.binary(min_size=20, max_size=20), st.lists(WORDS, max_size=3).map(tuple)),
    max_size=3,
).map(tuple)


@given(FIELDS, ACCESS, WORDS, WORDS, st.sampled_from([0, 1, 2]))
def test_py_evm_agrees_on_every_field(
    fields: dict[str, Any], access_list: Any, price: int, tip: int, type_id: int
) -> None:
    fees = {"max_fee_per_gas": price, "max_priority_fee_per_gas": tip}
    fields |= fees if type_id == 2 else {"gas_price": price}
    if type_id:
        fields["access_list"] = access_list
    transaction = sign(SIGNER, type_id, fields)
    assert decode(transaction.raw) == transaction
    theirs = PragueTransactionBuilder.decode(transaction.raw)
    assert theirs.encode() == transaction.raw
    assert theirs.hash == transaction.hash
    assert bytes(theirs.sender) == transaction.sender == SIGNER.address
    assert theirs.intrinsic_gas == transaction.intrinsic_gas
    assert theirs.chain_id == transaction.chain_id
    names = ["nonce", "gas", "to", "value", "data", "r", "s", "y_parity"]
    names += ["max_fee_per_gas", "max_priority_fee_per_gas"]
    for name in names:
        assert getattr(theirs, name) == getattr(transaction, name), name
    slots = [(bytes(address), tuple(slots)) for address, slots in theirs.access_list]
    assert slots == list(transaction.access_list)


def test_a_transaction_from_before_eip_155_belongs_to_every_chain() -> None:
    """The one that puts the deterministic deployment proxy on any chain."""
    raw = bytes.fromhex(
        "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffff"
        "ffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b80"
        "82525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a0"
        "2222222222222222222222222222222222222222222222222222222222222222"
    )
    transaction = decode(raw)
    assert transaction.chain_id is None
    assert transaction.sender.hex() == "3fab184622dc19b6109349b94811493bf2a45362"
    created = transaction.create_address
    assert created is not None
    assert created.hex() == "4e59b44847b379578588920ca78fbf26c0b4956c"


def _list(*changes: tuple[int, Any]) -> bytes:
    fields = {
        "chain_id": 31337,
        "nonce": 1,
        "max_priority_fee_per_gas": 2,
        "max_fee_per_gas": 3,
        "gas": 4,
        "to": b"\x11" * 20,
        "value": 5,
        "data": b"",
        "access_list": (),
    }
    items = rlp.decode(sign(SIGNER, 2, fields).raw[1:])
    for index, value in changes:
        items[index] = value
    return b"\x02" + rlp.encode(items)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "must not be empty"),
        (b"\x05\xc0", "type must be 1 to 4, or none .legacy., got 5"),
        (b"\x00\xc0", "type must be 1 to 4, or none .legacy., got 0"),
        (b"\x02\xc0", "type 2 must be a list of 12 fields"),
        (b"\x02\x80", "type 2 must be a list of 12 fields"),
        (b"\x02\xff", "not a transaction"),
        (_list() + b"\x00", "not a transaction"),
        (_list((5, b"\x11" * 19)), "`to` must be 20 bytes or none, got 19"),
        (_list((1, b"\x00\x01")), "shortest form"),
        (_list((6, b"\x01" * 33)), "below 2\\*\\*256"),
        (_list((1, b"\xff" * 8)), "nonce must be at most"),
        (_list((8, [[b"\x11" * 19, []]])), "an address must be 20 bytes, got 19"),
        (_list((8, [[b"\x11" * 20, [b"\x01"]]])), "a storage key must be 32 bytes, got 1"),
        (_list((8, b"\x01")), "not a transaction"),
        (_list((9, b"\x02")), "signature values out of range"),
        (_list((10, b"")), "signature values out of range"),
        (_list((11, b"\xff" * 32)), "signature values out of range"),
        (_list((10, b"\x05" * 32), (11, b"\x05" * 32), (2, [])), "not a transaction"),
    ],
)
def test_anything_else_is_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(TransactionRejected, match=reason):
        decode(raw)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_nothing_worse(raw: bytes) -> None:
    for prefix in (b"", b"\x01", b"\x02", b"\x03", b"\x04"):
        with pytest.raises(TransactionRejected):
            decode(prefix + raw)


def test_accounts_are_those_of_the_mnemonic_everyone_uses() -> None:
    accounts = derive_accounts(MNEMONIC, 10)
    assert accounts[0].address.hex() == "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    assert accounts[0].key.hex() == (
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    )
    assert accounts[9].address.hex() == "a0ee7a142d267c1f36714e4a8f75612f20a79720"
