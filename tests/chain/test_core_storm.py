"""HyperCore under everything at once, on a chain that is taken back, reopened, copied and imported.

Users send any actions, bridge both ways and call contracts that revert; orders wait; blocks are of
both kinds. What each token's holders have is predicted by a plain model in fractions, from what was
sent and how the receipts say it went. After all of it: every token adds up to the unit over both
sides and what is on its way, and a chain that imports the blocks, or is restored from a checkpoint,
has the same hash.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from checkpoint.restore import restore_to
from evm_dex.client.dex import Dex
from precompiles.hyper.encoding import (
    SPOT_DEX,
    Action,
    CancelByClientId,
    LimitOrder,
    SendAsset,
    SpotSend,
    StakingDeposit,
    StakingWithdraw,
    TokenDelegate,
    UsdClassTransfer,
    VaultTransfer,
    encode_action,
)
from precompiles.hyper.system_addresses import CORE_WRITER, HYPE_SYSTEM, token_address
from precompiles.types import ZERO_ADDRESS, Address
from tests.chain.hyperevm import BTC, E8, HYPE, PURR, USDC, HyperWorld
from tests.conftest import PROFILE

ACTIONS = 20_000 if PROFILE == "nightly" else 300
USDT = 268
EXTRA = {USDC: -2, PURR: 13, HYPE: 10, USDT: -2}
ERC20 = {
    USDC: "0xb88339CB7199b77E23DB6E890353E22632Ba630f",
    PURR: "0x9b498C3c8A0b8CD8BA1D9851d40D186F1872b44E",
    USDT: "0xB8CE59FC3717ada4C02eaDF9682A9e934F625ebb",
}
WALLET = "0x6B9E773128f453f5c2C60935Ee2DE2CBc5390A24"
VAULT = Address(bytes.fromhex("dfc24b077bc1425AD1DEA75bCB6f8158E10Df303"))
LOST = Address(bytes(20))
"""In the model: what decimals cut off on the way to the EVM, in its smallest units."""
NEW = [Address(bytes((0x70 + n,)) * 20) for n in range(3)]
USERS = 6
MOST_WAITING = 8
"""Of one sender."""
SPOT_MARKETS = {10_000: (18_000_000, PURR), 10_107: (40 * E8, HYPE), 10_207: (40 * E8, HYPE)}


class Storm:
    """A chain in the storm, and the plain model of one token that nobody trades: USDT0.

    The model counts in whole tokens, by account; `lost` is what a bridge's decimals cut off.
    """

    def __init__(self, dex: Dex, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = HyperWorld(dex)
        self.model: defaultdict[Address, Fraction] = defaultdict(Fraction)
        self.sent = 0
        self.reasons: Counter[str] = Counter()
        self.waiting: dict[bytes, tuple[Address, Action | Fraction | None]] = {}
        """By transaction: whose it is, and an action or the tokens that it brings."""

    @property
    def dex(self) -> Dex:
        return self.world.dex

    def user(self) -> int:
        return self.random.randrange(USERS)

    def somebody(self) -> Address:
        return self.random.choice([*self.world.users[:USERS], *NEW])

    def amount(self, most: int) -> int:
        """Mostly small, sometimes nothing, or more than anybody has."""
        return self.random.choice([0, 1, self.random.randrange(most), most, 2**64 - 1])

    def action(self) -> Action:
        choice, coin = self.random.choice, self.random.random() < 0.5
        cancelled, sent = choice([BTC, 10_000, 10_107]), choice([USDC, PURR, HYPE, USDT])
        dexes = self.random.choices([0, SPOT_DEX], k=2)
        small, large = self.amount(10**8), self.amount(10**9)
        actions: list[Action] = [
            self._spot_order(),
            self._perp_order(),
            CancelByClientId(cancelled, self.random.randrange(9)),
            SpotSend(self.somebody(), sent, large),
            SpotSend(self.system(sent), sent, large),
            SendAsset(self.somebody(), ZERO_ADDRESS, dexes[0], dexes[1], USDC, large),
            UsdClassTransfer(small, coin),
            VaultTransfer(VAULT, coin, small),
            StakingDeposit(small),
            StakingWithdraw(small),
            TokenDelegate(self.world.users[7], small, coin),
        ]
        return choice(actions)

    def system(self, token: int) -> Address:
        """The address that stands for the EVM."""
        settings = self.dex.chain.ledger.core.settings
        assert settings is not None
        return token_address(settings, token)

    def _spot_order(self) -> LimitOrder:
        asset = self.random.choice([10_000, 10_107])
        price, _ = SPOT_MARKETS[asset]
        price = price * self.random.choice([98, 99, 100, 101, 102]) // 100
        size = self.random.choice([1, 30, 100, 2_000]) * E8
        return self._order(asset, price, size)

    def _perp_order(self) -> LimitOrder:
        price = self.random.choice([78_400, 79_600, 80_000, 80_400, 81_600]) * E8
        return self._order(BTC, price, self.random.choice([1, 20, 500, 9_000]) * 10**5)

    def _order(self, asset: int, price: int, size: int) -> LimitOrder:
        tif, cloid = self.random.choice([1, 2, 2, 3]), self.random.choice([0, 0, 1, 2, 3, 4, 5])
        is_buy, reduces = self.random.random() < 0.5, self.random.random() < 0.1
        return LimitOrder(asset, is_buy, price, size, reduces, tif, cloid)

    # What is sent

    def send(self) -> None:
        """Hand in one transaction of somebody's."""
        user, kind = self.user(), self.random.randrange(10)
        if kind == 0:
            value = self.random.choice([10**10, 10**18, 3 * 10**9, 10**18 + 7])
            self._submit(user, to=HYPE_SYSTEM, value=value)
        elif kind == 1:
            amount = self.random.choice([1, 10**6, self.random.randrange(10**7)])
            token = self.dex.contract(ERC20[USDT], "TestToken")
            data = token.encode("transfer", self.system(USDT), amount)
            self._submit(user, Fraction(amount, 10**6), to=ERC20[USDT], data=data)
        elif kind == 2:
            raw = bytes(self.random.randrange(256) for _ in range(self.random.randrange(40)))
            self._submit(user, to=CORE_WRITER, data=self.world.writer.encode("sendRawAction", raw))
        else:
            action = self.action()
            data = self.world.writer.encode("sendRawAction", encode_action(action))
            self._submit(user, action, to=CORE_WRITER, data=data)

    def _submit(self, user: int, what: Action | Fraction | None = None, **fields: Any) -> None:
        chain, account = self.dex.chain, self.dex.accounts[user]
        address = self.world.users[user]
        if chain.next_nonce(address) - chain.state.get_nonce(address) == MOST_WAITING:
            for kind in ("small", "big"):
                self.dex.core.next_block(kind)
        sent = self.dex.submit(sender=account, gas=150_000, **fields)
        self.sent += 1
        self.waiting[sent] = self.world.users[user], what

    # What became of it

    def mine(self) -> None:
        if self.random.random() < 0.1:
            self.dex.core.next_block("big")
        else:
            self.dex.mine()
        self.settle()

    def settle(self) -> None:
        """Apply what has come to an end to the model; what waits is looked at again."""
        chain, core = self.dex.chain, self.dex.core
        for sent, (user, what) in list(self.waiting.items()):
            if sent in chain.mempool:
                continue
            outcomes = core.actions(sent)
            if any(each.outcome == "queued" for each in outcomes):
                continue
            del self.waiting[sent]
            for each in outcomes:
                self.reasons[each.reason] += 1
                if each.outcome == "done":
                    self._apply(user, what)

    def _apply(self, user: Address, what: Action | Fraction | None) -> None:
        if isinstance(what, Fraction):
            self.model[user] += what
        elif isinstance(what, SpotSend) and what.token == USDT:
            moved = Fraction(what.wei, E8)
            self.model[user] -= moved
            if what.destination != self.system(USDT):
                self.model[what.destination] += moved
            else:
                self.model[LOST] += Fraction(what.wei % 100, 100)

    # What must hold

    def check(self) -> None:
        assert self.dex.self_check() == []
        self.check_model()
        self.check_backing()

    def check_model(self) -> None:
        system = self.system(USDT)
        for user in [*self.world.users, *NEW]:
            expected = 1_000_000 * (user in self.world.users) + self.model[user]
            assert Fraction(self.world.spot(user, system), E8) == expected

    def check_backing(self) -> None:
        """What users have of a token on HyperCore is there on the EVM, less what is on its way."""
        ledger, settings = self.dex.chain.ledger, self.dex.chain.ledger.core.settings
        assert settings is not None
        for token, extra in EXTRA.items():
            address = token_address(settings, token)
            outside = ledger.spot.token_total(address) - self.world.spot(address, address)
            if token == USDC:
                outside += 100 * ledger.perp.fund.collateral_total
            waiting = sum(
                row.amount for row in ledger.core.outgoing.rows.values() if row.token == token
            )
            needed = Fraction(outside) * Fraction(10) ** extra + waiting
            held = self._held(token, address)
            assert needed <= held
            if token == USDT:
                assert needed + self.model[LOST] == held

    def _held(self, token: int, address: Address) -> int:
        if token == HYPE:
            return self.dex.balance(address)
        holder = WALLET if token == USDC else address
        return int(self.dex.contract(ERC20[token], "TestToken").call("balanceOf", holder))


