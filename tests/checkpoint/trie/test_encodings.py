"""Paths, accounts and words of a trie: each encoding reads back, and nothing else is read."""

from __future__ import annotations

import pytest
import rlp
from eth.rlp.accounts import Account as StockAccount
from eth_typing import Hash32
from hypothesis import given
from hypothesis import strategies as st
from trie.utils.nibbles import decode_nibbles, encode_nibbles

from checkpoint.trie.account import Account, decode_word
from checkpoint.trie.nodes import common_length, from_nibbles, nibbles, pack, unpack

PATHS = st.lists(st.integers(0, 15), max_size=64).map(bytes)
HASHES = st.binary(min_size=32, max_size=32)


@given(PATHS, st.booleans())
def test_a_path_is_packed_as_the_trie_library_does_it(path: bytes, is_leaf: bool) -> None:
    packed = pack(path, is_leaf=is_leaf)
    assert packed == encode_nibbles((*path, *((16,) if is_leaf else ())))
    assert decode_nibbles(packed) == (*path, *((16,) if is_leaf else ()))
    assert unpack(packed) == (path, is_leaf)


@given(st.binary(max_size=3))
def test_a_path_that_unpacks_was_packed(packed: bytes) -> None:
    try:
        path, is_leaf = unpack(packed)
    except ValueError:
        return
    assert pack(path, is_leaf=is_leaf) == packed


@given(st.binary(max_size=40))
def test_nibbles_are_joined_again(key: bytes) -> None:
    assert from_nibbles(nibbles(key)) == key
    with pytest.raises(ValueError, match=r"."):
        from_nibbles(nibbles(key) + b"\x01")


@given(PATHS, PATHS, PATHS)
def test_common_length_counts_what_is_shared(start: bytes, one: bytes, other: bytes) -> None:
    length = common_length(start + one, start + other)
    shared = (start + one)[:length]
    assert len(start) <= length
    assert (start + other).startswith(shared)
    assert (start + one)[length : length + 1] != (start + other)[length : length + 1] or (
        length == min(len(start + one), len(start + other))
    )


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**256 - 1), HASHES, HASHES)
def test_an_account_is_encoded_as_py_evm_does_it(
    nonce: int, balance: int, storage_root: bytes, code_hash: bytes
) -> None:
    account = Account(nonce, balance, storage_root, code_hash)
    stock = StockAccount(nonce, balance, Hash32(storage_root), Hash32(code_hash))
    assert account.encode() == rlp.encode(stock)
    assert Account.decode(account.encode()) == account


@pytest.mark.parametrize(
    "fields",
    [
        [b"", b"", b"\1" * 32],
        [b"", b"", b"\1" * 32, b"\2" * 32, b""],
        [[], b"", b"\1" * 32, b"\2" * 32],
        [b"", [b"\1"], b"\1" * 32, b"\2" * 32],
        [b"", b"", [b"\1"] * 32, b"\2" * 32],
        [b"", b"", b"\1" * 32, [b"\2" * 32]],
        [b"", b"", b"\1" * 31, b"\2" * 32],
        [b"", b"", b"\1" * 32, b""],
        [b"\0\1", b"", b"\1" * 32, b"\2" * 32],
        [b"\1" * 9, b"", b"\1" * 32, b"\2" * 32],
        [b"", b"\1" * 33, b"\1" * 32, b"\2" * 32],
        b"",
        [b"\1" * 70_000],
    ],
)
def test_what_is_no_account_is_refused(fields: object) -> None:
    with pytest.raises(ValueError, match=r"an account must|32 bytes each|an integer must"):
        Account.decode(rlp.encode(fields))


@given(st.integers(0, 2**256 - 1))
def test_a_word_is_padded_to_its_width(word: int) -> None:
    assert int.from_bytes(decode_word(rlp.encode(word)), "big") == word


@pytest.mark.parametrize("encoded", [b"", b"\xc0", rlp.encode([b"\1"]), rlp.encode(b"\1" * 33)])
def test_what_is_no_word_is_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_word(encoded)
