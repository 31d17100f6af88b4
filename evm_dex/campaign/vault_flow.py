"""A vault under random flow: accounts that pay in and take out while its leader trades."""

from __future__ import annotations

from eth_hash.auto import keccak
from msgspec.structs import replace

from evm_dex.blocks.dev_accounts import KeyPair, default_accounts
from evm_dex.chain.signed_action import SignedAction
from evm_dex.client.dex import Dex
from evm_dex.market.chance import Chance
from evm_dex.market.scenarios import SCENARIOS
from precompiles.hyper.grid import nearest_price
from precompiles.hyper.signed.account_actions import LEAST_VAULT, vault_address
from precompiles.hyper.signed.decimals import format_decimal
from precompiles.hyper.signed.digest import Envelope
from precompiles.hyper.signed.order_wires import LimitType, OrderType, OrderWire
from precompiles.hyper.signed.typed_actions import (
    UsdSendAction,
)
from precompiles.hyper.signed.wire import (
    Action,
    CreateVaultAction,
    OrderAction,
    VaultTransferAction,
)
from precompiles.hyper.system_addresses import perp_address
from precompiles.hyper.units import COLLATERAL_DECIMALS, ORDER_DECIMALS
from precompiles.hyper.vaults import LEAST_DEPOSIT
from precompiles.perp.health import cross_health
from precompiles.types import Address

_USD = 10**COLLATERAL_DECIMALS
_HOUR, _DAY = 3_600, 24 * 3_600
_PERP, _ASSET = 1, 1
"""ETH, as reads and as orders number it."""
_TO_ORDER = 10 ** (ORDER_DECIMALS - COLLATERAL_DECIMALS)
_MILLION = 1_000_000
_DEPOSITORS = 5
_FUNDS = 5_000 * _USD
_LEADS_WITH = 20 * LEAST_VAULT


