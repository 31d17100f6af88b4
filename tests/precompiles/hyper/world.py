"""HyperCore of mainnet's shape on a ledger of its own: three tokens, two pairs, two perpetuals."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from msgspec.structs import replace

from precompiles.errors import ContractError
from precompiles.execution import Execution
from precompiles.hyper import listing
from precompiles.hyper.core import BlockMoment
from precompiles.hyper.encoding import Action, LimitOrder, encode_action
from precompiles.hyper.receipts import ActionReceipt, Outcome
from precompiles.hyper.steps import CoreLog, Credit, Sent, Step
from precompiles.hyper.system_addresses import perp_address, token_address
from precompiles.ledger.checks import check
from precompiles.ledger.hyper.records import (
    CorePair,
    CorePerp,
    CoreSettings,
    CoreToken,
    CoreUser,
)
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.recovery import open_ledger
from precompiles.ledger.table import TableNumber
from precompiles.perp import collateral
from precompiles.spot import funds
from precompiles.types import ZERO_ADDRESS, Address
from tests.precompiles.dict_storage import DictStorage

OWNER, ALICE, BOB = (Address(bytes([n]) * 20) for n in range(1, 4))
NOW = 1_700_000_000
SETTINGS = CoreSettings(order_delay=3, l1_block=1_176_514_427, l1_time=NOW, hype=150)
WALLET = Address(bytes.fromhex("6B9E773128f453f5c2C60935Ee2DE2CBc5390A24"))
USDC, PURR, HYPE = 0, 1, 150
BTC, HYPE_PERP = 0, 159
TOKENS = (
    CoreToken(USDC, "USDC", 8, 8, -2, WALLET, ZERO_ADDRESS, 0, 2**64 - 1),
    CoreToken(PURR, "PURR", 0, 5, 13, Address(b"\x9b" * 20), ZERO_ADDRESS, 0, 10**14),
    CoreToken(HYPE, "HYPE", 2, 8, 0, ZERO_ADDRESS, ZERO_ADDRESS, 0, 10**17),
)
PAIRS = (CorePair(0, "PURR/USDC", PURR, USDC), CorePair(107, "@107", HYPE, USDC))
USD = 10**6
E8 = 10**8
ALO, GTC, IOC = 1, 2, 3
HYPE_SPOT, PURR_SPOT = 10_107, 10_000


def execution(ledger: Ledger, user: Address = OWNER, now: int = NOW) -> Execution:
    return Execution(ledger, user, 1, now)


def new_ledger(storage: DictStorage | None = None) -> Ledger:
    """With nothing in storage yet."""
    ledger, _ = open_ledger(storage or DictStorage())
    ledger.set_owner(OWNER)
    owner = execution(ledger)
    listing.begin(ledger, SETTINGS, owner)
    for token in TOKENS:
        listing.list_token(ledger, token)
    for pair in PAIRS:
        listing.list_pair(ledger, pair, owner)
    btc_tiers = ((0, 40), (150_000_000 * USD, 20))
    btc = CorePerp(BTC, "BTC", 5, 56, False)
    listing.list_perp(ledger, btc, btc_tiers, 80_831_800_000, 20_000, owner)
    hype = CorePerp(HYPE_PERP, "HYPE", 2, 52, False)
    listing.list_perp(ledger, hype, ((0, 10),), 83_191_000, 6_000, owner)
    return ledger


def set_mark(ledger: Ledger, perp: int, mark: int) -> None:
    """Whatever the mark would be."""
    prices = ledger.perp.prices.rows[perp_address(perp)]
    ledger.perp.prices.put(perp_address(perp), replace(prices, mark=mark))


def perp_mark(ledger: Ledger, perp: int) -> int:
    return ledger.perp.prices.rows[perp_address(perp)].mark


def order(
    asset: int,
    price: str,
    size: str,
    *,
    is_buy: bool = True,
    tif: int = GTC,
    reduce_only: bool = False,
    cloid: int = 0,
) -> LimitOrder:
    scaled_price, scaled_size = (int(Fraction(value) * E8) for value in (price, size))
    return LimitOrder(asset, is_buy, scaled_price, scaled_size, reduce_only, tif, cloid)


class Scene:
    """HyperCore with users, block after block; nothing is delayed unless it is asked for."""

    def __init__(self, *, delay: int = 0) -> None:
        self.ledger = new_ledger()
        self.ledger.core.settings = replace(SETTINGS, order_delay=delay)
        self.now = NOW
        self.block = 1
        self.evm_balance = 10**40
        self.logs: list[CoreLog] = []
        """Of the last step."""
        for user in (ALICE, BOB):
            self.ledger.core.put_user(user, CoreUser(is_activated=True, uses_big_blocks=False))
            self.give(user, USDC, 100_000 * 10**8)
            self.give(user, HYPE, 1_000 * 10**8)
            self.give(user, PURR, 10_000 * 10**5)
            collateral.credit(execution(self.ledger), user, 100_000 * USD)
        for token in (USDC, PURR, HYPE):
            self.give(token_address(SETTINGS, token), token, 10**15)
        self.ledger.core.put_last_price(107, 83_191 * 10**5)
        self.ledger.core.put_last_price(0, 46_252 * 10**3)

    def give(self, user: Address, token: int, wei: int) -> None:
        funds.credit(execution(self.ledger), user, token_address(SETTINGS, token), wei)

    def spot(self, user: Address, token: int) -> int:
        return self.ledger.spot.balance(user, token_address(SETTINGS, token)).total

    def cash(self, user: Address) -> int:
        return self.ledger.perp.cash(user)

    def end_block(
        self, *sent: tuple[Address, Action | bytes], deposits: Iterable[Credit] = ()
    ) -> list[ActionReceipt]:
        """The receipts of what was sent in a block."""
        step = self._step()
        actions = [
            Sent(user, it if isinstance(it, bytes) else encode_action(it), SOURCE)
            for user, it in sent
        ]
        step.end_block(deposits, actions)
        return self._receipts(step)

    def begin_block(self, seconds: int = 1) -> list[ActionReceipt]:
        self.now += seconds
        self.block += 1
        step = self._step()
        step.begin_block()
        return self._receipts(step)

    def do(self, user: Address, action: Action | bytes) -> ActionReceipt:
        (receipt,) = self.end_block((user, action))
        return receipt

    def done(self, user: Address, action: Action | bytes) -> ActionReceipt:
        receipt = self.do(user, action)
        assert (receipt.outcome, receipt.reason) == (Outcome.DONE, b"")
        return receipt

    def dropped(self, user: Address, action: Action | bytes, error: ContractError) -> None:
        """It is dropped for that reason, and changes nothing but a counter."""
        before = self.picture()
        receipt = self.do(user, action)
        assert (receipt.outcome, receipt.reason) == (Outcome.DROPPED, error.encode())
        assert self.picture() == before

    def picture(self) -> dict[int, dict[object, object]]:
        tables = self.ledger.tables.items()
        return {number: dict(it.rows) for number, it in tables if number != TableNumber.COUNTERS}

    def _step(self) -> Step:
        moment = BlockMoment(self.block, self.now, 10**8, lambda _: self.evm_balance)
        return Step(self.ledger, moment, [])

    def _receipts(self, step: Step) -> list[ActionReceipt]:
        assert check(self.ledger) == []
        self.logs = step.logs
        return [log.event for log in step.logs if isinstance(log.event, ActionReceipt)]


SOURCE = b"\x5c" * 32
