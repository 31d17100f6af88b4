"""HyperCore under everything at once, on a chain that is taken back, reopened, copied and imported.

Users send any actions, signed ones too, bridge both ways and call contracts that revert; orders
wait; prices move; blocks are of both kinds, and sometimes a day apart. After each block every row
of money is what a plain model in fractions says, and every token adds up to the unit over both
sides and what is on its way. In the end a chain that imports the blocks, or is restored from a
checkpoint, has the same hash.
"""

from __future__ import annotations

import copy
import random
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import evm_dex
from checkpoint.restore import restore_to
from evm_dex.blocks.dev_accounts import MNEMONIC, derive_accounts
from evm_dex.chain.core_inputs import OraclePrices
from evm_dex.chain.genesis.genesis_file import profile_genesis
from evm_dex.chain.signed_action import SignedAction
from evm_dex.client.dex import Dex
from precompiles.hyper.encoding import (
    SPOT_DEX,
    Action,
    CancelByClientId,
    LimitOrder,
    SendAsset,
    SetAbstraction,
    SpotSend,
    StakingDeposit,
    StakingWithdraw,
    TokenDelegate,
    UsdClassTransfer,
    VaultTransfer,
    encode_action,
)
from precompiles.hyper.prices import pair_market
from precompiles.hyper.signed import wire
from precompiles.hyper.signed.digest import Envelope
from precompiles.hyper.signed.order_wires import LimitType, OrderType, OrderWire
from precompiles.hyper.system_addresses import CORE_WRITER, HYPE_SYSTEM, perp_address, token_address
from precompiles.types import ZERO_ADDRESS, Address
from tests.chain.core_model import (
    EXTRA,
    HYPE,
    PURR,
    USDC,
    USDT,
    VAULT,
    WEI,
    CoreModel,
    Pair,
    Perp,
    Sent,
)
from tests.chain.hyperevm import E8, HyperWorld
from tests.conftest import PROFILE

ACTIONS = 20_000 if PROFILE == "nightly" else 200
ERC20 = {
    USDC: "0xb88339CB7199b77E23DB6E890353E22632Ba630f",
    PURR: "0x9b498C3c8A0b8CD8BA1D9851d40D186F1872b44E",
    USDT: "0xB8CE59FC3717ada4C02eaDF9682A9e934F625ebb",
}
WALLET = "0x6B9E773128f453f5c2C60935Ee2DE2CBc5390A24"
NEW = [Address(bytes((0x70 + n,)) * 20) for n in range(12)]
USERS, UNIFIED = 6, 5
MOST_WAITING = 8
"""Of one sender."""
BTC, ETH, GOLD = 0, 1, 110_000
SPOT = {10_000: 18_000_000, 10_107: 40 * E8, 10_207: 40 * E8}
PERPS = {BTC: 80_000, ETH: 3_000, GOLD: 4_000}
PERP_IDS = {BTC: 0, ETH: 1, GOLD: 10_000}
SIZES = {BTC: 10**5, ETH: 10**6, GOLD: 10**6}
KEYS = derive_accounts(MNEMONIC, USERS)
DAY = 86_400


def genesis(*, maker_rebates: bool) -> dict[str, Any]:
    """The profile's, with gold on a builder's dex that is settled in USDT0."""
    content: dict[str, Any] = tomllib.loads(profile_genesis("hyperevm").read_text())
    content["hypercore"]["maker_rebates"] = maker_rebates
    content["hypercore"]["dexs"] = [{"index": 1, "name": "gld", "collateral": USDT}]
    content["hypercore"]["perps"].append(
        {"dex": 1, "index": 0, "coin": "GOLD", "size_decimals": 3, "margin_table": 20,
         "tiers": [[0, 20]], "price": 4_000_000_000, "impact_notional": 6_000}
    )  # fmt: skip
    return content


