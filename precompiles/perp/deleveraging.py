"""Auto-deleveraging: closes a bankrupt margin group against the other side's positions.

They close at the price they are judged at, the highest ranked first, and the other side bears
what the bankrupt margin group lacks: profit made in the markets where it lost, then whatever else
it has.
Within each of these every account gives the same share, and none is left in debt. The rest is
recorded as a deficit, so that nothing is made from nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from precompiles.engine.amounts import ceil_divide, floor_divide
from precompiles.engine.position import adl_rank, unrealized_pnl
from precompiles.execution import Execution
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.perp.indexes import margin_group_key
from precompiles.ledger.perp.records import Position
from precompiles.perp.danger import judged_group, judged_price, judged_value, settled_cash
from precompiles.perp.events import Deleveraged
from precompiles.perp.health import HEALTH_GAS, funding_due
from precompiles.perp.insurance import cover, deficit_of, hold_back, idle_beside
from precompiles.perp.positions import reduce
from precompiles.types import Address, PositionStatus

DELEVERAGE_GAS = 30_000
"""For each position that is closed against a bankrupt one."""
SHARE_GAS = 10_000
"""For each position that bears a part of a loss without being closed for it."""
MOST_COUNTERPARTIES = 100
"""Positions closed against one bankrupt group in a call, and positions that bear its loss; what is
left open waits for another call."""
ROUNDING_RESERVE = 2
"""Collateral units a group keeps for each of its positions, since closing rounds against it."""


class Match(NamedTuple):
    """A part of a bankrupt position and who closes it."""

    bankrupt: Position
    counterparty: Position
    amount: int
    notional: int
    """At the judged price, rounded down."""


@dataclass(slots=True)
class Bearers:
    """The other side of a bankrupt margin group's positions, and what each has to give."""

    purses: dict[bytes, int] = field(default_factory=dict)
    """By margin group: equity left to give, less a reserve for rounding."""
    shares: Counter[int] = field(default_factory=Counter)
    """By position: its share of the loss."""

    def bear(self, left: int, wanted: Iterable[tuple[Position, int]]) -> int:
        """Let positions give up to what is wanted of each, the same part; what is still left."""
        purses = dict(self.purses)
        offers: list[tuple[Position, int]] = []
        for position, most in wanted:
            offer = min(most, purses[margin_group_key(position)])
            if offer > 0:
                purses[margin_group_key(position)] -= offer
                offers.append((position, offer))
        offers.sort(key=lambda offer: -offer[1])
        del offers[MOST_COUNTERPARTIES:]
        total = sum(offer for _, offer in offers)
        loss = min(left, total)
        unpaid = loss
        for position, offer in offers:
            share = min(unpaid, ceil_divide(loss * offer, total))
            unpaid -= share
            self.shares[position.id] += share
            self.purses[margin_group_key(position)] -= share
        return left - loss


def deleverage(execution: Execution, group: list[Position]) -> None:
    """Close the positions of a group, whose prices are fresh, as far as its counterparties go."""
    ledger = execution.ledger
    bearers = Bearers()
    others: list[Position] = []
    matches: list[Match] = []
    for position in group:
        ranked = _ranked(execution, bearers, position)
        others += ranked
        matches += _matches(ledger, position, ranked)
    del matches[MOST_COUNTERPARTIES:]
    unborne = _share_loss(ledger, bearers, group, matches, others)
    counterparties = {match.counterparty.id for match in matches}
    for other in others:
        if bearers.shares[other.id] and other.id not in counterparties:
            execution.charge(SHARE_GAS)
            _collect(execution, other, group, bearers.shares[other.id])
    lost = 0
    for match in matches:
        execution.charge(DELEVERAGE_GAS)
        lost += _close(execution, match, group, bearers.shares[match.counterparty.id])
    lost += _write_off(execution, group[0].owner, group[0].asset)
    rounding = ROUNDING_RESERVE * (len(matches) + len(group))
    assert lost <= unborne + rounding, "a deficit is what every counterparty has given all for"


def _ranked(execution: Execution, bearers: Bearers, bankrupt: Position) -> list[Position]:
    """Positions of the other side, by profit and leverage, then by id."""
    ledger = execution.ledger
    market = ledger.perp.markets.rows[bankrupt.asset]
    price = judged_price(ledger, ledger.perp.prices.rows[bankrupt.asset])
    ranks: list[tuple[int, int]] = []
    ids = ledger.perp.open_positions.by_market.of(market.asset)
    execution.charge(HEALTH_GAS * len(ids))
    for position_id in ids:
        position = ledger.perp.positions.rows[position_id]
        if position.is_long == bankrupt.is_long:
            continue
        equity = judged_group(ledger, position, execution.now).equity
        purse = bearers.purses.get(margin_group_key(position), equity)
        bearers.purses[margin_group_key(position)] = purse - ROUNDING_RESERVE
        place = adl_rank(position.size, position.entry_notional, price, market.base_unit, equity)
        ranks.append((-place, position_id))
    return [ledger.perp.positions.rows[position_id] for _, position_id in sorted(ranks)]