class VaultFlow:
    """A vault in a calm market, in blocks of an hour."""

    def __init__(self, dex: Dex, seed: str) -> None:
        self._dex = dex
        self._chain = dex.chain
        self._chance = Chance(f"{seed} vault")
        calm = SCENARIOS["calm"]
        makers = replace(calm.makers, every=1)  # quotes in every block
        self._market = dex.market(replace(calm, seed=seed, makers=makers, keeps_step=_HOUR))
        self._leader = default_accounts()[1]
        self._depositors = tuple(
            KeyPair(keccak(f"evm-dex vault {seed} depositor {number}".encode()))
            for number in range(_DEPOSITORS)
        )
        self._nonce = 0
        self.deposited = 0
        self.withdrawn = 0
        self._fund()
        number = len(self._chain.ledger.core.vaults.rows)
        self.vault: Address = vault_address(self._leader.address, number)
        self._send(
            self._leader,
            CreateVaultAction("Flow", "of a campaign", _LEADS_WITH, self._next_nonce()),
        )
        self.deposited += _LEADS_WITH

    @property
    def worth(self) -> int:
        """Equity of the vault, in collateral."""
        return cross_health(self._chain.ledger, self.vault, self._chain.head.timestamp).equity

    @property
    def left(self) -> int:
        """Collateral in the vault; after the end, dust that rounding left."""
        return self._chain.ledger.perp.cash(self.vault)

    def run(self, days: int) -> None:
        """Let hours pass, with flow and trades in each."""
        for _ in range(days * 24):
            self._market.step()
            if self._chance.happens(400_000):
                self._move(self._depositors[self._chance.below(_DEPOSITORS)])
            if self._chance.happens(300_000):
                usd = self._chance.between(50, 500)
                self._trade(usd * _USD, is_buy=self._chance.happens(_MILLION // 2))

    def wind_down(self) -> None:
        """Close the vault's position, and let everybody take out everything once locks are over."""
        for _ in range(_DAY // _HOUR + 1):
            self._market.step()
            self._close()
        assert self._chain.ledger.perp.netting_position(self.vault, perp_address(_PERP)) is None
        for pair in (*self._depositors, self._leader):
            if self._shares(pair.address):
                self._transfer(pair, 0, is_deposit=False)
                assert self._shares(pair.address) == 0, f"0x{pair.address.hex()} has shares left"
        record = self._chain.ledger.core.vaults.rows[self.vault]
        assert record.shares == 0, f"{record.shares} shares are left in nobody's hands"
        assert self.left >= 0

    def _move(self, pair: KeyPair) -> None:
        """Pay in or take out, by chance; what is still locked or not there is refused."""
        if self._chance.happens(600_000):
            self._transfer(pair, self._chance.between(LEAST_DEPOSIT, 400 * _USD), is_deposit=True)
        else:
            self._transfer(pair, self._chance.between(0, 300 * _USD), is_deposit=False)

    def _transfer(self, pair: KeyPair, usd: int, *, is_deposit: bool) -> None:
        """Move collateral, and check that shares are not worth less afterwards."""
        perp, vaults = self._chain.ledger.perp, self._chain.ledger.core.vaults
        cash = perp.cash(pair.address)
        worth, shares = self.worth, vaults.rows[self.vault].shares
        vault = f"0x{self.vault.hex()}"
        self._send(pair, VaultTransferAction(vault, is_deposit, usd))
        after, shares_after = self.worth, vaults.rows[self.vault].shares
        if shares_after:
            assert after * shares >= worth * shares_after, (
                f"a share fell from {worth}/{shares} to {after}/{shares_after}"
            )
        moved = cash - perp.cash(pair.address)
        self.deposited += max(0, moved)
        self.withdrawn += max(0, -moved)

    def _close(self) -> None:
        held = self._chain.ledger.perp.netting_position(self.vault, perp_address(_PERP))
        if held is not None:
            self._order(abs(held.size), is_buy=held.size < 0, reduce_only=True)

    def _trade(self, usd: int, *, is_buy: bool) -> None:
        decimals = self._size_decimals
        self._order(max(1, usd * 10**decimals // self._oracle), is_buy=is_buy)

    def _order(self, amount: int, *, is_buy: bool, reduce_only: bool = False) -> None:
        """Take what is in the book within five percent, for the vault."""
        price = self._oracle * (105 if is_buy else 95) // 100
        on_grid = nearest_price(
            price * _TO_ORDER, ORDER_DECIMALS, self._size_decimals, round_up=not is_buy
        )
        wire = OrderWire(
            _ASSET,
            is_buy,
            format_decimal(on_grid, ORDER_DECIMALS),
            format_decimal(amount, self._size_decimals),
            r=reduce_only,
            t=OrderType(LimitType("Ioc")),
        )
        self._send(self._leader, OrderAction((wire,), "na"), self.vault)

    @property
    def _oracle(self) -> int:
        return self._chain.ledger.perp.prices.rows[perp_address(_PERP)].oracle

    @property
    def _size_decimals(self) -> int:
        perp = self._chain.ledger.core.perp(_PERP)
        assert perp is not None, "markets trade it"
        return perp.size_decimals

    def _shares(self, user: Address) -> int:
        share = self._chain.ledger.core.vault_shares.get(self.vault + user)
        return share.shares if share else 0

    def _fund(self) -> None:
        for pair in self._depositors:
            nonce = self._next_nonce()
            payment = UsdSendAction(
                signature_chain_id="0x66eee",
                hyperliquid_chain="Testnet",
                destination=f"0x{pair.address.hex()}",
                amount=format_decimal(_FUNDS, COLLATERAL_DECIMALS),
                time=nonce,
            )
            self._send(default_accounts()[0], payment, nonce=nonce)

    def _next_nonce(self) -> int:
        self._nonce = max(self._nonce + 1, self._chain.head.timestamp * 1_000 + 500)
        return self._nonce

    def _send(
        self,
        pair: KeyPair,
        action: Action,
        vault: Address | None = None,
        *,
        nonce: int | None = None,
    ) -> None:
        """Sign an action and put it into a block of its own, at the head's time."""
        envelope = Envelope(action, self._next_nonce() if nonce is None else nonce, vault)
        now = self._chain.head.timestamp
        self._chain.send_to_core([SignedAction.by(pair, envelope)], now)
