"""IPerp is what we promise: its functions, events and errors, word for word."""

from __future__ import annotations

import re

import pytest
from eth_hash.auto import keccak

from precompiles.perp.interface import Perp
from precompiles.precompile import Precompile
from precompiles.spot.interface import Spot
from tests.contracts.test_ispot import ARTIFACTS, CONTRACTS, declaration, declarations

SEED_FUNCTIONS = (
    "openPosition(address,uint256,uint256,bool)",
    "closePosition(uint256)",
    "liquidate(uint256)",
    "getPosition(uint256)",
    "getMarkPrice(address)",
    "calculatePnL(uint256)",
)

# An indented line goes on with the one before it.
FUNCTIONS = """
openPosition(address market, uint256 size, uint256 leverage, bool isLong)
  returns (uint256 positionId)
closePosition(uint256 positionId) returns (int256 pnl)
liquidate(uint256 positionId) returns (uint256 liquidationPrice)
getPosition(uint256 positionId) view
  returns (uint256 id, address trader, address market, uint256 size, uint256 entryPrice,
  uint256 leverage, bool isLong, bool isOpen)
getMarkPrice(address market) view returns (uint256 price)
calculatePnL(uint256 positionId) view
  returns (uint256 value, int256 pnl, uint256 liquidationPrice)
deposit(uint256 amount) returns (uint256 credited)
withdraw(uint256 amount) returns (bool)
getAccount(address user) view
  returns (int256 cash, int256 equity, uint256 initialMargin, uint256 maintenanceMargin,
  uint256 withdrawable, uint256[] positionIds)
setLeverage(address market, uint256 leverage, bool isCross) returns (bool)
getLeverage(address user, address market) view returns (uint256 leverage, bool isCross)
addMargin(uint256 positionId, uint256 amount) returns (bool)
removeMargin(uint256 positionId, uint256 amount) returns (bool)
getPositionId(address user, address market) view returns (uint256 positionId)
getPositionState(uint256 positionId) view
  returns (int256 size, uint256 entryNotional, int256 margin, int256 unrealizedPnl,
  int256 funding, uint256 maintenanceMargin, uint256 liquidationPrice, uint8 kind, uint8 status)
isLiquidatable(uint256 positionId) view
  returns (bool liquidatable, int256 equity, uint256 maintenanceMargin)
collateral() view returns (address token)
getInsurance() view returns (uint256 fund, uint256 deficit)
fundInsurance(uint256 amount) returns (bool)
placeOrder(address market, uint256 size, uint256 price, bool isBuy) returns (uint256 orderId)
placeOrderWithOptions(address market, uint256 size, uint256 price, bool isBuy,
  uint8 timeInForce, bool reduceOnly, uint128 clientOrderId)
  returns (uint256 orderId, uint256 filled)
placeOrders((address market, uint256 size, uint256 price, bool isBuy, uint8 timeInForce,
  bool reduceOnly, uint128 clientOrderId)[] requests)
  returns ((uint256 orderId, uint8 status, uint256 filled, bytes4 errorSelector)[] results)
placeTrigger(address market, uint256 size, uint256 triggerPrice, uint256 limitPrice, bool isBuy,
  bool isTakeProfit, bool reduceOnly, uint128 clientOrderId) returns (uint256 orderId)
cancelOrder(uint256 orderId) returns (bool)
cancelOrders(uint256[] orderIds) returns (bytes4[] errors)
cancelOrderByClientId(uint128 clientOrderId) returns (uint256 orderId)
cancelAllOrders(address market) returns (uint256 cancelled)
getOrder(uint256 orderId) view
  returns (uint256 id, address user, address market, uint256 size, uint256 price, bool isBuy,
  uint256 filled)
getOrderStatus(uint256 orderId) view returns (uint8 status, uint256 remaining, uint8 reason)
getTrigger(uint256 orderId) view
  returns (address market, uint256 size, uint256 triggerPrice, uint256 limitPrice, bool isBuy,
  bool isTakeProfit, bool reduceOnly)
getOrderIdByClientId(address user, uint128 clientOrderId) view returns (uint256 orderId)
getOpenOrders(address user, uint256 afterOrderId, uint256 limit) view
  returns (uint256[] orderIds)
getBestPrices(address market) view returns (uint256 bid, uint256 ask)
getDepth(address market, uint256 levels) view
  returns (uint256[] bidPrices, uint256[] bidSizes, uint256[] askPrices, uint256[] askSizes)
setOraclePrice(address market, uint256 price) returns (uint256 markPrice)
setOraclePrices(address market, uint256 oraclePrice, uint256 externalPrice)
  returns (uint256 markPrice)
getOracle(address market) view
  returns (uint256 price, uint256 updatedAt, uint256 externalPrice, address feeder,
  uint256 maxAge)
getFunding(address market) view
  returns (int256 lastRate, int256 index, int256 premiumSum, uint256 premiumCount,
  uint256 nextFundingTime)
keep(uint256 limit) returns (uint256 done)
setCollateral(address token) returns (bool)
listMarket(address market, uint256 baseUnit, uint256 tick, uint256 lot, uint256 maxLeverage,
  address feeder) returns (bool)
setFees(address market, uint256 makerFee, uint256 takerFee, uint256 liquidationFee,
  address feeRecipient) returns (bool)
setTiers(address market, (uint256 lowerBound, uint256 maxLeverage)[] tiers) returns (bool)
setRisk(address market, uint256 maxPriceAge, uint256 maxSlippage, uint256 partialNotional,
  uint256 cooldown) returns (bool)
setLimits(address market, uint256 maxOpenInterest, uint256 minimumNotional, uint256 priceBand)
  returns (bool)
setFunding(address market, uint256 impactNotional) returns (bool)
setSelfTradePrevention(address market, uint8 mode) returns (bool)
setFeeder(address market, address feeder) returns (bool)
setVault(address market, address vault, uint256 limit) returns (bool)
setBackstop(address account) returns (bool)
getMarket(address market) view
  returns (uint256 baseUnit, uint256 tick, uint256 lot, uint256 maxLeverage, uint256 makerFee,
  uint256 takerFee, uint256 liquidationFee, address feeRecipient, uint8 selfTradePrevention,
  address vault, uint256 vaultLimit)
getRisk(address market) view
  returns (uint256 maxPriceAge, uint256 maxSlippage, uint256 partialNotional, uint256 cooldown,
  uint256 maxOpenInterest, uint256 minimumNotional, uint256 priceBand, uint256 impactNotional)
getTiers(address market) view returns ((uint256 lowerBound, uint256 maxLeverage)[] tiers)
getOpenInterest(address market) view returns (uint256 size)
getMarkets(uint256 offset, uint256 limit) view returns (address[] markets)
getBackstop() view returns (address account)
"""

