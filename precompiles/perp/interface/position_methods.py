"""Methods of IPerp about positions: opening, closing, showing, liquidating."""

from __future__ import annotations

from precompiles.engine.amounts import floor_divide
from precompiles.engine.position import entry_price, unrealized_pnl
from precompiles.errors import PositionNotFound
from precompiles.execution import Execution
from precompiles.ledger.perp.records import PerpMarket, PerpPrices, Position
from precompiles.perp import collateral, keeper, liquidation, position_orders
from precompiles.perp.accrual import prices_at
from precompiles.perp.danger import (
    is_in_danger,
    judged_group,
    judged_position,
    liquidation_price_of,
)
from precompiles.perp.health import funding_due
from precompiles.perp.liquidation import LIQUIDATE_GAS
from precompiles.precompile import Precompile, method
from precompiles.types import Address


class PositionMethods(Precompile):
    """Positions by id."""

    @method(
        "openPosition(address market,uint256 size,uint256 leverage,bool isLong)"
        " returns (uint256 positionId)",
        gas=100_000,
    )
    def open_position(
        self, execution: Execution, market: Address, size: int, leverage: int, is_long: bool
    ) -> int:
        """Open a standalone position at market."""
        return position_orders.open_position(execution, market, size, leverage, is_long=is_long).id

    @method("closePosition(uint256 positionId) returns (int256 pnl)", gas=80_000)
    def close_position(self, execution: Execution, position_id: int) -> int:
        """Close all of a position at market."""
        return position_orders.close_position(execution, position_id)

    @method("liquidate(uint256 positionId) returns (uint256 liquidationPrice)", gas=LIQUIDATE_GAS)
    def liquidate(self, execution: Execution, position_id: int) -> int:
        """Liquidate a position; anyone may."""
        return liquidation.liquidate(execution, position_id)

    @method("keep(uint256 limit) returns (uint256 done)", gas=20_000)
    def keep(self, execution: Execution, limit: int) -> int:
        """Fire due triggers and liquidate what can be."""
        return keeper.run_keeper(execution, limit)

    @method(
        "addMargin(uint256 positionId,uint256 amount) returns (bool)",
        gas=20_000,
    )
    def add_margin(self, execution: Execution, position_id: int, amount: int) -> bool:
        """Add margin to an isolated position."""
        collateral.add_margin(execution, position_id, amount)
        return True

    @method(
        "removeMargin(uint256 positionId,uint256 amount) returns (bool)",
        gas=20_000,
    )
    def remove_margin(self, execution: Execution, position_id: int, amount: int) -> bool:
        """Remove margin from an isolated position."""
        collateral.remove_margin(execution, position_id, amount)
        return True

    @method(
        "getPosition(uint256 positionId) view returns (uint256 id,address trader,address market,"
        "uint256 size,uint256 entryPrice,uint256 leverage,bool isLong,bool isOpen)",
        gas=5_000,
    )
    def get_position(self, execution: Execution, position_id: int) -> tuple[object, ...]:
        """Show a position, open or ended; an ended one has the size and entry it had last."""
        position = self._position(position_id)
        market = self.ledger.perp.markets.rows[position.asset]
        return (
            position.id,
            position.owner,
            position.asset,
            abs(position.size),
            entry_price(position.size, position.entry_notional, market.base_unit),
            position.leverage,
            position.is_long,
            position.is_open,
        )

    @method(
        "calculatePnL(uint256 positionId) view returns (uint256 value,int256 pnl,"
        "uint256 liquidationPrice)",
        gas=10_000,
    )
    def calculate_pnl(self, execution: Execution, position_id: int) -> tuple[int, int, int]:
        """Show value and profit at the mark price of now; zeros for an ended position."""
        position = self._position(position_id)
        if not position.is_open:
            return 0, 0, 0
        market, prices = self._market(position, execution.now)
        value = floor_divide(abs(position.size) * prices.mark, market.base_unit)
        gain = unrealized_pnl(position.size, position.entry_notional, prices.mark, market.base_unit)
        return value, gain, liquidation_price_of(self.ledger, position, execution.now)

    @method(
        "getPositionState(uint256 positionId) view returns (int256 size,uint256 entryNotional,"
        "int256 margin,int256 unrealizedPnl,int256 funding,uint256 maintenanceMargin,"
        "uint256 liquidationPrice,uint8 kind,uint8 status)",
        gas=10_000,
    )
    def get_position_state(self, execution: Execution, position_id: int) -> tuple[int, ...]:
        """Show all of an open position; only kind and status of an ended one."""
        position = self._position(position_id)
        if not position.is_open:
            return 0, 0, 0, 0, 0, 0, 0, position.kind, position.status
        market, prices = self._market(position, execution.now)
        return (
            position.size,
            position.entry_notional,
            position.margin if position.has_own_cash else 0,
            unrealized_pnl(position.size, position.entry_notional, prices.mark, market.base_unit),
            funding_due(market, prices, position),
            judged_position(self.ledger, position, execution.now).maintenance,
            liquidation_price_of(self.ledger, position, execution.now),
            position.kind,
            position.status,
        )

    @method(
        "isLiquidatable(uint256 positionId) view returns (bool liquidatable,int256 equity,"
        "uint256 maintenanceMargin)",
        gas=10_000,
    )
    def is_liquidatable(self, execution: Execution, position_id: int) -> tuple[bool, int, int]:
        """Show whether a position, or its account where cross, can be liquidated."""
        position = self._position(position_id)
        if not position.is_open:
            return False, 0, 0
        health = judged_group(self.ledger, position, execution.now)
        danger = is_in_danger(self.ledger, position, execution.now)
        return danger, health.equity, health.maintenance

    @method(
        "getPositionId(address user,address market) view returns (uint256 positionId)", gas=3_000
    )
    def get_position_id(self, execution: Execution, user: Address, market: Address) -> int:
        """Show the open position that the user's orders change, or 0."""
        return self.ledger.perp.open_positions.netting.get((user, market), 0)

    def _position(self, position_id: int) -> Position:
        position = self.ledger.position(position_id)
        if position is None:
            raise PositionNotFound(position_id)
        return position

    def _market(self, position: Position, now: int) -> tuple[PerpMarket, PerpPrices]:
        market = self.ledger.perp.markets.rows[position.asset]
        return market, prices_at(self.ledger, market, now)
