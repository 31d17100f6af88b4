"""Random blocks, and single cases, against the executable specification."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from eth_hash.auto import keccak

from checkpoint.trie import rlp
from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.evm.system_contracts import SYSTEM_CONTRACTS
from precompiles.types import ZERO_ADDRESS, Address
from tests.bytecode import assemble
from tests.conftest import PROFILE
from tests.evm.differential.programs import LIBRARY
from tests.evm.differential.specification import CHAIN_ID, Both, PlainAccount
from tests.evm.differential.world import CONTRACTS, SENDERS, Transactions, make_world

pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT:DeprecationWarning")

WORLDS = 500 if PROFILE == "nightly" else 6
BLOCKS = 5
ETHER = 10**18


@pytest.mark.parametrize("seed", range(WORLDS))
def test_random_blocks_come_out_as_specified(seed: int) -> None:
    random = Random(seed)
    world = make_world(random)
    genesis = {
        LIBRARY: PlainAccount(code=world.library),
        **{account.address: PlainAccount(balance=1_000 * ETHER) for account in SENDERS},
        **{
            address: PlainAccount(
                nonce=1,
                balance=5,
                code=code,
                storage={slot: word for slot, word in world.storage[address].items() if word},
            )
            for address, code in world.codes.items()
        },
    }
    both = Both(genesis)
    transactions = Transactions(random, world)
    coinbases = (ZERO_ADDRESS, SENDERS[0].address, CONTRACTS[0], Address(b"\xe0" * 20))
    for _ in range(BLOCKS):
        header = both.begin(coinbase=random.choice(coinbases))
        for _ in range(random.randint(1, 6)):
            transaction = transactions.next(both.ours.state, header.base_fee_per_gas)
            both.apply(transaction.raw)
        both.end()


ALICE, BOB, CAROL = SENDERS
RECEIVER = Address(b"\x42" * 20)
GAS_PRICE = 7
BLOB_GAS = 2**17


def signed(sender: KeyPair = ALICE, type_id: int = 2, **changes: Any) -> bytes:
    """A raw transaction that is valid but for what is changed in it."""
    fields: dict[str, Any] = {
        "chain_id": CHAIN_ID,
        "nonce": 0,
        "gas": 100_000,
        "to": RECEIVER,
        "value": 0,
        "data": b"",
        "access_list": (),
        "max_priority_fee_per_gas": 0,
        "max_fee_per_gas": GAS_PRICE,
    }
    if type_id == 3:
        fields |= {"max_fee_per_blob_gas": 1, "blob_versioned_hashes": (b"\x01" + bytes(31),)}
    fields |= changes
    items = [_field(fields[name]) for name in _ORDER if name in fields]
    digest = keccak(bytes((type_id,)) + rlp.encode(items))
    y_parity, r, s = sender.signer.sign(digest)
    signature = [rlp.int_bytes(number) for number in (y_parity, r, s)]
    return bytes((type_id,)) + rlp.encode([*items, *signature])


_ORDER = (
    *("chain_id", "nonce", "max_priority_fee_per_gas", "max_fee_per_gas", "gas", "to", "value"),
    *("data", "access_list", "max_fee_per_blob_gas", "blob_versioned_hashes"),
    "authorization_list",
)


def _field(value: Any) -> Any:
    if isinstance(value, int):
        return rlp.int_bytes(value)
    return list(value) if isinstance(value, tuple) else value


def authorized(
    account: KeyPair, code: bytes, nonce: int = 0, *, y_parity: int | None = None
) -> list[bytes]:
    """An authorization as it is in a raw transaction, of a parity that need not be right."""
    message = b"\x05" + rlp.encode([rlp.int_bytes(CHAIN_ID), code, rlp.int_bytes(nonce)])
    found, r, s = account.signer.sign(keccak(message))
    numbers = (nonce, found if y_parity is None else y_parity, r, s)
    return [rlp.int_bytes(CHAIN_ID), code, *map(rlp.int_bytes, numbers)]


def one_block(
    raw: bytes, accounts: Mapping[Address, PlainAccount] | None = None, *, balance: int = ETHER
) -> tuple[int | None, Both]:
    """A transaction alone in a block: the gas it used, or None, which both have to agree on."""
    named = {ALICE.address: PlainAccount(balance=balance), BOB.address: PlainAccount(balance=ETHER)}
    both = Both({**named, **(accounts or {})})
    both.begin(base_fee_per_gas=GAS_PRICE)
    used = both.apply(raw)
    both.end()
    return used, both


@pytest.mark.parametrize(
    ("short_by", "is_valid"), [(0, True), (1, False), (1_000, False), (1_001, False)]
)
def test_a_blob_transaction_is_paid_for_with_its_value(short_by: int, is_valid: bool) -> None:
    """Gas, blobs and value at their highest come together (EIP-4844)."""
    needed = 100_000 * GAS_PRICE + BLOB_GAS * 50 + 1_000
    raw = signed(type_id=3, value=1_000, max_fee_per_blob_gas=50)
    used, _ = one_block(raw, balance=needed - short_by)
    assert (used is not None) == is_valid


@pytest.mark.parametrize(
    "hashes",
    [
        (),
        (b"\x01" + bytes(30),),
        (b"\x01" + bytes(32),),
        (b"\x02" + bytes(31),),
        (bytes(32),),
        (b"\x01" + bytes(31),) * 10,
    ],
)
def test_blobs_that_no_block_may_have_are_refused(hashes: tuple[bytes, ...]) -> None:
    used, _ = one_block(signed(type_id=3, blob_versioned_hashes=hashes))
    assert used is None


def test_nine_blobs_fit_and_a_tenth_in_the_block_does_not() -> None:
    nine = signed(type_id=3, blob_versioned_hashes=(b"\x01" + bytes(31),) * 9)
    used, both = one_block(nine)
    assert used == 21_000
    both.begin(base_fee_per_gas=GAS_PRICE)
    assert both.apply(signed(type_id=3, nonce=1, blob_versioned_hashes=(b"\x01" + bytes(31),) * 9))
    assert both.apply(signed(BOB, type_id=3)) is None


def test_a_blob_fee_below_the_block_s_is_refused() -> None:
    assert one_block(signed(type_id=3, max_fee_per_blob_gas=0))[0] is None


@pytest.mark.parametrize(
    ("changes", "is_valid"),
    [
        ({"y_parity": 255}, True),
        ({"y_parity": 256}, False),
        ({"nonce": 2**64 - 1}, True),
        ({"nonce": 2**64}, False),
    ],
)
def test_an_authorization_may_be_wrong_but_not_out_of_range(
    changes: dict[str, int], is_valid: bool
) -> None:
    """One that is wrong is not applied; one out of range makes the transaction none (EIP-7702)."""
    raw = signed(type_id=4, authorization_list=[authorized(BOB, RECEIVER, **changes)])
    used, both = one_block(raw)
    assert (used is not None) == is_valid
    assert both.ours.state.get_code(BOB.address) == b""


@pytest.mark.parametrize(
    ("code", "is_valid"),
    [(b"\xfe", False), (b"\xef\x01\x00" + RECEIVER, True), (b"\xef\x01\x00" + bytes(19), False)],
)
def test_a_sender_is_no_contract(code: bytes, is_valid: bool) -> None:
    """Unless its code only names another's (EIP-3607, EIP-7702)."""
    account = PlainAccount(balance=ETHER, code=code)
    used, _ = one_block(signed(), {ALICE.address: account})
    assert (used is not None) == is_valid


