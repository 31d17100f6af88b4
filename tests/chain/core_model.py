"""A plain model of HyperCore's money: what everybody has of every token, in fractions.

It reads blocks: actions with their receipts, and the trades that matching made of them. Fees,
funding, transfers, bridges, shares of vaults and stakes it reckons by itself, from the rules of
Hyperliquid's documentation, and so knows each account's balances, holds, collateral and positions.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from math import ceil, floor
from typing import Any, NamedTuple

import msgspec

from evm_dex.blocks.transaction import decode
from evm_dex.client.dex import Dex
from precompiles.abi.event import Event
from precompiles.hyper.dexs import account_address
from precompiles.hyper.encoding import (
    SPOT_DEX,
    SendAsset,
    SetAbstraction,
    SpotSend,
    StakingDeposit,
    StakingWithdraw,
    TokenDelegate,
    UsdClassTransfer,
    VaultTransfer,
)
from precompiles.hyper.receipts import DEPOSIT, ActionReceipt, Outcome
from precompiles.hyper.signed import wire
from precompiles.hyper.signed.account_actions import sub_account_address
from precompiles.hyper.step_precompile import signed_step
from precompiles.hyper.system_addresses import (
    CORE_ADDRESS,
    EMISSIONS,
    FEES,
    HYPE_SYSTEM,
    STAKING,
    SYSTEM_SENDER,
)
from precompiles.ledger.hyper.tables import index_key
from precompiles.orders.events import OrderClosed, Trade
from precompiles.perp import events as perp_events
from precompiles.perp.book_liquidation import Stage
from precompiles.perp.insurance import DexInsuranceChanged
from precompiles.spot import events as spot_events
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS, Address, OrderKind

USDC, PURR, HYPE, USDT = 0, 1, 150, 268
WEI = {USDC: 8, PURR: 5, HYPE: 8, USDT: 8}
EXTRA = {USDC: -2, PURR: 13, HYPE: 10, USDT: -2}
"""Decimals that a token has more of on the EVM."""
COLLATERAL = {0: USDC, 1: USDT}
"""By dex."""
QUOTES = (USDC, USDT)
DAY, WEEK = 86_400, 7 * 86_400
UNIT = Fraction(1, 10**6)
TIERS = (
    (0, 45, 15, 70, 40), (5, 40, 12, 60, 30), (25, 35, 8, 50, 20), (100, 30, 4, 40, 10),
    (500, 28, 0, 35, 0), (2_000, 26, 0, 30, 0), (7_000, 24, 0, 25, 0),
)  # fmt: skip
"""Volume in millions; taker and maker on perpetuals, then on spot pairs, in 1e-5."""
DISCOUNTS = ((10, 5), (100, 10), (1_000, 15), (10_000, 20), (100_000, 30), (500_000, 40))
"""HYPE that is staked, and percent off."""
STAKING_RATE = Fraction(237, 10_000)
VAULT = Address(bytes.fromhex("dfc24b077bc1425AD1DEA75bCB6f8158E10Df303"))
_OF_PERPS: tuple[type[Event], ...] = (*perp_events.EVENTS, DexInsuranceChanged)
_EVENTS: dict[tuple[Address, bytes], type[Event]] = {
    (address, event.topic): event
    for address, events in ((SPOT_ADDRESS, spot_events.EVENTS), (PERP_ADDRESS, _OF_PERPS))
    for event in events
}


def down(value: Fraction, places: int) -> Fraction:
    return Fraction(floor(value * 10**places), 10**places)


def up(value: Fraction, places: int) -> Fraction:
    return Fraction(ceil(value * 10**places), 10**places)


class Pair(NamedTuple):
    base: int
    quote: int


class Perp(NamedTuple):
    dex: int
    size_decimals: int


class Resting(NamedTuple):
    """An order of the spot exchange."""

    user: Address
    market: Address
    is_buy: bool
    price: Fraction
    remaining: Fraction


class Sent(NamedTuple):
    """What a transaction brings: an action, or tokens of the EVM."""

    user: Address
    action: Any = None
    token: int = 0
    amount: int = 0
    """In the EVM's smallest units."""


