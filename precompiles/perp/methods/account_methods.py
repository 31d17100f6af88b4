"""Collateral, leverage, and what an account is worth."""

from __future__ import annotations

from precompiles.abi.method import method
from precompiles.context import CallContext
from precompiles.perp import collateral
from precompiles.perp.accounts import HEALTH_GAS, cross_health
from precompiles.perp.markets import require_market
from precompiles.perp.methods.base import Shell
from precompiles.perp.positions import preference
from precompiles.types import Address


class AccountMethods(Shell):
    """Accounts by address."""

    @method("deposit(uint256 amount) returns (uint256 credited)", gas=60_000)
    def deposit(self, context: CallContext, amount: int) -> int:
        """Collateral that the caller has approved."""
        with self.doing(context) as execution:
            collateral.deposit(self.ledger, execution, context, self.address, amount)
        return amount

    @method("withdraw(uint256 amount) returns (bool)", gas=60_000)
    def withdraw(self, context: CallContext, amount: int) -> bool:
        """Collateral that nothing needs, to the caller."""
        with self.doing(context) as execution:
            collateral.withdraw(self.ledger, execution, context, self.address, amount)
        return True

    @method("fundInsurance(uint256 amount) returns (bool)", gas=20_000)
    def fund_insurance(self, context: CallContext, amount: int) -> bool:
        """A gift to the insurance fund."""
        with self.doing(context) as execution:
            collateral.fund_insurance(self.ledger, execution, amount)
        return True

    @method(
        "setLeverage(address market,uint256 leverage,bool isCross) returns (bool)",
        gas=20_000,
    )
    def set_leverage(
        self, context: CallContext, market: Address, leverage: int, is_cross: bool
    ) -> bool:
        """For the caller's orders in a market."""
        with self.doing(context) as execution:
            collateral.set_leverage(self.ledger, execution, market, leverage, is_cross=is_cross)
        return True

    @method(
        "getLeverage(address user,address market) view returns (uint256 leverage,bool isCross)",
        gas=3_000,
    )
    def get_leverage(
        self, context: CallContext, user: Address, market: Address
    ) -> tuple[int, bool]:
        """What the user chose, or the default."""
        del context
        chosen = preference(self.ledger, user, require_market(self.ledger, market))
        return chosen.leverage, chosen.is_cross

    @method(
        "getAccount(address user) view returns (int256 cash,int256 equity,uint256 initialMargin,"
        "uint256 maintenanceMargin,uint256 withdrawable,uint256[] positionIds)",
        gas=10_000,
    )
    def get_account(self, context: CallContext, user: Address) -> tuple[object, ...]:
        """The cross account; `positionIds` are all that are open, with their own cash or not."""
        ids = self.ledger.perp.open_positions.by_owner.of(user)
        context.charge(HEALTH_GAS * len(ids))
        health = cross_health(self.ledger, user, context.timestamp)
        return (
            self.ledger.perp.cash(user),
            health.equity,
            health.initial,
            health.maintenance,
            max(0, health.removable),
            list(ids),
        )

    @method("collateral() view returns (address token)", gas=2_000)
    def collateral(self, context: CallContext) -> Address:
        """The zero address before it is set."""
        del context
        return self.ledger.perp.settings.collateral

    @method("getInsurance() view returns (uint256 fund,uint256 deficit)", gas=2_000)
    def get_insurance(self, context: CallContext) -> tuple[int, int]:
        """What is there for bankruptcies, and what was too much for it."""
        del context
        fund = self.ledger.perp.fund
        return fund.insurance, fund.deficit