def begin_model(dex: Dex) -> CoreModel:
    ledger = dex.chain.ledger
    settings = ledger.core.settings
    assert settings is not None
    pairs = {pair_market(ledger, settings, it): Pair(it.base, it.quote) for it in ledger.core.pairs}
    perps = {perp_address(it.perp_id): Perp(it.dex, it.size_decimals) for it in ledger.core.perps}
    model = CoreModel(dex, pairs, perps)
    model.known |= {Address(key) for key in ledger.core._users.rows}
    return model


class Storm:
    """A chain in the storm, and its model."""

    def __init__(self, dex: Dex, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = HyperWorld(dex)
        self.model = begin_model(dex)
        self.sent = 0
        self.nonce = 1_700_000_000_000
        self.oracle = dict(PERPS)
        self.backing = {token: self._surplus(token) for token in EXTRA}
        """EVM's side less what HyperCore owes, by token, before anything was lost."""

    @property
    def dex(self) -> Dex:
        return self.world.dex

    def somebody(self) -> Address:
        subs = [own for owned in self.model.subs.values() for own in owned]
        return self.random.choice([*self.world.users[:USERS], *NEW, *subs])

    def amount(self, most: int) -> int:
        """Mostly small, sometimes nothing, or more than anybody has."""
        choice = self.random.choice
        return choice([0, 1, *(self.random.randrange(most) for _ in range(4)), most, 2**64 - 1])

    def action(self, user: Address) -> Action:
        choice, coin = self.random.choice, self.random.random() < 0.5
        cancelled, sent = choice([BTC, GOLD, 10_000, 10_107, 10_207]), choice(list(WEI))
        dexs, settled = choice(
            [([0, SPOT_DEX], USDC), ([1, SPOT_DEX], USDT), ([0, 1, SPOT_DEX], USDT)]
        )
        small, large = self.amount(10**10), self.amount(10**12)
        validator = choice(self.world.users[7:9])
        here = choice([user, self.somebody(), self.system(settled), VAULT])
        actions: list[Action] = [
            *(self._spot_order() for _ in range(5)),
            *(self._perp_order() for _ in range(6)),
            CancelByClientId(cancelled, self.random.randrange(9)),
            SpotSend(self.somebody(), sent, large),
            SpotSend(self.system(sent), sent, large),
            SendAsset(here, ZERO_ADDRESS, choice(dexs), choice(dexs), settled, large),
            UsdClassTransfer(small, coin),
            VaultTransfer(VAULT, coin, small),
            StakingDeposit(large),
            StakingWithdraw(small),
            TokenDelegate(validator, small, coin),
        ]
        return choice(actions)

    def system(self, token: int) -> Address:
        """The address that stands for the EVM."""
        settings = self.dex.chain.ledger.core.settings
        assert settings is not None
        return token_address(settings, token)

    def _spot_order(self) -> LimitOrder:
        asset = self.random.choice(list(SPOT))
        price = SPOT[asset] * self.random.choice([99, 100, 100, 100, 101]) // 100
        size = self.random.choice([1, 30, 100, 2_000, 20_000]) * E8
        return self._order(asset, price, size)

    def _perp_order(self) -> LimitOrder:
        asset = self.random.choice(list(PERPS))
        price = self.oracle[asset] * self.random.choice([99, 100, 100, 100, 101]) // 100
        price -= price % 10 ** (len(str(price)) - 4)
        size = self.random.choice([1, 20, 500, 9_000, 40_000]) * SIZES[asset]
        return self._order(asset, price * E8, size)

    def _order(self, asset: int, price: int, size: int) -> LimitOrder:
        tif, cloid = self.random.choice([1, 2, 2, 3]), self.random.choice([0, 0, 1, 2, 3, 4, 5])
        is_buy, reduces = self.random.random() < 0.5, self.random.random() < 0.1
        return LimitOrder(asset, is_buy, price, size, reduces, tif, cloid)

    # What is sent

    def send(self) -> None:
        """Hand in one transaction of somebody's."""
        user, kind = self.random.randrange(USERS), self.random.randrange(16)
        if kind == 0:
            value = self.random.choice([10**10, 10**18, 3 * 10**9, 10**18 + 7])
            self._submit(user, Sent(self.world.users[user], token=HYPE, amount=value),
                         to=HYPE_SYSTEM, value=value)  # fmt: skip
        elif kind in (1, 2):
            self._bridge(user)
        elif kind == 3:
            raw = bytes(self.random.randrange(256) for _ in range(self.random.randrange(40)))
            self._write(user, raw, Sent(self.world.users[user]))
        elif kind == 4:  # reverts, since CoreWriter takes no value
            raw = encode_action(SpotSend(self.somebody(), USDC, E8))
            self._write(user, raw, Sent(self.world.users[user]), value=1)
        elif kind in (5, 6):
            self._sign(user)
        else:
            self.act(user, self.action(self.world.users[user]))

    def act(self, user: int, action: Action) -> None:
        """Hand in an action."""
        self._write(user, encode_action(action), Sent(self.world.users[user], action))

    def _bridge(self, user: int) -> None:
        token = self.random.choice(list(ERC20))
        amount = self.random.choice([1, 10**6, self.random.randrange(10**8)])
        amount *= 10 ** max(0, WEI[token] + EXTRA[token] - 6)
        amount += self.random.choice([0, 7])
        contract = self.dex.contract(ERC20[token], "TestToken")
        data = contract.encode("transfer", self.system(token), amount)
        sent = Sent(self.world.users[user], token=token, amount=amount)
        if token == USDC:  # its contract on HyperEVM is a wallet, which is asked for it
            return
        self._submit(user, sent, to=ERC20[token], data=data)

    def _write(self, user: int, raw: bytes, sent: Sent, **fields: Any) -> None:
        data = self.world.writer.encode("sendRawAction", raw)
        self._submit(user, sent, to=CORE_WRITER, data=data, **fields)

    def _submit(self, user: int, sent: Sent, **fields: Any) -> None:
        chain, account = self.dex.chain, self.dex.accounts[user]
        address = self.world.users[user]
        if chain.next_nonce(address) - chain.state.get_nonce(address) == MOST_WAITING:
            for kind in ("small", "big"):
                self.dex.core.next_block(kind)
        self.model.sent[self.dex.submit(sender=account, gas=150_000, **fields)] = sent
        self.sent += 1

    def _sign(self, user: int) -> None:
        """Hand in a signed action: about a sub-account, or of it."""
        choice, own = self.random.choice, self.model.subs[self.world.users[user]]
        self.nonce += 1
        self.sent += 1
        vault, coin = None, self.random.random() < 0.5
        action: wire.Action = wire.CreateSubAccountAction(f"sub {len(own)}")
        if own and (len(own) == 2 or self.random.random() < 0.9):
            sub = choice(own)
            name = f"0x{sub.hex()}"
            kind = self.random.randrange(4)
            if kind == 0:
                usd = choice([0, 5_000_000, self.random.randrange(10**11), 2**62])
                action = wire.SubAccountTransferAction(name, coin, usd)
            elif kind == 1:
                token = choice(["USDC", "PURR", "HYPE", "USDT0"])
                amount = choice(["0.5", "1234.56789", "0", "20000"])
                action = wire.SubAccountSpotTransferAction(name, coin, token, amount)
            else:
                order, vault = choice([self._spot_order, self._perp_order])(), sub
                tif = {1: "Alo", 2: "Gtc", 3: "Ioc"}[order.time_in_force]
                made = OrderWire(
                    order.asset,
                    order.is_buy,
                    _decimal(order.price),
                    _decimal(order.size),
                    order.reduce_only,
                    OrderType(limit=LimitType(tif)),  # type: ignore[arg-type]  # one of the three
                )
                action = wire.OrderAction((made,), "na")
        envelope = Envelope(action, self.nonce, vault)
        self.dex.chain.send_to_core([SignedAction.by(KEYS[user], envelope)])

    def move_prices(self, most: int) -> None:
        """Move the oracle's prices by up to so many percent."""
        for asset, start in PERPS.items():
            moved = self.oracle[asset] * (1_000 + self.random.randrange(-most, most + 1)) // 1_000
            self.oracle[asset] = max(start // 2, min(start * 2, moved))
        prices = tuple(
            (PERP_IDS[asset], price * 10**6, price * 10**6) for asset, price in self.oracle.items()
        )
        self.dex.chain.send_to_core([OraclePrices(prices)])

    # Blocks

    def mine(self) -> None:
        chance = self.random.random()
        if chance < 0.1:
            self.dex.core.next_block("big")
        elif chance < 0.12:  # the next day
            self.dex.mine(timestamp=self.dex.chain.head.timestamp + DAY)
        else:
            self.dex.mine()
        self.check()

    def check(self) -> None:
        self.model.read(self.dex)
        self.model.check(self.dex)
        for token, surplus in self.backing.items():
            assert self._surplus(token) == surplus + self.model.lost[token], token
        for (user, token), change in self.model.evm.items():
            if token in ERC20 and user in self.world.users:
                contract = self.dex.contract(ERC20[token], "TestToken")
                held = Fraction(contract.call("balanceOf", user), 10 ** (WEI[token] + EXTRA[token]))
                assert held == 1_000_000 + change

    def _surplus(self, token: int) -> Fraction:
        """Return what the EVM's side of a token has beyond what HyperCore owes, in whole tokens."""
        address, ledger = self.system(token), self.dex.chain.ledger
        on_evm = (
            self.dex.balance(address)
            if token == HYPE
            else int(
                self.dex.contract(ERC20[token], "TestToken").call(
                    "balanceOf", WALLET if token == USDC else address
                )
            )
        )
        queued = sum(row.amount for row in ledger.core.outgoing.rows.values() if row.token == token)
        owed = self.model.on_core(token) + self.model._insured(self.dex, token)
        owed -= Fraction(self.world.spot(address, address), 10 ** WEI[token])
        return Fraction(on_evm - queued, 10 ** (WEI[token] + EXTRA[token])) - owed


def _decimal(scaled: int) -> str:
    whole, rest = divmod(scaled, E8)
    return f"{whole}.{rest:08d}".rstrip("0").rstrip(".")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_of_actions_adds_up(tmp_path: Path, seed: int) -> None:
    content = genesis(maker_rebates=seed % 2 == 0)

    def opened() -> Dex:
        return evm_dex.open(
            tmp_path / "chain", genesis=content, automine=False, checkpoint_interval=20
        )

    dex = opened()
    dex.core.use_big_blocks(dex.accounts[1])
    start = dex.chain.head.block_number
    storm = Storm(dex, seed)
    for number, user in enumerate(storm.world.users[:USERS]):
        begun = SendAsset(user, ZERO_ADDRESS, SPOT_DEX, 1, USDT, 100_000 * E8)
        storm.act(number, SetAbstraction(user, 2) if number == UNIFIED else begun)
    while storm.sent < ACTIONS:
        for _ in range(storm.random.randrange(12)):
            storm.send()
        if storm.random.random() < 0.3:
            storm.move_prices(storm.random.choice([3, 10, 60]))
        storm.mine()
        chance = storm.random.random()
        if chance < 0.05:  # another future, forgotten
            model, sent = copy.deepcopy(storm.model), storm.sent
            mark = dex.chain.snapshot()
            before = dex.chain.head.hash
            for _ in range(3):
                storm.send()
                storm.mine()
            dex.chain.revert(mark)
            assert dex.chain.head.hash == before
            storm.model, storm.sent = model, sent
            storm.check()
        elif chance < 0.08:  # the mempool is not kept
            dex.core.next_block("big")
            dex.mine(5)
            storm.check()
            dex.close()
            dex = opened()
            storm.world = HyperWorld(dex)
            storm.check()
        elif chance < 0.2:
            assert dex.self_check() == []
    dex.core.next_block("big")
    dex.mine(5)
    storm.check()
    assert dex.self_check() == []
    assert storm.model.seen[""] > ACTIONS // 4
    assert len(storm.model.seen) > 15, storm.model.seen

    branch = dex.chain.export_blocks(start + 1, "latest")
    with evm_dex.open(genesis=content) as other:
        other.core.use_big_blocks(other.accounts[1])
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
