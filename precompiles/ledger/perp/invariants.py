"""Invariants of the perpetuals exchange."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from precompiles.ledger.ledger import Ledger
from precompiles.types import Address, PositionKind


def collateral_is_conserved(ledger: Ledger) -> Iterator[str]:
    """Cash + positions' own cash + funding on its way + insurance - deficit = what is held."""
    perp = ledger.perp
    accounts = sum(account.cash for account in perp.accounts.rows.values())
    positions = sum(position.cash for position in perp.positions.rows.values() if position.is_open)
    funding = sum(prices.funding_pool for prices in perp.prices.rows.values())
    fund = perp.fund
    on_dexs = sum(it.insurance - it.deficit for it in ledger.core.dex_funds.rows.values())
    total = accounts + positions + funding + fund.insurance - fund.deficit + on_dexs
    if total != fund.collateral_total:
        yield f"perpetuals: collateral {fund.collateral_total}, accounted for {total}"
    if min(fund.insurance, fund.deficit) != 0:
        yield f"perpetuals: insurance {fund.insurance} beside a deficit of {fund.deficit}"


def sizes_cancel_out(ledger: Ledger) -> Iterator[str]:
    """In each market long and short sizes are the same; open interest is the long ones."""
    sums: Counter[bytes] = Counter()
    longs: Counter[bytes] = Counter()
    for position in ledger.perp.positions.rows.values():
        if position.is_open:
            sums[position.asset] += position.size
            longs[position.asset] += max(0, position.size)
    for asset in ledger.perp.markets.rows:
        prices = ledger.perp.prices.get(asset)
        open_interest = prices.open_interest if prices else 0
        if sums[asset]:
            yield f"perpetual market {asset.hex()}: sizes add up to {sums[asset]}"
        if longs[asset] != open_interest:
            where = f"perpetual market {asset.hex()}"
            yield f"{where}: open interest {open_interest}, long sizes {longs[asset]}"


def positions_are_sound(ledger: Ledger) -> Iterator[str]:
    """Positions have a size, cash only if open and not cross; one nets per owner and market."""
    netting: Counter[tuple[bytes, bytes]] = Counter()
    for position in ledger.perp.positions.rows.values():
        if position.size == 0:
            yield f"position {position.id}: without a size"
        if position.cash and (position.kind == PositionKind.CROSS or not position.is_open):
            yield f"position {position.id}: cross or ended, with cash {position.cash} of its own"
        if position.is_open and position.kind != PositionKind.STANDALONE:
            netting[position.owner, position.asset] += 1
    for (owner, asset), count in sorted(netting.items()):
        if count > 1:
            yield f"account {owner.hex()}: {count} netting positions in {asset.hex()}"


def position_indexes_agree(ledger: Ledger) -> Iterator[str]:
    """Positions by owner and market, and waiting triggers, are those of their tables."""
    perp = ledger.perp
    opened = {row.id: row for row in perp.positions.rows.values() if row.is_open}
    by_owner = {i: owner for owner, ids in perp.open_positions.by_owner.ids.items() for i in ids}
    by_market = {i: asset for asset, ids in perp.open_positions.by_market.ids.items() for i in ids}
    if by_owner != {row.id: row.owner for row in opened.values()}:
        yield "positions by owner differ from the position table"
    if by_market != {row.id: row.asset for row in opened.values()}:
        yield "positions by market differ from the position table"
    netting = {
        (row.owner, row.asset): row.id
        for row in opened.values()
        if row.kind != PositionKind.STANDALONE
    }
    if perp.open_positions.netting != netting:
        yield "netting positions differ from the position table"
    waiting = [
        trigger_id
        for side in (perp.waiting_triggers.rising, perp.waiting_triggers.falling)
        for triggers in side.values()
        for _, trigger_id in triggers
    ]
    if sorted(waiting) != sorted(perp.triggers.rows):
        yield "waiting triggers differ from the trigger table"


def debts_have_positions(ledger: Ledger) -> Iterator[str]:
    """Accounts below zero have positions that may make up for it; no account is empty."""
    for user, account in ledger.perp.accounts.rows.items():
        if account.cash == 0:
            yield f"account {user.hex()}: a row without collateral"
        if account.cash < 0 and not ledger.perp.open_positions.cross.of(user):
            yield f"account {user.hex()}: {account.cash} collateral and no cross position"


def idle_cash_is_a_sum(ledger: Ledger) -> Iterator[str]:
    """Idle cash is the sum of what accounts without cross positions have, by their collateral."""
    perp = ledger.perp
    idle: Counter[int] = Counter()
    for user, row in perp.accounts.rows.items():
        if perp.is_idle(Address(user)):
            idle[perp.pool_of(user)] += max(0, row.cash)
    for pool in sorted({*idle, *perp.idle}):
        if idle[pool] != perp.idle.get(pool, 0):
            sums = f"{idle[pool]}, the sum says {perp.idle.get(pool, 0)}"
            yield f"perpetuals: idle accounts have {sums}"


def idle_accounts_are_payable(ledger: Ledger) -> Iterator[str]:
    """All accounts without cross positions could be paid at once, whatever others have lost."""
    for pool, idle in sorted(ledger.perp.idle.items()):
        if ledger.backing(pool) < 0:
            yield f"perpetuals: idle accounts have {idle}, {ledger.held(pool)} is held"


PERP_INVARIANTS = (
    collateral_is_conserved,
    sizes_cancel_out,
    positions_are_sound,
    position_indexes_agree,
    debts_have_positions,
    idle_cash_is_a_sum,
    idle_accounts_are_payable,
)