@pytest.mark.parametrize("kind", ["transaction", "CREATE", "CREATE2"])
def test_nothing_is_created_over_storage(kind: str) -> None:
    """An account without code and nonce may still have words (EIP-7610)."""
    creator = Address(b"\xc0" * 20)
    code = assemble("PUSH0 PUSH0 PUSH0 PUSH0 " + ("CREATE2" if kind == "CREATE2" else "CREATE"))
    taken = {
        "transaction": keccak(rlp.encode([ALICE.address, b""]))[12:],
        "CREATE": keccak(rlp.encode([creator, b"\x01"]))[12:],
        "CREATE2": keccak(b"\xff" + creator + bytes(32) + keccak(b""))[12:],
    }[kind]
    accounts = {
        Address(taken): PlainAccount(balance=1, storage={1: 2}),
        creator: PlainAccount(nonce=1, code=code),
    }
    raw = signed(to=b"" if kind == "transaction" else creator)
    used, both = one_block(raw, accounts)
    assert used == 100_000 or kind != "transaction"
    assert both.ours.state.get_nonce(Address(taken)) == 0


@pytest.mark.parametrize("kind", ["CREATE", "CREATE2"])
def test_a_delegated_sender_pays_for_init_code_once(kind: str) -> None:
    """Its code runs at depth 0 as the sender, and still what it creates is no transaction's."""
    creator = Address(b"\xc0" * 20)
    salt = "PUSH0 " if kind == "CREATE2" else ""
    code = assemble(f"{salt}0x0c80 PUSH0 PUSH0 {kind}")
    accounts = {
        creator: PlainAccount(code=code),
        ALICE.address: PlainAccount(balance=ETHER, code=b"\xef\x01\x00" + creator),
    }
    used, _ = one_block(signed(to=ALICE.address), accounts)
    assert used is not None