class CoreModel:
    """Begun from a chain's ledger, then fed with its blocks."""

    def __init__(self, dex: Dex, pairs: dict[Address, Pair], perps: dict[Address, Perp]) -> None:
        ledger = dex.chain.ledger
        self.pairs, self.perps = pairs, perps
        self.tokens = {_system(token): token for token in WEI}
        self.spot: defaultdict[tuple[Address, int], Fraction] = defaultdict(Fraction)
        self.cash: defaultdict[Address, Fraction] = defaultdict(Fraction)
        """By account of the perpetuals exchange."""
        self.size: defaultdict[tuple[Address, Address], Fraction] = defaultdict(Fraction)
        self.index: defaultdict[Address, int] = defaultdict(int)
        """Of funding, by market; as the events say."""
        self.indexed: dict[tuple[Address, Address], int] = {}
        """The index up to which a position has its funding."""
        self.funded: dict[tuple[Address, Address], Fraction] = {}
        self.pool: defaultdict[Address, Fraction] = defaultdict(Fraction)
        """Funding that was paid and not received yet, by market."""
        self.market_of: dict[int, Address] = {}
        """By position."""
        self.orders: dict[int, Resting] = {}
        self.kinds: dict[int, int] = {}
        self.volume: defaultdict[tuple[Address, int], Fraction] = defaultdict(Fraction)
        self.has_rebates = ledger.core.pays_rebates
        self.made: defaultdict[tuple[Address, int], Fraction] = defaultdict(Fraction)
        """Makers' volume, by day."""
        self.shares: defaultdict[Address, int] = defaultdict(int)
        self.undelegated: defaultdict[Address, Fraction] = defaultdict(Fraction)
        self.delegated: defaultdict[tuple[Address, Address], Fraction] = defaultdict(Fraction)
        self.leaving: list[tuple[int, Address, Fraction]] = []
        self.rewarded = ledger.core.rewarded_day
        self.subs: defaultdict[Address, list[Address]] = defaultdict(list)
        self.known: set[Address] = set()
        self.unified: set[Address] = set()
        self.evm: defaultdict[tuple[Address, int], Fraction] = defaultdict(Fraction)
        self.outgoing: list[tuple[Address, int, Fraction]] = []
        self.lost: defaultdict[int, Fraction] = defaultdict(Fraction)
        """What decimals cut off, by token."""
        self.seen: Counter[str] = Counter()
        """Outcomes, by the selector of the reason; empty for what was done."""
        self.sent: dict[bytes, Sent] = {}
        self.height = dex.chain.head.block_number
        self.adopted = 0
        """Below 0 in a block after which collateral is taken over from the ledger, since accounts
        were deleveraged: their sum is held all the same."""
        for key, row in ledger.spot.balances.rows.items():
            self.spot[Address(key[20:]), self.tokens[Address(key[:20])]] = Fraction(
                row.total, 10 ** WEI[self.tokens[Address(key[:20])]]
            )
        for user, account in ledger.perp.accounts.rows.items():
            self.cash[Address(user)] = account.cash * UNIT
        for key, share in ledger.core.vault_shares.rows.items():
            self.shares[Address(key[20:])] = share.shares
        self.supply = {token: self.on_core(token) for token in WEI}

    # What is asked of it

    def on_core(self, token: int) -> Fraction:
        """All there is of a token, as balances and as collateral."""
        spot = sum((it for (_, held), it in self.spot.items() if held == token), Fraction())
        return spot + self.collateral(token)

    def collateral(self, token: int) -> Fraction:
        """What accounts of perpetuals have of a token, and funding on its way between them."""
        dexs = [dex for dex, settled in COLLATERAL.items() if settled == token]
        users = {user for user, _ in self.spot} | self.known | {VAULT, FEES}
        accounts = {account_address(dex, user) for dex in dexs for user in users}
        pools = [it for asset, it in self.pool.items() if self.perps[asset].dex in dexs]
        return sum((self.cash[it] for it in accounts), sum(pools, Fraction()))

    def account(self, dex: int, user: Address) -> Address:
        """Where a user's collateral is."""
        return account_address(dex, user)

    def hold(self, user: Address, token: int) -> Fraction:
        total = Fraction()
        for order in self.orders.values():
            pair = self.pairs[order.market]
            if order.user == user and (pair.quote if order.is_buy else pair.base) == token:
                held = order.remaining * order.price if order.is_buy else order.remaining
                total += up(held, WEI[token])
        return total

    # Blocks

    def read(self, dex: Dex) -> None:
        """Take in the blocks since the last that was read."""
        chain = dex.chain
        while self.height < chain.head.block_number:
            self.height += 1
            header = chain.header(self.height)
            body, receipts = (
                chain.blocks.body(header.hash),
                chain.blocks.receipts(header.hash),
            )
            for user, token, amount in self.outgoing:
                self.evm[user, token] += amount
            self.outgoing.clear()
            for stored, receipt in zip(body.transactions, receipts, strict=True):
                calldata = b""
                if stored.sender == SYSTEM_SENDER:
                    calldata = decode(stored.raw, stored.sender).data
                self._step(calldata, receipt.logs, header.timestamp)

    def _pay_stakes(self, now: int) -> None:
        """Pay who has waited for a week, then the rewards of days that have ended."""
        for row in [row for row in self.leaving if row[0] <= now]:
            self.leaving.remove(row)
            self._move(STAKING, row[1], HYPE, row[2])
        days = now // DAY - self.rewarded
        if days > 0 and any(self.delegated.values()):
            self.rewarded = now // DAY
            rate = STAKING_RATE * days / 365
            rewards = {key: down(it * rate, 8) for key, it in self.delegated.items()}
            if sum(rewards.values()) <= self.spot[EMISSIONS, HYPE]:
                self._move(EMISSIONS, STAKING, HYPE, sum(rewards.values(), Fraction()))
                for key, reward in rewards.items():
                    self.delegated[key] += reward

    def _step(self, calldata: bytes, logs: Any, now: int) -> None:
        signed = signed_step(calldata) if calldata else None
        fee = Fraction(0)
        if calldata:
            base_fee = msgspec.msgpack.decode(calldata)[1]
            fee = up(Fraction(200_000 * base_fee, 10**18), 8)
        begins = bool(calldata) and msgspec.msgpack.decode(calldata)[0] == "BeginBlock"
        waited = [at for at, log in enumerate(logs) if log.address == CORE_ADDRESS and begins]
        if begins and not waited:
            self._pay_stakes(now)
        for at, log in enumerate(logs):
            if waited and at == waited[-1] + 1:
                self._pay_stakes(now)
            if log.address == CORE_ADDRESS:
                receipt = ActionReceipt.decode(log.topics, log.data)
                assert receipt is not None
                self._receipt(receipt, signed, now, fee)
                continue
            kind = _EVENTS.get((log.address, log.topics[0])) if log.topics else None
            if kind is not None:
                self._event(log.address, kind.decode(log.topics, log.data), now)
        if waited and waited[-1] == len(logs) - 1:
            self._pay_stakes(now)

    # Trades

    def _event(self, address: Address, event: Event, now: int) -> None:
        is_spot = address == SPOT_ADDRESS
        match event:
            case spot_events.OrderPlaced() if is_spot:
                self._placed(event)
            case perp_events.OrderPlaced():
                self.kinds[event.order_id] = event.kind
            case Trade() if is_spot:
                self._spot_trade(event, now)
            case Trade():
                self._perp_trade(event, now)
            case OrderClosed():
                self.orders.pop(event.order_id, None)
            case perp_events.FundingSettled():
                self.index[event.market] = event.index
            case perp_events.PositionChanged():
                key = event.user, event.market
                self.market_of[event.position_id] = event.market
                if key not in self.funded and self.size[key]:
                    self._fund(*key)
                assert event.funding == self.funded.pop(key, Fraction()) / UNIT
            case perp_events.Liquidated(stage=Stage.BACKSTOP):
                market = self.market_of[event.position_id]
                self.size[VAULT, market] += self.size.pop((event.user, market))
                self.indexed[VAULT, market] = self.index[market]
                self.cash[VAULT] += self.cash.pop(event.user, Fraction())
            case perp_events.Deleveraged() | perp_events.InsuranceChanged() | DexInsuranceChanged():
                self.adopted = -1
            case _:
                pass

    def _placed(self, event: Any) -> None:
        pair = self.pairs[event.market]
        self.orders[event.order_id] = Resting(
            event.user,
            event.market,
            event.is_buy,
            Fraction(event.price, 10 ** WEI[pair.quote]),
            Fraction(event.amount, 10 ** WEI[pair.base]),
        )

    def _spot_trade(self, trade: Trade, now: int) -> None:
        pair = self.pairs[trade.market]
        amount = Fraction(trade.amount, 10 ** WEI[pair.base])
        price = Fraction(trade.price, 10 ** WEI[pair.quote])
        quote = down(amount * price, WEI[pair.quote])
        buyer, seller = trade.maker, trade.taker
        if trade.taker_is_buy:
            buyer, seller = seller, buyer
        fees = {
            user: down(quote * self._rate(user, now, 2 + (user == trade.maker)), WEI[pair.quote])
            for user in (buyer, seller)
        }
        in_base = down(fees[buyer] / price, WEI[pair.base])
        self._move(seller, buyer, pair.base, amount)
        self._move(buyer, FEES, pair.base, in_base)
        self._move(buyer, seller, pair.quote, quote)
        self._move(seller, FEES, pair.quote, fees[seller])
        rebate = down(quote * self._rebate(trade.maker, now), WEI[pair.quote])
        paid_in = pair.quote if trade.taker_is_buy else pair.base
        if paid_in == pair.base:
            rebate = down(rebate / price, WEI[pair.base])
        self._move(FEES, trade.maker, paid_in, min(rebate, self.spot[FEES, paid_in]))
        self.made[trade.maker, now // DAY] += 2 * down(quote, 6)
        for user in (buyer, seller):
            self.volume[user, now // DAY] += 2 * down(quote, 6)
        for order_id, left in (
            (trade.maker_order_id, trade.maker_remaining),
            (trade.taker_order_id, trade.taker_remaining),
        ):
            order = self.orders[order_id]
            order = order._replace(remaining=order.remaining - amount)
            assert order.remaining == Fraction(left, 10 ** WEI[pair.base])
            self.orders[order_id] = order
            if not left:
                del self.orders[order_id]

    def _perp_trade(self, trade: Trade, now: int) -> None:
        perp = self.perps[trade.market]
        size = Fraction(trade.amount, 10**perp.size_decimals)
        notional = down(size * trade.price * UNIT, 6)
        for user, is_buy, asked, place in (
            (trade.maker, not trade.taker_is_buy, trade.maker_fee, 1),
            (trade.taker, trade.taker_is_buy, trade.taker_fee, 0),
        ):
            key = user, trade.market
            self._fund(*key)
            before = self.size[key]
            self.size[key] += size if is_buy else -size
            self.indexed[key] = self.index[trade.market]
            owner = self._owner(user)
            fee = down(notional * self._rate(owner, now, place), 6)
            if not place and self.kinds.get(trade.taker_order_id) == OrderKind.LIQUIDATION:
                fee = Fraction()
            if asked * UNIT < fee:  # no more than the account is worth, if it only reduces
                assert before * (1 if is_buy else -1) < 0
                fee = asked * UNIT
            assert asked * UNIT == fee
            self.cash[user] += (-notional if is_buy else notional) - fee
            self.cash[self.account(perp.dex, FEES)] += fee
            self.volume[owner, now // DAY] += notional
        made, fees = self._owner(trade.maker), self.account(perp.dex, FEES)
        rebate = min(down(notional * self._rebate(made, now), 6), self.cash[fees])
        self.cash[fees] -= rebate
        self.cash[trade.maker] += rebate
        self.made[made, now // DAY] += notional

    def _fund(self, user: Address, market: Address) -> None:
        key = user, market
        change = self.index[market] - self.indexed.get(key, self.index[market])
        due = down(-self.size[key] * change / 10**18 * UNIT, 6)
        if due:
            self.cash[user] += due
            self.pool[market] -= due
            self.funded[key] = due
        self.indexed[key] = self.index[market]

    def _rate(self, user: Address, now: int, place: int) -> Fraction:
        """0 perpetuals' taker, 1 its maker, 2 and 3 the same on spot pairs."""
        if place % 2 and self._rebate(user, now):
            return Fraction()
        today = now // DAY
        volume = sum(self.volume[user, day] for day in range(today - 14, today))
        tier = max(it for it in TIERS if it[0] * 10**6 <= volume)
        staked = sum(it for (delegator, _), it in self.delegated.items() if delegator == user)
        percent = max((off for least, off in DISCOUNTS if staked > least), default=0)
        return Fraction(tier[1 + place], 10**5) * Fraction(100 - percent, 100)

    def _rebate(self, user: Address, now: int) -> Fraction:
        """A maker's rate, by its share of all that makers traded."""
        if not self.has_rebates:
            return Fraction()
        days = range(now // DAY - 14, now // DAY)
        own = sum(self.made[user, day] for day in days)
        total = sum(it for (_, day), it in self.made.items() if day in days)
        shares = ((Fraction(5, 1_000), 1), (Fraction(15, 1_000), 2), (Fraction(30, 1_000), 3))
        return max((Fraction(it, 10**5) for least, it in shares if own > least * total),
                   default=Fraction())  # fmt: skip

    def _owner(self, account: Address) -> Address:
        return next((it for it in self.known if self.account(1, it) == account), account)

    # Actions

    def _receipt(self, receipt: ActionReceipt, signed: Any, now: int, fee: Fraction) -> None:
        if signed is not None:
            sent = Sent(receipt.user, signed.envelope.action)
        else:
            sent = self.sent[receipt.source]
        self.seen[receipt.reason[:4].hex()] += 1
        if receipt.action == DEPOSIT:
            self._deposit(sent, receipt.outcome)
        elif receipt.outcome in (Outcome.DONE, Outcome.PARTLY_DONE):
            self._act(sent.user, sent.action, now, fee)

    def _deposit(self, sent: Sent, outcome: Outcome) -> None:
        evm = Fraction(sent.amount, 10 ** (WEI[sent.token] + EXTRA[sent.token]))
        came = down(evm, WEI[sent.token]) if outcome is Outcome.DONE else Fraction()
        self.evm[sent.user, sent.token] -= evm
        self.lost[sent.token] += evm - came
        self._move(_system(sent.token), sent.user, sent.token, came)

    def _act(self, user: Address, action: Any, now: int, fee: Fraction) -> None:
        match action:
            case SpotSend():
                wei = Fraction(action.wei, 10 ** WEI[action.token])
                self._send(user, action.destination, action.token, wei, fee)
            case UsdClassTransfer():
                usd = action.ntl * UNIT
                self._class(user, 0, user, usd if action.to_perp else -usd)
            case SendAsset():
                self._send_asset(user, action, fee)
            case VaultTransfer():
                self._vault(user, action)
            case StakingDeposit():
                self._move(user, STAKING, HYPE, Fraction(action.wei, 10**8))
                self.undelegated[user] += Fraction(action.wei, 10**8)
            case StakingWithdraw():
                self.undelegated[user] -= Fraction(action.wei, 10**8)
                self.leaving.append((now + WEEK, user, Fraction(action.wei, 10**8)))
            case TokenDelegate():
                moved = Fraction(-action.wei if action.is_undelegate else action.wei, 10**8)
                self.undelegated[user] -= moved
                self.delegated[user, action.validator] += moved
            case SetAbstraction():
                self._unify(action.user)
            case wire.CreateSubAccountAction():
                own = self.subs[user]
                own.append(sub_account_address(user, len(own)))
                self.known.add(own[-1])
            case wire.SubAccountTransferAction():
                pair = user, Address(bytes.fromhex(action.sub_account_user[2:]))
                payer, paid = pair if action.is_deposit else pair[::-1]
                self.cash[payer] -= action.usd * UNIT
                self.cash[paid] += action.usd * UNIT
            case wire.SubAccountSpotTransferAction():
                pair = user, Address(bytes.fromhex(action.sub_account_user[2:]))
                payer, paid = pair if action.is_deposit else pair[::-1]
                token = {"USDC": USDC, "PURR": PURR, "HYPE": HYPE, "USDT0": USDT}[action.token]
                self._move(payer, paid, token, Fraction(action.amount))
            case _:
                pass

    def _unify(self, user: Address) -> None:
        self.unified.add(user)

    def _send(self, user: Address, to: Address, token: int, wei: Fraction, fee: Fraction) -> None:
        if to == _system(token):
            evm = down(wei, WEI[token] + min(0, EXTRA[token]))
            self._move(user, to, token, wei)
            self.lost[token] += wei - evm
            self.outgoing.append((user, token, evm))
            self._move(user, FEES, HYPE, fee)
            return
        self._pay_for(user, to, token)
        self._move(user, to, token, wei)

    def _pay_for(self, user: Address, to: Address, token: int) -> None:
        """One of the quote that is sent, or of USDC, for an account that was not there."""
        if to not in self.known:
            self.known.add(to)
            self._move(user, FEES, token if token in QUOTES else USDC, Fraction(1))

    def _send_asset(self, user: Address, action: SendAsset, fee: Fraction) -> None:
        token, to = action.token, action.destination
        wei = Fraction(action.wei, 10 ** WEI[token])
        source, destination = action.source_dex, action.destination_dex
        if user in self.unified:
            source = SPOT_DEX
        if to == _system(token):
            if source != SPOT_DEX:
                self._class(user, source, user, -down(wei, 6))
            self._send(user, to, token, wei, fee)
        elif source == destination == SPOT_DEX:
            self._send(user, to, token, wei, fee)
        else:
            self._pay_for(user, to, token)
            usd = down(wei, 6)
            if source == SPOT_DEX:
                self._class(user, destination, to, usd)
            elif destination == SPOT_DEX:
                self._class(user, source, to, -usd)
            else:
                self.cash[self.account(source, user)] -= usd
                self.cash[self.account(destination, to)] += usd

    def _class(self, user: Address, dex: int, to: Address, usd: Fraction) -> None:
        """Into a dex where it is above zero, from a user's wallet; else out of the user's there."""
        token = COLLATERAL[dex]
        if usd > 0:
            self.spot[user, token] -= usd
            self.cash[self.account(dex, to)] += usd
        else:
            self.cash[self.account(dex, user)] += usd
            self.spot[to, token] -= usd

    def _vault(self, user: Address, action: VaultTransfer) -> None:
        usd, total = action.usd * UNIT, sum(self.shares.values())
        worth = self.cash[VAULT]
        if any(size for (holder, _), size in self.size.items() if holder == VAULT):
            self.adopted = -1  # what its positions are worth is the exchange's to know
            return
        if action.is_deposit:
            self.shares[user] += floor(usd * total / worth) if total and worth else action.usd
            self.cash[user] -= usd
            self.cash[VAULT] += usd
            return
        available = down(self.shares[user] * worth / total, 6)
        usd = usd or available
        sold = self.shares[user] if usd == available else ceil(usd * total / worth)
        self.shares[user] -= sold
        self.cash[VAULT] -= usd
        self.cash[user] += usd

    def _move(self, payer: Address, paid: Address, token: int, amount: Fraction) -> None:
        self.spot[payer, token] -= amount
        self.spot[paid, token] += amount

    # What must hold

    def check(self, dex: Dex) -> None:
        """Compare every row of the ledger, then each token's sum over both sides."""
        ledger = dex.chain.ledger
        if self.adopted < 0:
            self._adopt(dex)
        self._check_spot(dex)
        cash = {user: it for user, it in self.cash.items() if it and not self._is_pooled(user)}
        rows = ledger.perp.accounts.rows.items()
        assert cash == {
            user: row.cash * UNIT for user, row in rows if not self._is_pooled(Address(user))
        }
        sizes = {key: it for key, it in self.size.items() if it}
        assert sizes == {
            (row.owner, row.asset): Fraction(row.size, 10 ** self.perps[row.asset].size_decimals)
            for row in ledger.perp.positions.rows.values()
            if row.is_open
        }
        pools = {asset: it.funding_pool * UNIT for asset, it in ledger.perp.prices.rows.items()}
        assert {k: v for k, v in self.pool.items() if v} == {k: v for k, v in pools.items() if v}
        assert {k: v for k, v in self.shares.items() if v} == {
            Address(key[20:]): row.shares for key, row in ledger.core.vault_shares.rows.items()
        }
        assert {k: v for k, v in self.delegated.items() if v} == {
            (Address(key[:20]), Address(key[20:])): Fraction(row.amount, 10**8)
            for key, row in ledger.core.delegations.rows.items()
        }
        assert {k: v for k, v in self.undelegated.items() if v} == {
            Address(key): Fraction(row.undelegated, 10**8)
            for key, row in ledger.core.stakes.rows.items()
        }
        staked = sum(self.undelegated.values()) + sum(self.delegated.values())
        staked += sum(amount for _, _, amount in self.leaving)
        assert self.spot[STAKING, HYPE] == staked
        for token, supply in self.supply.items():
            assert self.on_core(token) + self._insured(dex, token) == supply
            if token in QUOTES:
                at = next(it for it, settled in COLLATERAL.items() if settled == token)
                pooled = [self.account(at, user) for user in self.unified]
                held = self.collateral(token) + self._insured(dex, token)
                held += sum(ledger.perp.cash(it) * UNIT - self.cash[it] for it in pooled)
                assert ledger.held(token) * UNIT == held

    def _check_spot(self, dex: Dex) -> None:
        ledger = dex.chain.ledger
        found = {
            (Address(key[20:]), self.tokens[Address(key[:20])]): row
            for key, row in ledger.spot.balances.rows.items()
        }
        for key in {*found, *self.spot}:
            user, token = key
            row, total = found.get(key), self.spot[key]
            rest = Fraction(row.total if row else 0, 10 ** WEI[token])
            hold = Fraction(row.hold if row else 0, 10 ** WEI[token])
            if user in self.unified and token in QUOTES:
                at = next(it for it, settled in COLLATERAL.items() if settled == token)
                account = self.account(at, user)
                pooled = ledger.perp.cash(account) * UNIT
                assert rest + pooled == total + self.cash[account]
                assert rest - hold < UNIT, "what is free is collateral"
            else:
                assert rest == total
                assert total >= 0
            assert hold == self.hold(user, token)

    def _is_pooled(self, account: Address) -> bool:
        return any(
            account == self.account(dex, user) for user in self.unified for dex in COLLATERAL
        )

    def _insured(self, dex: Dex, token: int) -> Fraction:
        ledger = dex.chain.ledger
        fund: Any = ledger.perp.fund
        if token != USDC:
            number = next((it for it, settled in COLLATERAL.items() if settled == token), 0)
            fund = ledger.core.dex_funds.get(index_key(number)) if number else None
        return (fund.insurance - fund.deficit) * UNIT if fund else Fraction()

    def _adopt(self, dex: Dex) -> None:
        """Take over collateral and positions after a block in which accounts were deleveraged."""
        ledger = dex.chain.ledger
        self.cash.clear()
        self.shares.clear()
        for key, share in ledger.core.vault_shares.rows.items():
            self.shares[Address(key[20:])] = share.shares
        for account, collateral in ledger.perp.accounts.rows.items():
            self.cash[Address(account)] = collateral.cash * UNIT
        for user in self.unified:
            for token in QUOTES:
                row = ledger.spot.balance(user, _system(token))
                self.spot[user, token] = Fraction(row.total, 10 ** WEI[token])
        self.size.clear()
        for held in ledger.perp.positions.rows.values():
            if held.is_open:
                places = self.perps[held.asset].size_decimals
                self.size[held.owner, held.asset] = Fraction(held.size, 10**places)
                self.indexed[held.owner, held.asset] = held.funding_index
        for asset, prices in ledger.perp.prices.rows.items():
            self.pool[Address(asset)] = prices.funding_pool * UNIT
        self.adopted = 1


def _system(token: int) -> Address:
    return HYPE_SYSTEM if token == HYPE else Address(b"\x20" + token.to_bytes(19, "big"))