def _matches(ledger: Ledger, bankrupt: Position, ranked: list[Position]) -> list[Match]:
    """Match a position with counterparties, in the order of their ranks."""
    market = ledger.perp.markets.rows[bankrupt.asset]
    price = judged_price(ledger, ledger.perp.prices.rows[bankrupt.asset])
    matches: list[Match] = []
    left = abs(bankrupt.size)
    for counterparty in ranked:
        if left == 0:
            break
        amount = min(left, abs(counterparty.size))
        notional = floor_divide(amount * price, market.base_unit)
        matches.append(Match(bankrupt, counterparty, amount, notional))
        left -= amount
    return matches


def _share_loss(
    ledger: Ledger,
    bearers: Bearers,
    group: list[Position],
    matches: list[Match],
    others: list[Position],
) -> int:
    """Divide what a margin group will lack among the other side; what nobody there has."""
    missing = _missing(ledger, group, matches)
    losing = {position.asset for position in group if _profit(ledger, position) < 0}
    losing = losing or {position.asset for position in group}  # then funding has eaten it up
    profits = {o.id: max(0, _profit(ledger, o)) for o in others if o.asset in losing}
    closed: list[tuple[Position, int]] = []
    for _, other, amount, _ in matches:
        part = floor_divide(profits.get(other.id, 0) * amount, abs(other.size))
        closed.append((other, part))
    missing = bearers.bear(missing, closed)
    missing = bearers.bear(
        missing,
        [(o, profits[o.id] - bearers.shares[o.id]) for o in others if o.id in profits],
    )
    left = [(other, bearers.purses[margin_group_key(other)]) for other in others]
    return bearers.bear(missing, left)


def _profit(ledger: Ledger, position: Position) -> int:
    """Return the price gain or loss of a position."""
    market = ledger.perp.markets.rows[position.asset]
    price = judged_price(ledger, ledger.perp.prices.rows[position.asset])
    return unrealized_pnl(position.size, position.entry_notional, price, market.base_unit)


def _missing(ledger: Ledger, group: list[Position], matches: list[Match]) -> int:
    """Return the margin group's shortfall once its matches have closed at their notionals.

    A part of it, rounded up, where they do not close all of it.
    """
    equity = settled_cash(ledger, group)
    closed: Counter[int] = Counter()
    for bankrupt, _, amount, notional in matches:
        equity += notional if bankrupt.is_long else -notional
        closed[bankrupt.id] += amount
    done = total = 0
    for position in group:
        market = ledger.perp.markets.rows[position.asset]
        prices = ledger.perp.prices.rows[position.asset]
        price = judged_price(ledger, prices)
        equity += funding_due(market, prices, position)
        left = abs(position.size) - closed[position.id]
        done += closed[position.id] * price
        total += abs(position.size) * price
        if left:
            rest = replace(position, size=left if position.is_long else -left)
            equity += judged_value(ledger, market, prices, rest)
    return ceil_divide(max(0, -equity) * done, total)


def _close(execution: Execution, match: Match, group: list[Position], share: int) -> int:
    """Carry out a match, at a price by which the counterparty bears its share.

    A short buys at no price below 0; what is more than that is collected. Returns what the
    bankrupt position's end added to the deficit.
    """
    ledger = execution.ledger
    bankrupt, counterparty, amount, notional = match
    market = ledger.perp.markets.rows[bankrupt.asset]
    if bankrupt.is_long:
        notional += share
    else:
        if share > notional:
            _collect(execution, counterparty, group, share - notional)
            counterparty = ledger.perp.positions.rows[counterparty.id]
        notional = max(0, notional - share)
    deficit = deficit_of(ledger, market.asset)
    idle_before = idle_beside(ledger, bankrupt.owner)
    reduce(
        execution,
        market,
        ledger.perp.positions.rows[bankrupt.id],
        amount,
        notional,
        ended_as=PositionStatus.LIQUIDATED,
        is_forced=True,
        keeps_margin=True,
    )
    lost = deficit_of(ledger, market.asset) - deficit
    hold_back(execution, bankrupt.owner, idle_before, market.asset)
    idle_before = idle_beside(ledger, counterparty.owner)
    reduce(execution, market, counterparty, amount, notional, is_forced=True)
    _write_off(execution, counterparty.owner, market.asset)
    hold_back(execution, counterparty.owner, idle_before, market.asset)
    execution.emit(Deleveraged(counterparty.id, bankrupt.id, amount, notional))
    return lost


def _collect(execution: Execution, bearer: Position, group: list[Position], amount: int) -> None:
    """Move collateral from behind a position to a bankrupt margin group."""
    ledger = execution.ledger
    for position, change in ((bearer, -amount), (group[0], amount)):
        if position.has_own_cash:
            now = ledger.perp.positions.rows[position.id]
            ledger.perp.positions.put(now.id, replace(now, cash=now.cash + change))
        else:
            ledger.perp.change_cash(position.owner, change)
    execution.emit(Deleveraged(bearer.id, group[0].id, 0, amount))


def _write_off(execution: Execution, user: Address, market: Address) -> int:
    """Cover the debt of an account that has nothing left to make up for it; the added deficit."""
    ledger, perp = execution.ledger, execution.ledger.perp
    debt, deficit = -perp.cash(user), deficit_of(ledger, market)
    if debt > 0 and perp.is_idle(user):
        cover(execution, debt, market)
        perp.change_cash(user, debt)
    return deficit_of(ledger, market) - deficit
