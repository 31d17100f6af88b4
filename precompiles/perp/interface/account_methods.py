"""Methods of IPerp about collateral, leverage, and accounts."""

from __future__ import annotations

from precompiles.execution import Execution
from precompiles.perp import collateral
from precompiles.perp.health import HEALTH_GAS, cross_health
from precompiles.perp.markets import require_market
from precompiles.perp.positions import leverage_setting
from precompiles.precompile import Precompile, method
from precompiles.types import Address


class AccountMethods(Precompile):
    """Accounts by address."""

    @method("deposit(uint256 amount) returns (uint256 credited)", gas=60_000)
    def deposit(self, execution: Execution, amount: int) -> int:
        """Deposit collateral that the caller has approved."""
        collateral.deposit(execution, execution.call, self.address, amount)
        return amount

    @method("withdraw(uint256 amount) returns (bool)", gas=60_000)
    def withdraw(self, execution: Execution, amount: int) -> bool:
        """Withdraw collateral that nothing needs."""
        collateral.withdraw(execution, execution.call, self.address, amount)
        return True

    @method("fundInsurance(uint256 amount) returns (bool)", gas=20_000)
    def fund_insurance(self, execution: Execution, amount: int) -> bool:
        """Give collateral to the insurance fund."""
        collateral.fund_insurance(execution, amount)
        return True

    @method(
        "setLeverage(address market,uint256 leverage,bool isCross) returns (bool)",
        gas=20_000,
    )
    def set_leverage(
        self, execution: Execution, market: Address, leverage: int, is_cross: bool
    ) -> bool:
        """Set leverage and margin mode for the caller's orders in a market."""
        collateral.set_leverage(execution, market, leverage, is_cross=is_cross)
        return True

    @method(
        "getLeverage(address user,address market) view returns (uint256 leverage,bool isCross)",
        gas=3_000,
    )
    def get_leverage(
        self, execution: Execution, user: Address, market: Address
    ) -> tuple[int, bool]:
        """Show the leverage and mode the user chose, or the default."""
        chosen = leverage_setting(self.ledger, user, require_market(self.ledger, market))
        return chosen.leverage, chosen.is_cross

    @method(
        "getAccount(address user) view returns (int256 cash,int256 equity,uint256 initialMargin,"
        "uint256 maintenanceMargin,uint256 withdrawable,uint256[] positionIds)",
        gas=10_000,
    )
    def get_account(self, execution: Execution, user: Address) -> tuple[object, ...]:
        """Show the cross account; `positionIds` are all open ones, with their own cash or not."""
        ids = self.ledger.perp.open_positions.by_owner.of(user)
        execution.charge(HEALTH_GAS * len(ids))
        health = cross_health(self.ledger, user, execution.now)
        return (
            self.ledger.perp.cash(user),
            health.equity,
            health.initial,
            health.maintenance,
            max(0, collateral.withdrawable_cash(self.ledger, user, execution.now)),
            list(ids),
        )

    @method("collateral() view returns (address token)", gas=2_000)
    def collateral(self, execution: Execution) -> Address:
        """Show the collateral token; the zero address before it is set."""
        return self.ledger.perp.settings.collateral

    @method("getInsurance() view returns (uint256 fund,uint256 deficit)", gas=2_000)
    def get_insurance(self, execution: Execution) -> tuple[int, int]:
        """Show the insurance fund, and the deficit it could not cover."""
        fund = self.ledger.perp.fund
        return fund.insurance, fund.deficit
