"""Our account database against py-evm's own, which keeps every change in layers of journals."""

from __future__ import annotations

from typing import Any

import pytest
from eth.db.account import AccountDB
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth_typing import Address
from hypothesis import given
from hypothesis import strategies as st

from checkpoint.trie import trie
from evm_dex.evm import account_db as accounts
from evm_dex.evm import account_storage as storage
from evm_dex.evm.account_db import AccountDatabase

PLACES = [Address(bytes((place,)) * 20) for place in range(2)]
SLOTS = (0, 1, 2**255)

ADDRESSES = st.sampled_from(PLACES)
CHANGES = st.one_of(
    st.tuples(st.just("set_balance"), ADDRESSES, st.sampled_from((0, 1, 10**30))),
    st.tuples(st.just("set_nonce"), ADDRESSES, st.integers(0, 3)),
    st.tuples(st.just("set_code"), ADDRESSES, st.sampled_from((b"", b"\x00", b"\x01" * 40))),
    st.tuples(
        st.just("set_storage"), ADDRESSES, st.sampled_from(SLOTS), st.sampled_from((0, 1, 2**200))
    ),
    st.tuples(st.sampled_from(("touch_account", "increment_nonce", "delete_code")), ADDRESSES),
    st.tuples(st.just("mark_address_warm"), ADDRESSES),
    st.tuples(st.just("mark_storage_warm"), ADDRESSES, st.sampled_from(SLOTS)),
)
STEPS: Any = st.recursive(
    st.lists(CHANGES, max_size=5),
    lambda inner: st.lists(
        st.one_of(CHANGES, st.tuples(st.sampled_from(("kept", "reverted")), inner)), max_size=5
    ),
    max_leaves=12,
)
ENDINGS = st.lists(
    st.tuples(st.sampled_from(("delete_account", "delete_storage")), ADDRESSES), max_size=2
)
"""Only the end of a transaction deletes accounts."""
FILLED = st.lists(
    st.tuples(st.just("set_storage"), ADDRESSES, st.sampled_from(SLOTS), st.integers(1, 3)),
    min_size=1,
    max_size=3,
)
BLOCKS = st.lists(st.lists(st.tuples(STEPS, ENDINGS), max_size=3), max_size=4)


def run(database: Any, steps: Any) -> None:
    for step in steps:
        if step[0] in ("kept", "reverted"):
            mark = database.record()
            run(database, step[1])
            (database.commit if step[0] == "kept" else database.discard)(mark)
        else:
            getattr(database, step[0])(*step[1:])


def seen(database: Any) -> list[Any]:
    """All that the EVM can ask for."""
    found: list[Any] = []
    for address in PLACES:
        found.append(
            (
                database.get_balance(address),
                database.get_nonce(address),
                database.get_code(address),
                database.get_code_hash(address),
                database.account_exists(address),
                database.account_is_empty(address),
                database.account_has_code_or_nonce(address),
                database.is_address_warm(address),
            )
        )
        found += [
            (
                database.get_storage(address, slot),
                database.get_storage(address, slot, from_journal=False),
                database.is_storage_warm(address, slot),
            )
            for slot in SLOTS
        ]
    return found


@given(BLOCKS)
def test_says_what_py_evms_says_and_makes_the_same_roots(blocks: Any) -> None:
    """After every transaction's steps all reads are the same, after every block the root is."""
    ours, theirs = AccountDatabase(AtomicDB()), AccountDB(AtomicDB())
    for transactions in blocks:
        for steps, ending in transactions:
            for database in (ours, theirs):
                database.lock_changes()
                run(database, steps)
            assert seen(ours) == seen(theirs)
            for database in (ours, theirs):
                run(database, ending)
        for database in (ours, theirs):
            database.persist()
            database.lock_changes()
        assert ours.state_root == theirs.state_root
        assert seen(ours) == seen(theirs)


@given(BLOCKS)
def test_what_is_persisted_is_all_there(blocks: Any) -> None:
    """A database opened at each root sees what was seen when the root was made.

    The one that made it forgets all it knew as soon as it may, and finds it again.
    """
    stored = MemoryDB()
    database = AccountDatabase(AtomicDB(stored))
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_MOST_ACCOUNTS", 0)
        patch.setattr(accounts, "_MOST_STORAGES", 0)
        patch.setattr(storage, "_MOST_WORDS", 0)
        patch.setattr(trie, "_MOST_DECODED", 0)
        for transactions in blocks:
            for steps, ending in transactions:
                database.lock_changes()
                run(database, steps)
                run(database, ending)
            database.persist()
            database.lock_changes()
            kept.append((database.state_root, seen(database)))
    for root, expected in kept:
        assert AccountDatabase(AtomicDB(stored), root).has_root(root)
        assert seen(AccountDatabase(AtomicDB(stored), root)) == expected
    assert b"" not in stored.kv_store.values()


@given(FILLED, STEPS, ENDINGS, STEPS)
def test_what_is_reverted_leaves_no_trace(before: Any, steps: Any, ending: Any, after: Any) -> None:
    """Neither in what is seen nor in what is written; deleted accounts are back whole."""
    stored = MemoryDB()
    database = AccountDatabase(AtomicDB(stored))
    run(database, before)
    database.persist()
    expected, written = seen(database), dict(stored.kv_store)
    mark = database.record()
    for part in (steps, ending, after):
        run(database, part)
    database.discard(mark)
    assert seen(database) == expected
    database.persist()
    assert seen(database) == expected
    assert stored.kv_store == written


def test_a_word_before_the_transaction_is_the_stored_one_until_it_ends() -> None:
    """EIP-2200 prices a write by it."""
    database = AccountDatabase(AtomicDB())
    place = PLACES[0]
    database.set_storage(place, 1, 5)
    database.lock_changes()
    database.set_storage(place, 1, 6)
    database.set_storage(place, 1, 7)
    assert database.get_storage(place, 1, from_journal=False) == 5
    database.lock_changes()
    assert database.get_storage(place, 1, from_journal=False) == 7


def test_what_is_in_a_root_is_not_taken_back() -> None:
    """A mark from before it is refused, not mistaken for a newer one."""
    database = AccountDatabase(AtomicDB())
    mark = database.record()
    database.set_balance(PLACES[0], 1)
    database.persist()
    database.set_balance(PLACES[0], 2)
    with pytest.raises(AssertionError, match="a root was made since"):
        database.discard(mark)
    database.discard(database.record())
    assert database.get_balance(PLACES[0]) == 2
