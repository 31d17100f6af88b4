"""Blocks as their maker made them: cheats, chosen headers and unsigned transactions, proven."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

import evm_dex
from checkpoint.trie import rlp
from checkpoint.trie.added_nodes import TooManyNodes, added_nodes
from evm_dex.chain.block_import import decode_branch
from evm_dex.chain.written_state import WrittenState
from evm_dex.client.dex import Dex
from evm_dex.errors import InvalidBlock, StateMissing
from tests.chain.trading import state_of

WHALE = "0x" + "11" * 20


def cheat_a_lot(dex: Dex) -> None:
    """Every kind of block that a node of ours makes."""
    weth, maker, taker = dex.tokens["WETH"], dex.accounts[0], dex.accounts[1]
    cheats = dex.cheats
    dex.spot.send("placeOrder", weth, 10**18, 3_000 * 10**6, False, sender=maker)
    cheats.deal("WETH", WHALE, 5 * 10**18)
    cheats.deal("ETH", WHALE, 10**18)
    cheats.deal_on_spot("USDC", WHALE, 9_000 * 10**6)
    cheats.set_oracle_price("WETH", 2_100 * 10**6)
    with cheats.acting_as(WHALE):
        dex.spot.send("placeOrder", weth, 10**17, 3_000 * 10**6, True, sender=WHALE)
    cheats.increase_time(1_000)
    dex.chain.settings.choose_next(base_fee_per_gas=7, coinbase=b"\x05" * 20)
    dex.spot.send("placeOrder", weth, 10**18, 3_005 * 10**6, True, sender=taker)
    cheats.list_perp_market("GOLD", 4_000 * 10**6)
    dex.deploy("Trader")
    cheats.set_code("0x" + "22" * 20, b"\x60\x00" * 50)
    dex.mine(2)
    dex.chain.write_state(lambda _: None)
    dex.spot.send("placeOrder", weth, 10**18, 3_007 * 10**6, True, sender=taker)


@pytest.fixture
def made() -> Dex:
    dex = evm_dex.open()
    cheat_a_lot(dex)
    return dex


@pytest.mark.parametrize("at_once", [1, 3, 1_000])
def test_a_chain_is_followed_through_all_that_cheats_do(made: Dex, at_once: int) -> None:
    with evm_dex.open() as follower:
        encoded = made.chain.export_blocks(1, as_made=True)
        for start in range(0, len(encoded), at_once):
            follower.chain.import_blocks(encoded[start : start + at_once], as_made=True)
            assert follower.self_check() == []
        assert state_of(follower) == state_of(made)
        assert follower.chain.head.hash == made.chain.head.hash
        # Both go on alike, from accounts and rows that were written.
        for dex in (made, follower):
            dex.spot.send("placeOrder", dex.tokens["WETH"], 10**16, 3_000 * 10**6, True)
            dex.cheats.deal_on_spot("WETH", WHALE, 10**18)
        assert follower.chain.head.hash == made.chain.head.hash
        follower.rollback(3)
        follower.chain.import_blocks(made.chain.export_blocks(2, as_made=True), as_made=True)
        assert state_of(follower) == state_of(made)


def test_what_others_made_by_hand_is_refused_unless_it_is_followed(made: Dex) -> None:
    with evm_dex.open() as other:
        with pytest.raises(InvalidBlock, match="set by hand"):
            other.chain.import_blocks(made.chain.export_blocks(1))
        with pytest.raises(InvalidBlock, match="list of header"):
            other.chain.import_blocks(made.chain.export_blocks(1, as_made=True))
        with pytest.raises(InvalidBlock, match="must come with the state"):
            other.chain.import_blocks(made.chain.export_blocks(1), as_made=True)
        assert other.chain.head.block_number == 0


def altered(encoded: bytes, change: Callable[[WrittenState], WrittenState]) -> bytes:
    """The same block with other written state."""
    parts = rlp.decode(encoded)
    return rlp.encode([*parts[:4], change(WrittenState.of_rlp(parts[4])).as_rlp()])


def other_value(state: WrittenState) -> WrittenState:
    table, key, value = state.rows[0]
    assert value is not None
    return msgspec.structs.replace(
        state, rows=((table, key, value[:-1] + b"\x01"), *state.rows[1:])
    )


ALTERED: dict[str, tuple[Callable[[WrittenState], WrittenState], str]] = {
    "a node is missing": (lambda it: msgspec.structs.replace(it, nodes=it.nodes[1:]), "missing"),
    "a node too much": (
        lambda it: msgspec.structs.replace(it, nodes=(*it.nodes, b"x" * 40)),
        "not of the state",
    ),
    "a row is missing": (lambda it: msgspec.structs.replace(it, rows=it.rows[1:]), "commits to"),
    "no rows": (lambda it: msgspec.structs.replace(it, rows=()), "commits to"),
    "a row has another value": (other_value, "."),
    "a row of no table": (
        lambda it: msgspec.structs.replace(it, rows=((200, b"x", b"y"), *it.rows)),
        "there is no row",
    ),
    "a row of nonsense": (
        lambda it: msgspec.structs.replace(it, rows=((it.rows[0][0], it.rows[0][1], b"\xff"),)),
        ".",
    ),
}


@pytest.mark.parametrize("what", ALTERED)
def test_written_state_that_the_header_does_not_prove_is_refused(made: Dex, what: str) -> None:
    change, said = ALTERED[what]
    branch = made.chain.export_blocks(1, as_made=True)
    blocks = decode_branch(branch, as_made=True)
    at = next(n for n, it in enumerate(blocks) if it.written and it.written.rows)
    with evm_dex.open() as follower:
        follower.chain.import_blocks(branch[:at], as_made=True)
        before = state_of(follower)
        with pytest.raises(InvalidBlock, match=said):
            follower.chain.import_blocks([altered(branch[at], change)], as_made=True)
        assert state_of(follower) == before
        follower.chain.import_blocks(branch[at:], as_made=True)
        assert state_of(follower) == state_of(made)


def test_only_what_changed_travels(made: Dex) -> None:
    for number in range(200):
        made.cheats.deal("ETH", f"0x{number + 1:040x}", 10**18)
    store = made.store
    before, after = made.chain.header(-2), made.chain.header(-1)
    nodes = added_nodes(store, before.state_root, after.state_root, 1 << 20)
    assert 1 <= len(nodes) <= 15  # in the tries of accounts and of two system contracts
    assert added_nodes(store, after.state_root, after.state_root, 0) == []
    with pytest.raises(TooManyNodes):
        added_nodes(store, before.state_root, after.state_root, 100)


def test_code_counts_to_what_may_travel(made: Dex) -> None:
    """Wherever its account is in the trie, and so in the order of the walk."""
    for number in range(16):
        made.cheats.set_code(f"0x{number + 4_096:040x}", b"\x5b" * (5_000 + number))
        before, after = (made.chain.header(number).state_root for number in (-2, -1))
        size = sum(map(len, added_nodes(made.store, before, after, 1 << 20)))
        assert size > 5_000
        assert added_nodes(made.store, before, after, size)
        with pytest.raises(TooManyNodes):
            added_nodes(made.store, before, after, size - 1)


def test_what_is_too_much_is_said(made: Dex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evm_dex.chain.written_state.MOST_BYTES", 500)
    with pytest.raises(StateMissing, match="can't be told: they differ by more than"):
        made.chain.export_blocks(1, as_made=True)
