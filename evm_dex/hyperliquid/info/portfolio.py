"""An account's worth over time: its present worth, less what it earned and was sent since.

Worth is the equity on all perpetuals dexs, and the tokens of the spot wallet at the prices of their
pairs with USDC; tokens without such a pair count nothing, nor do stakes and shares of vaults.
Trades and funding are known to the minute. Transfers are those that users signed
(`userNonFundingLedgerUpdates`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from evm_dex.hyperliquid.info.info_type import Info, User, info_type
from evm_dex.hyperliquid.ledger_updates import LedgerUpdate
from evm_dex.hyperliquid.listings import Listing, usd
from evm_dex.hyperliquid.tape_records import Json
from precompiles.engine.amounts import floor_divide
from precompiles.hyper.dexs import dex_account
from precompiles.hyper.signed.decimals import parse_decimal
from precompiles.hyper.system_addresses import USDC, token_address
from precompiles.hyper.units import COLLATERAL_DECIMALS, SPOT_WEI_PER_USD, power_of_ten
from precompiles.perp.accrual import prices_at
from precompiles.perp.health import cross_health, position_health
from precompiles.types import Address

_SPOT = "spot"


_DAY = 24 * 3_600
_PERIODS = {"day": _DAY, "week": 7 * _DAY, "month": 30 * _DAY, "allTime": 0}
"""Seconds; 0 is from the beginning."""
_POINTS = 40
"""Most of a period, beside its end."""


@info_type("portfolio", User)
def portfolio(info: Info, request: User) -> list[list[Any]]:
    """Return what an account was worth, earned and traded in each period."""
    account = Portfolio(info, request.address)
    worths: dict[int, Worth] = {}
    periods = []
    for name, seconds in _PERIODS.items():
        times = _times(account.begins(), info.now, seconds)
        for time in times:
            if time not in worths:
                worths[time] = account.at(time)
        periods.append((name, [worths[time] for time in times]))
    both: list[list[Any]] = [[name, _both_wallets(points)] for name, points in periods]
    perp = [[f"perp{name[0].upper()}{name[1:]}", _perp_alone(points)] for name, points in periods]
    return both + perp


def _times(begins: int | None, now: int, period: int) -> list[int]:
    """Return the times of a period's points, in seconds, from just before what happened first."""
    if begins is None:
        return [now]
    first = max(begins - 1, now - period if period else 0)
    step = max(1, -(-(now - first) // _POINTS))
    return [*range(first, now, step), now]


def _both_wallets(points: list[Worth]) -> Json:
    return _history(
        [(it.time, it.perp + it.spot, it.perp + it.spot - it.sent) for it in points],
        points[-1].perp_volume + points[-1].spot_volume,
        points[0].perp_volume + points[0].spot_volume,
    )


def _perp_alone(points: list[Worth]) -> Json:
    return _history(
        [(it.time, it.perp, it.perp_earned) for it in points],
        points[-1].perp_volume,
        points[0].perp_volume,
    )


def _history(points: list[tuple[int, int, int]], traded: int, traded_before: int) -> Json:
    """Write points of (time, worth, earned since the chain began)."""
    earned_before = points[0][2]
    return {
        "accountValueHistory": [[time * 1_000, usd(worth)] for time, worth, _ in points],
        "pnlHistory": [[time * 1_000, usd(earned - earned_before)] for time, _, earned in points],
        "vlm": usd(traded - traded_before),
    }


class Worth(NamedTuple):
    """An account's worth at a time, in USDC with six decimals."""

    time: int
    """Seconds."""
    perp: int
    spot: int
    perp_earned: int
    """By trades, funding and prices since the chain began."""
    perp_volume: int
    spot_volume: int
    sent: int
    """Received less sent since the chain began, over both wallets."""


class Portfolio:
    """One account, over time."""

    def __init__(self, info: Info, user: Address) -> None:
        self._info = info
        self._user = user
        decimals = {token.name: token.wei_decimals for token in info.ledger.core.tokens}
        self._moves = [
            (update.time // 1_000, *move)
            for update in info.tape.ledger_updates.get(user, ())
            for move in moves_of(update, user, decimals)
        ]
        self._earned_by_now = self._perp_earned(info.now)
        self._perp_now = self._perp_equity()

    def begins(self) -> int | None:
        """Return when it first traded or was sent something; None for never."""
        times = [time for time, *_ in self._moves]
        traded = self._info.tape.earnings.begins(self._user)
        return min(times + ([] if traded is None else [traded]), default=None)

    def at(self, time: int) -> Worth:
        """Return its worth at a time, in seconds."""
        earned = self._perp_earned(time)
        since = sum(amount for _, token, amount in self._after(time) if token == "")
        perp = self._perp_now - (self._earned_by_now - earned) - since
        volumes = [0, 0]
        for coin in self._info.tape.earnings.coins(self._user):
            is_spot = self._info.listings.by_coin[coin].is_spot
            point = self._info.tape.earnings.at(self._user, coin, time)
            volumes[is_spot] += point.volume // (SPOT_WEI_PER_USD if is_spot else 1)
        return Worth(
            time, perp, self._spot_worth(time), earned, volumes[0], volumes[1], self._sent(time)
        )

    def _after(self, time: int) -> Iterator[tuple[int, str, int]]:
        return (move for move in self._moves if move[0] > time)

    def _sent(self, time: int) -> int:
        """Return what came in and went out by a time, tokens at the price of then."""
        return sum(
            amount if token == "" else self._in_usd(token, amount, moved)
            for moved, token, amount in self._moves
            if moved <= time
        )

    def _perp_equity(self) -> int:
        ledger, now = self._info.ledger, self._info.now
        total = 0
        dexs = (0, *(it.index for it in ledger.core.dexs))
        accounts = {dex: dex_account(ledger, dex, self._user) for dex in dexs}
        total += sum(cross_health(ledger, it, now).equity for it in set(accounts.values()))
        for dex, account in accounts.items():
            for listing in self._info.listings.perps(dex):
                position = ledger.perp.netting_position(account, listing.address)
                if position is not None and position.has_own_cash:
                    total += position_health(ledger, position, now).equity
        return total

    def _perp_earned(self, time: int) -> int:
        total = 0
        for coin in self._info.tape.earnings.coins(self._user):
            listing = self._info.listings.by_coin[coin]
            if not listing.is_spot:
                point = self._info.tape.earnings.at(self._user, coin, time)
                value = point.size * self._mark(listing, time)
                total += point.cash - point.entry
                total += floor_divide(value, power_of_ten(listing.amount_places))
        return total

    def _mark(self, listing: Listing, time: int) -> int:
        info = self._info
        known = info.tape.marks.at(listing.coin, time) if time < info.now else 0
        if known:
            return known
        market = info.ledger.perp.markets.rows[listing.address]
        return prices_at(info.ledger, market, info.now).mark

    def _spot_worth(self, time: int) -> int:
        core = self._info.ledger.core
        assert core.settings is not None, "HyperCore has begun"
        held = {
            token.name: self._info.ledger.spot.balance(
                self._user, token_address(core.settings, token.index)
            ).total
            for token in core.tokens
        }
        for pair in self._info.listings.pairs:
            now, then = (
                self._info.tape.earnings.at(self._user, pair.coin, at)
                for at in (self._info.now, time)
            )
            held[pair.base] -= now.size - then.size
            held[pair.fee_token] -= now.cash - then.cash
        for _, token, amount in self._after(time):
            if token:
                held[token] -= amount
        return sum(self._in_usd(token, amount, time) for token, amount in held.items())

    def _in_usd(self, token: str, amount: int, time: int) -> int:
        """Return what wei of a token were worth at a time."""
        core, listings = self._info.ledger.core, self._info.listings
        usdc = core.token(USDC)
        assert usdc is not None, "USDC is listed"
        if token == usdc.name:
            return floor_divide(amount, SPOT_WEI_PER_USD)
        for pair in listings.pairs:
            if pair.base == token and pair.fee_token == usdc.name:
                index = next(it.index for it in core.pairs if it.name == pair.coin)
                price = self._info.tape.candles.at(pair.coin, time) or core.last_price(index)
                wei = floor_divide(amount * price, power_of_ten(pair.amount_places))
                return floor_divide(wei, SPOT_WEI_PER_USD)
        return 0


def moves_of(
    update: LedgerUpdate, user: Address, decimals: Mapping[str, int]
) -> Iterator[tuple[str, int]]:
    """Yield what a transfer changed for an account: (token, wei), "" being collateral.

    `decimals` are those of the tokens' wei.
    """
    delta, me = update.delta, f"0x{user.hex()}"
    token = str(delta.get("token", ""))
    wei = parse_decimal(delta["amount"], decimals[token]) or 0 if token in decimals else 0
    sign = 1 if delta.get("destination") == me else -1
    usd = parse_decimal(str(delta.get("usdc", "0")), COLLATERAL_DECIMALS) or 0
    match delta["type"]:
        case "accountClassTransfer":
            into_perp = 1 if delta["toPerp"] else -1
            yield "", into_perp * usd
            yield "USDC", -into_perp * usd * SPOT_WEI_PER_USD
        case "internalTransfer" | "subAccountTransfer":
            yield "", sign * usd
        case "withdraw" | "vaultDeposit":
            yield "", -usd
        case "vaultWithdraw":
            yield "", usd
        case "spotTransfer":
            yield token, sign * wei
        case "cStakingTransfer":
            yield token, -wei if delta["isDeposit"] else wei
        case "send":
            sides = (("sourceDex", delta["user"], -1), ("destinationDex", delta["destination"], 1))
            for side, whose, direction in sides:
                if whose == me and delta[side] == _SPOT:
                    yield token, direction * wei
                elif whose == me:
                    amount = parse_decimal(delta["amount"], COLLATERAL_DECIMALS) or 0
                    yield "", direction * amount
