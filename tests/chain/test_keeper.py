"""The keeper: what a price has made due is done first in the next block, by a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import evm_dex
from evm_dex.chain.block_builder import KEEPER
from evm_dex.chain.genesis.genesis_file import default_genesis_file
from evm_dex.client.dex import Dex

WETH, USDC = 10**18, 10**6
TRADERS = range(1, 8)


@pytest.fixture
def dex() -> Iterator[Dex]:
    with evm_dex.open(keep_limit=100) as opened:
        yield opened


def open_positions(dex: Dex, traders: range = TRADERS) -> list[int]:
    """One standalone long at 10 times for each trader; their ids."""
    market = dex.perp_markets["WETH"]
    for trader in traders:
        dex.perp.send("openPosition", market, WETH, 10, True, sender=dex.accounts[trader])
    return [dex.perp.call("getAccount", dex.accounts[i]).positionIds[0] for i in traders]


def set_price(dex: Dex, price: int) -> None:
    dex.perp.send("setOraclePrice", dex.perp_markets["WETH"], price * USDC)


def is_open(dex: Dex, position_id: int) -> bool:
    return bool(dex.perp.call("getPosition", position_id).isOpen)


def test_a_crash_is_cleared_at_the_start_of_the_next_block(dex: Dex) -> None:
    """Before the user's own transaction, which sees the market after it."""
    position_ids = open_positions(dex)
    set_price(dex, 1_820)
    assert all(is_open(dex, position_id) for position_id in position_ids)
    receipt = dex.perp.send("placeOrder", dex.perp_markets["WETH"], WETH, 1_800 * USDC, True)
    block = dex.block(receipt.block_number)
    kept = dex.receipt(block.transactions[0])
    assert len(block.transactions) == 2
    assert kept.sender.lower() == f"0x{KEEPER.address.hex()}"
    liquidated = [e.args["positionId"] for e in dex.perp.events(kept) if e.name == "Liquidated"]
    assert liquidated == position_ids
    assert not any(is_open(dex, position_id) for position_id in position_ids)
    assert dex.self_check() == []


def test_a_block_has_no_keeper_when_nothing_is_due(dex: Dex) -> None:
    open_positions(dex)
    set_price(dex, 1_821)
    (block,) = dex.mine()
    assert block.transaction_hashes == ()


def test_without_a_limit_the_chain_leaves_it_to_others() -> None:
    with evm_dex.open() as dex:
        (position_id, *_) = open_positions(dex, range(1, 2))
        set_price(dex, 1_820)
        (block,) = dex.mine()
        assert block.transaction_hashes == ()
        assert is_open(dex, position_id)
        receipt = dex.perp.send("keep", 5, sender=dex.accounts[5])
        assert [e.name for e in dex.perp.events(receipt)].count("Liquidated") == 1


def test_an_estimate_is_for_all_there_is_to_do() -> None:
    """`keep` does less with less gas; what it was told it could do, it does with the estimate."""
    with evm_dex.open() as dex:
        open_positions(dex, range(1, 4))
        set_price(dex, 1_820)
        assert dex.perp.call("keep", 10) == 3
        receipt = dex.perp.send("keep", 10, sender=dex.accounts[5])
        assert [e.name for e in dex.perp.events(receipt)].count("Liquidated") == 3
        assert dex.perp.call("keep", 10) == 0


def test_a_block_does_no_more_than_its_bound() -> None:
    """What is left is done in the blocks that follow, oldest position first."""
    with evm_dex.open(keep_limit=3) as dex:
        position_ids = open_positions(dex)
        set_price(dex, 1_800)
        done = []
        for _ in range(4):
            (block,) = dex.mine()
            for kept in map(dex.receipt, block.transaction_hashes):
                done.append(
                    [e.args["positionId"] for e in dex.perp.events(kept) if e.name == "Liquidated"]
                )
        assert done == [position_ids[:3], position_ids[3:6], position_ids[6:]]


def test_a_stop_fires_by_the_keeper(dex: Dex) -> None:
    """A stop that sells, once the mark is at or below its price."""
    market, trader, maker = dex.perp_markets["WETH"], dex.accounts[1], dex.accounts[2]
    dex.perp.send("placeOrder", market, WETH, 2_000 * USDC, False, sender=maker)
    dex.perp.send("placeOrder", market, WETH, 2_000 * USDC, True, sender=trader)
    dex.perp.send("placeOrder", market, WETH, 1_890 * USDC, True, sender=maker)
    stop = (market, WETH, 1_900 * USDC, 0, False, False, True, 7)
    dex.perp.send("placeTrigger", *stop, sender=trader)
    set_price(dex, 1_900)
    assert dex.perp.call("getPositionId", trader, market)
    dex.mine()
    assert dex.perp.call("getPositionId", trader, market) == 0
    assert dex.self_check() == []


def test_the_keeper_goes_on_after_a_restart_and_a_rollback(tmp_path: Path) -> None:
    """What is due is found from the rows, whatever memory knew; the same block comes of it."""
    with evm_dex.open(tmp_path / "chain", keep_limit=10) as dex:
        open_positions(dex)
        set_price(dex, 1_820)
        height = dex.head.number
        dex.mine()
        expected = dex.head.hash
        dex.rollback(height)
        dex.mine()
        assert dex.head.hash == expected
        dex.rollback(height)
    with evm_dex.open(tmp_path / "chain", keep_limit=10) as dex:
        dex.mine()
        assert dex.head.hash == expected
        assert dex.self_check() == []


def test_funding_alone_can_make_work(dex: Dex) -> None:
    """Hours pass without a transaction; the keeper looks at what they have done."""
    position_ids = open_positions(dex, range(1, 2))
    hours = 24 * 30 * 12 * 3  # at 0.01 % in eight hours: more than a tenth of the notional
    genesis_time = default_genesis_file().timestamp
    market = dex.perp_markets["WETH"]
    risk = dex.perp.call("getRisk", market)
    dex.perp.send("setRisk", market, 2**32 - 1, risk.maxSlippage, 0, risk.cooldown)
    (block,) = dex.mine(timestamp=genesis_time + hours * 3_600)
    assert len(block.transaction_hashes) == 1
    assert not is_open(dex, position_ids[0])
    assert dex.self_check() == []
