"""Methods of IPerp about markets: prices, rules, and changing them."""

from __future__ import annotations

from precompiles.engine.funding import FUNDING_SECONDS
from precompiles.errors import InvalidMarket
from precompiles.execution import Execution
from precompiles.perp import markets, oracle
from precompiles.perp.accrual import prices_at
from precompiles.perp.markets import require_market, tiers_of
from precompiles.perp.oracle import require_price
from precompiles.precompile import MAX_PAGE, Precompile, check_limit, method
from precompiles.types import Address, SelfTradePrevention

_SET = 30_000
_PRICE = 40_000


class MarketMethods(Precompile):
    """Markets by address of what is traded."""

    # Prices

    @method("getMarkPrice(address market) view returns (uint256 price)", gas=3_000)
    def get_mark_price(self, execution: Execution, market: Address) -> int:
        """Show the mark price of now. Raises NoOraclePrice before the first price."""
        rules = require_market(self.ledger, market)
        prices = prices_at(self.ledger, rules, execution.now)
        require_price(rules, prices)
        return prices.mark

    @method("setOraclePrice(address market,uint256 price) returns (uint256 markPrice)", gas=_PRICE)
    def set_oracle_price(self, execution: Execution, market: Address, price: int) -> int:
        """Set the oracle price; feeder only."""
        return self._set_price(execution, market, price, 0)

    @method(
        "setOraclePrices(address market,uint256 oraclePrice,uint256 externalPrice)"
        " returns (uint256 markPrice)",
        gas=_PRICE,
    )
    def set_oracle_prices(
        self, execution: Execution, market: Address, price: int, external: int
    ) -> int:
        """Set the oracle price, and the price on other perpetual markets; feeder only."""
        return self._set_price(execution, market, price, external)

    @method(
        "getOracle(address market) view returns (uint256 price,uint256 updatedAt,"
        "uint256 externalPrice,address feeder,uint256 maxAge)",
        gas=5_000,
    )
    def get_oracle(self, execution: Execution, market: Address) -> tuple[object, ...]:
        """Show the last oracle price, and the account that may set the next."""
        rules = require_market(self.ledger, market)
        prices = prices_at(self.ledger, rules, execution.now)
        return (
            prices.oracle,
            prices.oracle_time,
            prices.external,
            rules.feeder,
            rules.max_price_age,
        )

    @method(
        "getFunding(address market) view returns (int256 lastRate,int256 index,"
        "int256 premiumSum,uint256 premiumCount,uint256 nextFundingTime)",
        gas=5_000,
    )
    def get_funding(self, execution: Execution, market: Address) -> tuple[int, ...]:
        """Show funding: rates in parts of 10**12, the index per base unit times 10**18."""
        rules = require_market(self.ledger, market)
        prices = prices_at(self.ledger, rules, execution.now)
        hour = execution.now // FUNDING_SECONDS + 1
        return (
            prices.last_rate,
            prices.funding_index,
            prices.premium_sum,
            prices.premium_count,
            hour * FUNDING_SECONDS,
        )

    @method("getOpenInterest(address market) view returns (uint256 size)", gas=3_000)
    def get_open_interest(self, execution: Execution, market: Address) -> int:
        """Sum the long sizes, which is that of the short ones."""
        rules = require_market(self.ledger, market)
        return prices_at(self.ledger, rules, execution.now).open_interest

    # Rules

    @method(
        "getMarket(address market) view returns (uint256 baseUnit,uint256 tick,uint256 lot,"
        "uint256 maxLeverage,uint256 makerFee,uint256 takerFee,uint256 liquidationFee,"
        "address feeRecipient,uint8 selfTradePrevention,address vault,uint256 vaultLimit)",
        gas=5_000,
    )
    def get_market(self, execution: Execution, market: Address) -> tuple[object, ...]:
        """Show units, fees and vault of a market."""
        rules = require_market(self.ledger, market)
        return (
            rules.base_unit,
            rules.tick,
            rules.lot,
            rules.max_leverage,
            rules.maker_fee,
            rules.taker_fee,
            rules.liquidation_fee,
            rules.fee_recipient,
            rules.self_trade_prevention,
            rules.vault,
            rules.vault_limit,
        )

    @method(
        "getRisk(address market) view returns (uint256 maxPriceAge,uint256 maxSlippage,"
        "uint256 partialNotional,uint256 cooldown,uint256 maxOpenInterest,"
        "uint256 minimumNotional,uint256 priceBand,uint256 impactNotional)",
        gas=5_000,
    )
    def get_risk(self, execution: Execution, market: Address) -> tuple[int, ...]:
        """Show the limits of a market."""
        rules = require_market(self.ledger, market)
        return (
            rules.max_price_age,
            rules.max_slippage,
            rules.partial_notional,
            rules.cooldown,
            rules.max_open_interest,
            rules.minimum_notional,
            rules.price_band,
            rules.impact_notional,
        )

    @method(
        "getTiers(address market) view returns ((uint256 lowerBound,uint256 maxLeverage)[] tiers)",
        gas=5_000,
    )
    def get_tiers(self, execution: Execution, market: Address) -> list[tuple[int, int]]:
        """Show the margin table."""
        return list(tiers_of(require_market(self.ledger, market)))

    @method("getMarkets(uint256 offset,uint256 limit) view returns (address[] markets)", gas=10_000)
    def get_markets(self, execution: Execution, offset: int, limit: int) -> list[Address]:
        """Show markets in the order of listing."""
        check_limit(limit, MAX_PAGE)
        listed = markets.listed_markets(self.ledger)
        return [rules.asset for rules in listed[offset : offset + limit]]

    @method("getBackstop() view returns (address account)", gas=2_000)
    def get_backstop(self, execution: Execution) -> Address:
        """Show the backstop account; the zero address for none."""
        return self.ledger.perp.settings.backstop

    # Changing the rules, only by the exchange's owner

    @method("setCollateral(address token) returns (bool)", gas=_SET)
    def set_collateral(self, execution: Execution, token: Address) -> bool:
        """Choose the collateral token, once; owner only."""
        markets.set_collateral(execution, token)
        return True

    @method("setBackstop(address account) returns (bool)", gas=_SET)
    def set_backstop(self, execution: Execution, account: Address) -> bool:
        """Choose the backstop account; owner only."""
        markets.set_backstop(execution, account)
        return True

    @method(
        "listMarket(address market,uint256 baseUnit,uint256 tick,uint256 lot,"
        "uint256 maxLeverage,address feeder) returns (bool)",
        gas=100_000,
    )
    def list_market(
        self,
        execution: Execution,
        market: Address,
        base_unit: int,
        tick: int,
        lot: int,
        max_leverage: int,
        feeder: Address,
    ) -> bool:
        """List a market with default rules; owner only."""
        markets.list_market(execution, market, base_unit, tick, lot, max_leverage, feeder)
        return True

    @method(
        "setFees(address market,uint256 makerFee,uint256 takerFee,uint256 liquidationFee,"
        "address feeRecipient) returns (bool)",
        gas=_SET,
    )
    def set_fees(
        self,
        execution: Execution,
        market: Address,
        maker_fee: int,
        taker_fee: int,
        liquidation_fee: int,
        fee_recipient: Address,
    ) -> bool:
        """Set fees, in hundred-thousandths of the notional; owner only."""
        return self._change(
            execution,
            market,
            "setFees",
            maker_fee=maker_fee,
            taker_fee=taker_fee,
            liquidation_fee=liquidation_fee,
            fee_recipient=fee_recipient,
        )

    @method(
        "setTiers(address market,(uint256 lowerBound,uint256 maxLeverage)[] tiers) returns (bool)",
        gas=_SET,
    )
    def set_tiers(
        self, execution: Execution, market: Address, tiers: list[tuple[int, int]]
    ) -> bool:
        """Set the margin table, whose first leverage is the market's maximum; owner only."""
        return self._change(execution, market, "setTiers", tiers=markets.stored_tiers(tiers))

    @method(
        "setRisk(address market,uint256 maxPriceAge,uint256 maxSlippage,"
        "uint256 partialNotional,uint256 cooldown) returns (bool)",
        gas=_SET,
    )
    def set_risk(
        self,
        execution: Execution,
        market: Address,
        max_price_age: int,
        max_slippage: int,
        partial_notional: int,
        cooldown: int,
    ) -> bool:
        """Set price age, slippage, and partial liquidation; owner only."""
        return self._change(
            execution,
            market,
            "setRisk",
            max_price_age=max_price_age,
            max_slippage=max_slippage,
            partial_notional=partial_notional,
            cooldown=cooldown,
        )

    @method(
        "setLimits(address market,uint256 maxOpenInterest,uint256 minimumNotional,"
        "uint256 priceBand) returns (bool)",
        gas=_SET,
    )
    def set_limits(
        self,
        execution: Execution,
        market: Address,
        max_open_interest: int,
        minimum_notional: int,
        price_band: int,
    ) -> bool:
        """Set limits, 0 for none; owner only."""
        return self._change(
            execution,
            market,
            "setLimits",
            max_open_interest=max_open_interest,
            minimum_notional=minimum_notional,
            price_band=price_band,
        )

    @method("setFunding(address market,uint256 impactNotional) returns (bool)", gas=_SET)
    def set_funding(self, execution: Execution, market: Address, impact_notional: int) -> bool:
        """Set the impact notional that samples the premium; owner only."""
        return self._change(execution, market, "setFunding", impact_notional=impact_notional)

    @method("setSelfTradePrevention(address market,uint8 mode) returns (bool)", gas=_SET)
    def set_self_trade_prevention(self, execution: Execution, market: Address, mode: int) -> bool:
        """Set the self-trade prevention; owner only."""
        if mode > max(SelfTradePrevention):
            raise InvalidMarket.of("mode")
        prevention = SelfTradePrevention(mode)
        return self._change(
            execution, market, "setSelfTradePrevention", self_trade_prevention=prevention
        )

    @method("setFeeder(address market,address feeder) returns (bool)", gas=_SET)
    def set_feeder(self, execution: Execution, market: Address, feeder: Address) -> bool:
        """Choose the account that sets prices; owner only."""
        return self._change(execution, market, "setFeeder", feeder=feeder)

    @method("setVault(address market,address vault,uint256 limit) returns (bool)", gas=_SET)
    def set_vault(self, execution: Execution, market: Address, vault: Address, limit: int) -> bool:
        """Choose the vault, up to a notional, or the zero address for none; owner only."""
        return self._change(execution, market, "setVault", vault=vault, vault_limit=limit)

    # Shared steps

    def _change(self, execution: Execution, market: Address, what: str, **rules: object) -> bool:
        markets.change_market(execution, market, what, **rules)
        return True

    def _set_price(self, execution: Execution, market: Address, price: int, external: int) -> int:
        return oracle.set_price(execution, market, price, external)
