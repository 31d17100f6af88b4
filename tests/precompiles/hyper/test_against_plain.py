"""Random users, transfers, deposits and stakes against a plain model of balances in fractions."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from precompiles.hyper import encoding
from precompiles.hyper.encoding import SPOT_DEX
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.steps import Credit
from precompiles.hyper.system_addresses import FEES, HYPE_SYSTEM, STAKING, token_address
from precompiles.types import ZERO_ADDRESS, Address
from tests.precompiles.hyper.world import (
    ALICE,
    BOB,
    HYPE,
    PURR,
    SETTINGS,
    SOURCE,
    USD,
    USDC,
    Scene,
)

CAROL, DAVE = Address(b"\x31" * 20), Address(b"\x32" * 20)
USERS = (ALICE, BOB, CAROL, DAVE)
DECIMALS = {USDC: 8, PURR: 5, HYPE: 8}
EVM_DECIMALS = {USDC: 6, PURR: 18, HYPE: 18}
SYSTEM = {token: token_address(SETTINGS, token) for token in DECIMALS}
ONE = Fraction(1)
HYPE_FEE = Fraction(200_000 * 10**8, 10**18)
USDC_FEE = Fraction(166_382, 10**8)
"""At 83.191 for HYPE, to the next unit up."""


class Plain:
    """What everybody has, in whole tokens."""

    def __init__(self) -> None:
        self.spot: dict[tuple[Address, int], Fraction] = defaultdict(Fraction)
        self.perp: dict[Address, Fraction] = defaultdict(Fraction)
        self.staked: dict[Address, Fraction] = defaultdict(Fraction)
        self.leaving: dict[Address, int] = defaultdict(int)
        self.evm: dict[int, Fraction] = defaultdict(Fraction)
        """On its way out, of each token."""
        self.is_activated: dict[Address, bool] = {}

    def act(self, user: Address, action: Any) -> bool:
        """Whether an action is done; then it is."""
        if user not in self.is_activated:
            return False
        match action:
            case encoding.SpotSend(to, token, wei):
                return self.send(user, to, token, amount_of(token, wei))
            case encoding.UsdClassTransfer(ntl, True):
                return self.to_perp(user, user, Fraction(ntl, USD))
            case encoding.UsdClassTransfer(ntl, _):
                return self.to_spot(user, Fraction(ntl, USD))
            case encoding.SendAsset(to, _, _, _, token, wei):
                usd = Fraction(wei // 100, USD)
                if usd == 0 or not self.can_pay(user, to, USDC, usd):
                    return False
                self.pay_for(user, to)
                return self.to_perp(user, to, usd)
            case encoding.StakingDeposit(wei):
                amount = amount_of(HYPE, wei)
                if not 0 < amount <= self.spot[user, HYPE]:
                    return False
                self.spot[user, HYPE] -= amount
                self.staked[user] += amount
                return True
            case encoding.StakingWithdraw(wei):
                amount = amount_of(HYPE, wei)
                if not 0 < amount <= self.staked[user] or self.leaving[user] == 5:
                    return False
                self.staked[user] -= amount
                self.leaving[user] += 1
                return True
        raise AssertionError(action)

    def send(self, user: Address, to: Address, token: int, amount: Fraction) -> bool:
        if to == SYSTEM[token]:
            return self.leave(user, token, amount)
        if to == user or amount == 0 or not self.can_pay(user, to, token, amount):
            return False
        self.pay_for(user, to)
        self.spot[user, token] -= amount
        self.spot[to, token] += amount
        return True

    def leave(self, user: Address, token: int, amount: Fraction) -> bool:
        unit = Fraction(1, 10 ** EVM_DECIMALS[token])
        if amount < unit or amount > self.spot[user, token]:
            return False
        after = {it: self.spot[user, it] - (amount if it == token else 0) for it in (HYPE, USDC)}
        if after[HYPE] >= HYPE_FEE:
            fee_token, fee = HYPE, HYPE_FEE
        elif after[USDC] >= USDC_FEE:
            fee_token, fee = USDC, USDC_FEE
        else:
            return False
        self.spot[user, token] -= amount
        self.spot[SYSTEM[token], token] += amount
        self.spot[user, fee_token] -= fee
        self.spot[FEES, fee_token] += fee
        self.evm[token] += amount // unit * unit
        return True

    def can_pay(self, user: Address, to: Address, token: int, amount: Fraction) -> bool:
        fees = (not self.is_activated[user]) + (to not in self.is_activated)
        if to == user:
            fees = 0
        if amount > self.spot[user, token]:
            return False
        return self.spot[user, USDC] >= fees + (amount if token == USDC and fees else 0)

    def pay_for(self, user: Address, to: Address) -> None:
        if to == user:
            return
        for new in (user, to):
            if not self.is_activated.get(new):
                if new == to and new in self.is_activated:
                    continue
                self.is_activated[new] = True
                self.spot[user, USDC] -= ONE
                self.spot[FEES, USDC] += ONE

    def to_perp(self, user: Address, to: Address, usd: Fraction) -> bool:
        if not 0 < usd <= self.spot[user, USDC]:
            return False
        self.spot[user, USDC] -= usd
        self.perp[to] += usd
        return True

    def to_spot(self, user: Address, usd: Fraction) -> bool:
        if not 0 < usd <= self.perp[user]:
            return False
        self.perp[user] -= usd
        self.spot[user, USDC] += usd
        return True

    def deposit(self, user: Address, token: int, evm_units: int) -> bool:
        unit = Fraction(1, 10 ** DECIMALS[token])
        amount = Fraction(evm_units, 10 ** EVM_DECIMALS[token]) // unit * unit
        is_fee = token == USDC and amount <= ONE and user not in self.is_activated
        if amount == 0 or is_fee or amount > self.spot[SYSTEM[token], token]:
            return False
        self.spot[SYSTEM[token], token] -= amount
        self.spot[user, token] += amount
        self.is_activated.setdefault(user, False)
        return True


def amount_of(token: int, wei: int) -> Fraction:
    return Fraction(wei, 10 ** DECIMALS[token])


def plain_of(scene: Scene) -> Plain:
    plain = Plain()
    plain.is_activated = {ALICE: True, BOB: True}
    for user in (*USERS, *SYSTEM.values(), FEES):
        for token in DECIMALS:
            plain.spot[user, token] = amount_of(token, scene.spot(user, token))
        plain.perp[user] = Fraction(scene.cash(user), USD)
    return plain


def picture(scene: Scene) -> Any:
    core = scene.ledger.core
    spot = {
        (user, token): amount_of(token, scene.spot(user, token))
        for user in (*USERS, *SYSTEM.values(), FEES)
        for token in DECIMALS
    }
    perp = {user: Fraction(scene.cash(user), USD) for user in USERS}
    stakes = {user: core.stakes.get(user) for user in USERS}
    staked = {user: amount_of(HYPE, it.undelegated) if it else 0 for user, it in stakes.items()}
    evm: dict[int, Fraction] = dict.fromkeys(DECIMALS, Fraction(0))
    for row in core.outgoing.rows.values():
        evm[row.token] += Fraction(row.amount, 10 ** EVM_DECIMALS[row.token])
    users = {user: found.is_activated for user in USERS if (found := core.user(user))}
    return spot, perp, staked, evm, users


def plain_picture(plain: Plain) -> Any:
    spot = {
        (user, token): plain.spot[user, token]
        for user in (*USERS, *SYSTEM.values(), FEES)
        for token in DECIMALS
    }
    perp = {user: plain.perp[user] for user in USERS}
    staked = {user: plain.staked[user] for user in USERS}
    evm = {token: plain.evm[token] for token in DECIMALS}
    return spot, perp, staked, evm, {u: a for u, a in plain.is_activated.items() if u in USERS}


WEI = st.one_of(st.integers(0, 300), st.integers(0, 10**14), st.sampled_from((10**8, 10**11)))
TOKENS = st.sampled_from((USDC, PURR, HYPE))
USER = st.sampled_from(USERS)


@st.composite
def sends(draw: st.DrawFn) -> encoding.SpotSend:
    token = draw(TOKENS)
    return encoding.SpotSend(draw(USER | st.just(SYSTEM[token])), token, draw(WEI))


ACTIONS = st.one_of(
    sends(),
    st.builds(encoding.UsdClassTransfer, WEI, st.booleans()),
    st.builds(
        encoding.SendAsset,
        USER,
        st.just(ZERO_ADDRESS),
        st.just(SPOT_DEX),
        st.just(0),
        st.just(USDC),
        WEI,
    ),
    st.builds(encoding.StakingDeposit, WEI),
    st.builds(encoding.StakingWithdraw, WEI),
)
DEPOSITS = st.builds(
    Credit, USER, TOKENS, st.integers(0, 10**7) | st.integers(0, 10**21), st.just(SOURCE)
)
STEPS = st.lists(st.tuples(USER, ACTIONS) | DEPOSITS, max_size=40)


def supply(scene: Scene) -> tuple[int, ...]:
    """All of each token: in spot wallets, and USDC also as collateral."""
    spot, perp = scene.ledger.spot, scene.ledger.perp
    usdc = spot.token_total(SYSTEM[USDC]) + 100 * perp.fund.collateral_total
    return usdc, spot.token_total(SYSTEM[PURR]), spot.token_total(HYPE_SYSTEM)


@given(STEPS)
def test_balances_are_those_of_the_plain_model(steps: list[Any]) -> None:
    scene = Scene()
    plain, before = plain_of(scene), supply(scene)
    for step in steps:
        if isinstance(step, Credit):
            (receipt,) = scene.end_block(deposits=[step])
            expected = plain.deposit(step.user, step.token, step.amount)
        else:
            user, action = step
            receipt = scene.do(user, action)
            expected = plain.act(user, action)
        assert (receipt.outcome == Outcome.DONE) == expected, (step, receipt.reason[:4].hex())
        assert picture(scene) == plain_picture(plain)
    assert supply(scene) == before


ORDERS = st.builds(
    encoding.LimitOrder,
    st.sampled_from((0, 159, 10_107, 10_000)),
    st.booleans(),
    st.sampled_from([int(Fraction(p) * 10**8) for p in ("80800", "80900", "83", "84", "0.46")]),
    st.sampled_from([10**5, 10**6, 10**8, 30 * 10**8, 100 * 10**8]),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 2),
)
CANCELS = st.builds(encoding.CancelByClientId, st.sampled_from((0, 159, 10_107)), st.integers(1, 2))
TRADERS = st.sampled_from((ALICE, BOB))


@given(st.lists(st.tuples(TRADERS, ORDERS | CANCELS | ACTIONS), max_size=30), st.integers(0, 3))
def test_trading_makes_and_loses_nothing(steps: list[Any], delay: int) -> None:
    """Tokens of all accounts together, and the ledger's own invariants after each step."""
    scene = Scene(delay=delay)
    before = supply(scene)
    for step in steps:
        scene.begin_block()
        scene.end_block(step)
        assert supply(scene) == before
    scene.begin_block(10)
    assert supply(scene) == before
    assert scene.ledger.core.delayed.rows == {}
    assert scene.spot(STAKING, HYPE) == sum(
        [
            *(it.undelegated for it in scene.ledger.core.stakes.rows.values()),
            *(it.amount for it in scene.ledger.core.unstaking.rows.values()),
        ]
    )