def prepare(dex: Dex) -> None:
    """Let one account use big blocks, and those exist that are sent to."""
    dex.core.use_big_blocks(dex.accounts[1])
    for account in NEW:
        dex.core.activate(account)


@pytest.mark.parametrize("seed", [1] if PROFILE != "nightly" else [1, 2])
def test_a_storm_of_actions_adds_up(tmp_path: Path, seed: int) -> None:
    def opened() -> Dex:
        return evm_dex.open(
            tmp_path / "chain", profile="hyperevm", automine=False, checkpoint_interval=50
        )

    dex = opened()
    prepare(dex)
    start = dex.chain.head.block_number
    storm = Storm(dex, seed)
    while storm.sent < ACTIONS:
        for _ in range(storm.random.randrange(12)):
            storm.send()
        storm.mine()
        chance = storm.random.random()
        if chance < 0.05:  # another future, forgotten
            model, waiting, sent = storm.model.copy(), dict(storm.waiting), storm.sent
            mark = dex.chain.snapshot()
            before = dex.chain.head.hash
            for _ in range(3):
                storm.send()
                dex.mine()
            dex.chain.revert(mark)
            assert dex.chain.head.hash == before
            storm.model, storm.waiting, storm.sent = model, waiting, sent
        elif chance < 0.08:  # the mempool is not kept
            dex.core.next_block("big")
            dex.mine(5)
            storm.settle()
            dex.close()
            dex = opened()
            storm.world = HyperWorld(dex)
        elif chance < 0.2:
            storm.check()
    dex.core.next_block("big")
    dex.mine(5)
    storm.settle()
    storm.check()
    assert len(storm.reasons) > 15, storm.reasons
    assert storm.reasons[""] > ACTIONS // 4

    branch = dex.chain.export_blocks(start + 1, "latest")
    with evm_dex.open(profile="hyperevm") as other:
        prepare(other)
        other.chain.import_blocks(branch)
        assert other.chain.head.hash == dex.chain.head.hash
        assert other.self_check() == []
    head = dex.chain.head.hash
    dex.close()
    info = restore_to(tmp_path / "chain", tmp_path / "restored")
    with evm_dex.open(tmp_path / "restored") as restored:
        assert restored.self_check() == []
        restored.chain.import_blocks(branch[info.height - start :])
        assert restored.chain.head.hash == head