EVENTS = """
OrderPlaced(uint256 indexed orderId, address indexed user, address indexed market, uint256 size,
  uint256 price, bool isBuy, uint8 timeInForce, uint8 kind, bool reduceOnly,
  uint128 clientOrderId)
Trade(address indexed market, address indexed maker, address indexed taker, uint256 tradeId,
  uint256 makerOrderId, uint256 takerOrderId, uint256 price, uint256 size, uint256 notional,
  uint256 makerFee, uint256 takerFee, bool takerIsBuy, uint256 makerRemaining,
  uint256 takerRemaining)
OrderClosed(uint256 indexed orderId, address indexed user, address indexed market, uint8 status,
  uint8 reason, uint256 filled, uint256 remaining)
OrderReduced(uint256 indexed orderId, address indexed user, address indexed market,
  uint256 size, uint256 remaining)
TriggerPlaced(uint256 indexed orderId, address indexed user, address indexed market,
  uint256 size, uint256 triggerPrice, uint256 limitPrice, bool isBuy, bool isTakeProfit,
  bool reduceOnly, uint128 clientOrderId)
TriggerFired(uint256 indexed orderId, uint256 markPrice)
PositionChanged(uint256 indexed positionId, address indexed user, address indexed market,
  int256 size, uint256 entryNotional, int256 realizedPnl, int256 funding, uint8 kind,
  uint8 status)
Liquidated(uint256 indexed positionId, address indexed user, address indexed liquidator,
  uint256 size, uint256 price, uint8 stage, int256 remainingEquity)
Deleveraged(uint256 indexed positionId, uint256 indexed bankruptPositionId, uint256 size,
  uint256 notional)
InsuranceChanged(int256 change, uint256 fund, uint256 deficit)
MarginChanged(uint256 indexed positionId, int256 change)
LeverageSet(address indexed user, address indexed market, uint256 leverage, bool isCross)
OraclePriceSet(address indexed market, uint256 oraclePrice, uint256 markPrice)
FundingSettled(address indexed market, int256 rate, int256 index, uint256 hoursSettled)
Deposit(address indexed user, address indexed token, uint256 amount)
Withdrawal(address indexed user, address indexed token, uint256 amount)
MarketListed(address indexed market, uint256 baseUnit, uint256 tick, uint256 lot,
  uint256 maxLeverage, address feeder)
MarketChanged(address indexed market, bytes32 what)
CollateralSet(address indexed token)
BackstopSet(address indexed account)
"""