@pytest.mark.parametrize(("given", "is_valid"), [(0, True), (-1, False)])
def test_init_code_is_part_of_what_a_creation_needs(given: int, is_valid: bool) -> None:
    """With less gas it is no transaction, instead of one that fails (EIP-3860)."""
    data = b"\xff" * 33
    needed = 21_000 + 32_000 + 33 * 16 + 2 * 2
    used, _ = one_block(signed(to=b"", data=data, gas=needed + given))
    assert (used is not None) == is_valid


WITHDRAWALS, CONSOLIDATIONS = list(SYSTEM_CONTRACTS)[2:]
LOOK_UP = assemble(
    "0x01 NUMBER SUB PUSH0 MSTORE 0x20 0x20 0x20 PUSH0 "
    f"0x{list(SYSTEM_CONTRACTS)[1].hex()} GAS STATICCALL POP 0x20 MLOAD PUSH0 SSTORE"
)


def test_system_contracts_are_called_as_blocks_begin_and_end() -> None:
    """Hashes of past blocks and beacon roots are there for code, and requests are committed to."""
    reader = Address(b"\xcc" * 20)
    both = Both(
        {
            ALICE.address: PlainAccount(balance=ETHER),
            reader: PlainAccount(nonce=1, code=LOOK_UP),
            **{at: PlainAccount(nonce=1, code=code) for at, code in SYSTEM_CONTRACTS.items()},
        }
    )
    without = both.ours.parent.requests_hash
    pubkey = b"\x11" * 48
    requests = {WITHDRAWALS: pubkey + (7).to_bytes(8, "big"), CONSOLIDATIONS: 2 * pubkey}
    nonce = 0
    for number in range(1, 5):
        both.begin(base_fee_per_gas=GAS_PRICE, parent_beacon_block_root=bytes([number]) * 32)
        assert both.apply(signed(nonce=nonce, to=reader))
        nonce += 1
        if number == 2:
            for contract, data in requests.items():
                raw = signed(nonce=nonce, to=contract, data=data, value=100, gas=400_000)
                assert both.apply(raw)
                nonce += 1
        parent = both.ours.parent
        sealed = both.end()
        word = both.ours.state.get_storage(reader, 0)
        assert word == int.from_bytes(parent.hash, "big")
        assert (sealed.header.requests_hash != without) == (number == 2)


@pytest.mark.parametrize("code", [assemble("PUSH0 PUSH0 REVERT"), b"\xfe", assemble("STOP")])
def test_a_system_contract_that_fails_changes_nothing(code: bytes) -> None:
    history = list(SYSTEM_CONTRACTS)[1]
    both = Both({history: PlainAccount(nonce=1, code=assemble("0x01 PUSH0 SSTORE") + code)})
    both.begin()
    both.end()
    assert both.ours.state.get_storage(history, 0) == (code == b"\x00")
