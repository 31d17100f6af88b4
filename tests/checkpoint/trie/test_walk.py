"""Walking a state: all of it, in order, as py-evm wrote it, and nothing that was altered."""

from __future__ import annotations

import pytest
import rlp
from eth.db.account import AccountDB
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth_hash.auto import keccak
from eth_typing import Address
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.errors import StoreDamaged
from checkpoint.families import Family
from checkpoint.trie.account import Account
from checkpoint.trie.nodes import BLANK_ROOT, read_code
from checkpoint.trie.rlp import decode
from checkpoint.trie.stack_trie import StackTrie
from checkpoint.trie.walk import walk_trie

ADDRESSES = st.binary(min_size=20, max_size=20).map(Address)
WORDS = st.integers(min_value=1, max_value=2**256 - 1)
ACCOUNTS = st.dictionaries(
    ADDRESSES,
    st.tuples(
        st.integers(min_value=1, max_value=2**63),
        WORDS,
        st.binary(max_size=40),
        st.dictionaries(WORDS, WORDS, max_size=8),
    ),
    max_size=12,
)
Accounts = dict[Address, tuple[int, int, bytes, dict[int, int]]]


class Nodes:
    """Trie nodes in a dict."""

    def __init__(self, nodes: dict[bytes, bytes]) -> None:
        self.nodes = nodes

    def get(self, family: Family, key: bytes) -> bytes | None:
        assert family is Family.NODES
        return self.nodes.get(key)


def written_by_py_evm(accounts: Accounts) -> tuple[bytes, Nodes]:
    nodes: dict[bytes, bytes] = {}
    database = AccountDB(AtomicDB(MemoryDB(nodes)))
    for address, (nonce, balance, code, storage) in accounts.items():
        database.set_nonce(address, nonce)
        database.set_balance(address, balance)
        database.set_code(address, code)
        for slot, value in storage.items():
            database.set_storage(address, slot, value)
    database.persist()
    return database.state_root, Nodes(nodes)


@given(ACCOUNTS)
def test_the_walk_gives_every_account_its_storage_and_code_by_ascending_key(
    accounts: Accounts,
) -> None:
    root, store = written_by_py_evm(accounts)
    walked = list(walk_trie(store, root))
    assert [key for key, _ in walked] == sorted(keccak(address) for address in accounts)
    found = dict(walked)
    for address, (nonce, balance, code, storage) in accounts.items():
        account = Account.decode(found[keccak(address)])
        assert (account.nonce, account.balance) == (nonce, balance)
        assert read_code(store, account.code_hash) == code
        slots = dict(walk_trie(store, account.storage_root))
        assert list(slots) == sorted(slots)
        assert slots == {
            keccak(slot.to_bytes(32, "big")): rlp.encode(value) for slot, value in storage.items()
        }


@given(ACCOUNTS)
def test_what_was_walked_builds_the_same_tries_again(accounts: Accounts) -> None:
    root, store = written_by_py_evm(accounts)
    nodes: dict[bytes, bytes] = {}

    def rebuilt(of: bytes) -> bytes:
        builder = StackTrie(nodes.__setitem__)
        for key, value in walk_trie(store, of):
            builder.add(key, value)
        return builder.root()

    assert rebuilt(root) == root
    for _, value in walk_trie(store, root):
        storage_root = Account.decode(value).storage_root
        assert rebuilt(storage_root) == storage_root
    assert list(walk_trie(Nodes(nodes), root)) == list(walk_trie(store, root))


def big_state() -> tuple[bytes, Nodes]:
    return written_by_py_evm(
        {
            Address(bytes(19) + bytes((at,))): (at + 1, 10**18, b"\xfe", {1: 2, at + 7: 2**255})
            for at in range(40)
        }
    )


def test_every_missing_or_altered_node_is_named() -> None:
    root, store = big_state()

    def walk_all() -> None:
        for _, value in walk_trie(store, root):
            account = Account.decode(value)
            read_code(store, account.code_hash)
            list(walk_trie(store, account.storage_root))

    walk_all()
    looked_at = 0
    for node_hash, node in list(store.nodes.items()):
        if node_hash == BLANK_ROOT:
            continue
        looked_at += 1
        for wrong in (None, node[:-1] + bytes((node[-1] ^ 1,))):
            store.nodes.pop(node_hash) if wrong is None else store.nodes.update({node_hash: wrong})
            with pytest.raises(StoreDamaged, match=f"{node_hash.hex()}.* missing or altered"):
                walk_all()
            store.nodes[node_hash] = node
    assert looked_at > 40


@pytest.mark.parametrize(
    "node",
    [b"", b"\x81\xff", b"\xc0", rlp.encode([b"", b"x"]), rlp.encode([b"\x31", b"x"]), b"\xc1"],
)
def test_what_is_no_trie_node_is_damage(node: bytes) -> None:
    with pytest.raises(StoreDamaged, match="node"):
        list(walk_trie(Nodes({keccak(node): node}), keccak(node)))


@pytest.mark.parametrize("value", [b"", b"\xc0", b"\x80", rlp.encode([b""] * 5), b"\xc5\x01"])
def test_what_is_no_account_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Account.decode(value)


def test_what_follows_an_item_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(b"\x01\x02")