ERRORS = """
InvalidLeverage(uint256 leverage, uint256 maxLeverage)
StalePrice(address market, uint256 updatedAt, uint256 maxAge)
NoOraclePrice(address market)
NotFeeder(address market, address caller, address feeder)
InsufficientMargin(int256 available, uint256 needed)
InsufficientCollateral(uint256 available, uint256 needed)
PositionNotFound(uint256 positionId)
NotPositionOwner(uint256 positionId, address caller, address owner)
PositionNotOpen(uint256 positionId)
PositionIsOpen(uint256 positionId)
NotIsolated(uint256 positionId)
NotLiquidatable(uint256 positionId, int256 equity, uint256 maintenanceMargin)
PositionHealthy(uint256 positionId, uint256 markPrice, uint256 liquidationPrice)
LiquidationCoolingDown(uint256 positionId, uint256 until)
WouldNotReduce(int256 position, uint256 amount)
OpenInterestTooLarge(uint256 openInterest, uint256 max)
BelowMinimumNotional(uint256 notional, uint256 minimum)
PriceOutOfBand(uint256 price, uint256 low, uint256 high)
CollateralNotSet()
CollateralAlreadySet(address token)
InvalidTrigger(uint256 triggerPrice, uint256 markPrice)
PositionBankrupt(uint256 positionId, int256 equity)
"""


def declared(contract: str, kind: str) -> set[str]:
    """Every declaration of a kind in an artifact."""
    abi = ARTIFACTS[contract]["abi"]
    return {declaration(entry) for entry in abi if entry["type"] == kind}


@pytest.mark.parametrize("signature", SEED_FUNCTIONS)
def test_seed_functions_keep_their_selectors(signature: str) -> None:
    """Contracts written against the first interface go on working."""
    selectors = ARTIFACTS["IPerp"]["methodIdentifiers"]
    assert selectors[signature] == keccak(signature.encode())[:4].hex()


@pytest.mark.parametrize(("kind", "table"), [("function", FUNCTIONS), ("event", EVENTS)])
def test_interface_declares_exactly_what_is_promised(kind: str, table: str) -> None:
    """Names, types, order and mutability: a change of any is a change of the interface."""
    assert declared("IPerp", kind) == declarations(table)


def test_errors_are_those_of_both_exchanges_and_of_this_one() -> None:
    """What the spot exchange says too is declared once, and each interface has all it needs."""
    shared = declared("IExchangeErrors", "error")
    assert declared("IPerp", "error") == shared | declarations(ERRORS)
    assert shared < declared("ISpot", "error")
    assert not shared & declarations(ERRORS)


@pytest.mark.parametrize(("contract", "precompile"), [("ISpot", Spot), ("IPerp", Perp)])
def test_documented_gas_is_what_a_call_is_charged(
    contract: str, precompile: type[Precompile]
) -> None:
    """Every method says what it costs, before what depends on the work it finds."""
    source = (CONTRACTS / f"{contract}.sol").read_text()
    entry = re.compile(r"@custom:gas ([\d,]+)(?:(?!@custom:gas).)*?\bfunction (\w+)\(", re.DOTALL)
    documented = {name: int(gas.replace(",", "")) for gas, name in entry.findall(source)}
    charged = {method.signature.name: method.gas for method in precompile.methods.values()}
    assert documented == charged
