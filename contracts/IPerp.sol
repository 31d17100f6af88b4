// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {
    CloseReason,
    OrderResult,
    OrderStatus,
    SelfTradePrevention,
    TimeInForce
} from "./ExchangeTypes.sol";
import {IPerpErrors} from "./IPerpErrors.sol";
import {IPerpEvents} from "./IPerpEvents.sol";
import {PerpOrderRequest, PositionKind, PositionStatus, Tier} from "./PerpTypes.sol";

// The exchange's address on every chain that has it.
IPerp constant PERP = IPerp(0x0000000000000000000000000000000000000d02);

/// @title Perpetual futures on an order book, behind a precompile.
///
/// @notice One token is the collateral of everything here. It is deposited, and profits, losses,
/// fees and funding are added to and taken from it; the account is `msg.sender`. A market is named
/// by any address, usually that of the token whose price it follows.
///
/// Units: cash, margin, notionals, equity and fees are in the smallest units of the collateral.
/// Sizes are in size units, and a price is collateral units for `baseUnit` of them; each market
/// has its own `baseUnit`. Sizes and prices are at most 2^112 - 1. Signed sizes are positive for
/// longs and negative for shorts. Fees, slippage and price bands are in hundred-thousandths; times
/// in seconds of block time.
///
/// Trades: an order fills against the best price first, the oldest order first among equals,
/// always at the resting order's price. Both sides book the same notional,
/// `size * price / baseUnit` rounded down, so that one side's profit is the other's loss exactly.
/// No fill against an order is worth less than one unit: what would be is refused with
/// `BelowMinimumNotional`, and a rest that would be ends as `TOO_SMALL`.
/// Fees are on top, rounded up, from each side's account.
///
/// Equity: cash, plus what every position is worth at the mark price, plus its funding. The value
/// `size * mark / baseUnit` is rounded down with its sign: what is owned counts as a little less,
/// what is owed as a little more. Funding too is rounded down: payers pay a little more.
///
/// Margin: a position of notional N, rounded up, has as maintenance margin the sum over the
/// market's tiers of the part of N in the tier / (2 * the tier's maximum leverage), and as initial
/// margin the larger of N / leverage and twice that sum; each rounded up once.
///
/// Liquidation: equity below the maintenance margin makes a position liquidatable; equality does
/// not. Both are judged at the oracle price, not at the mark price, which a thin book can bend.
/// While its oracle price is stale a position counts at the last one, but for no more than it was
/// entered for.
///
/// Positions: orders net into one position per user and market, cross or isolated as
/// `setLeverage` says. `openPosition` makes a standalone position each time, with an id, a margin
/// and a leverage of its own.
///
/// @dev Every method can revert with `MalformedCalldata`, `DelegateCallNotAllowed` and
/// `ValueNotAccepted`; every method that is not a view with `StaticCallNotAllowed` and, while the
/// exchange is calling a token, with `ReentrantCall`. Unknown selectors revert with
/// `UnknownMethod`. The lists below name what comes on top; errors are in `IPerpErrors`, events in
/// `IPerpEvents`.
/// Gas is on top of the CALL's own. It is charged before the work it pays for, and not given back
/// by a revert. An order that meets resting orders pays 40,000 for each, whatever becomes of it.
/// Where an account's margin is looked at, each of its cross positions is 300.
interface IPerp is IPerpErrors, IPerpEvents {
    // Standalone positions

    /// @notice Opens a position at once: first against the book, within the market's slippage of
    /// the mark price, then the rest against the liquidity vault at the mark price.
    /// @param market Where.
    /// @param size Size units; a multiple of the market's lot.
    /// @param leverage From 1 to the market's maximum. Notional / leverage, rounded up, moves from
    /// the account's cash to the position.
    /// @param isLong True gains when the price rises.
    /// @return positionId Never zero, and never used again.
    /// @custom:gas 100,000 + 40,000 per order met
    /// @custom:reverts UnknownMarket, AmountZero, AmountTooLarge, AmountNotMultipleOfLot,
    /// InvalidLeverage, NoOraclePrice, StalePrice, CannotFillCompletely, InsufficientMargin,
    /// OpenInterestTooLarge
    function openPosition(address market, uint256 size, uint256 leverage, bool isLong)
        external
        returns (uint256 positionId);

    /// @notice Closes a position of the caller, of any kind, the way it would have been opened.
    /// All its margin goes back to the account.
    /// @return pnl Price gain or loss since it opened, in collateral units, without
    /// fees and funding.
    /// @custom:gas 80,000 + 40,000 per order met
    /// @custom:reverts PositionNotFound, NotPositionOwner, PositionNotOpen, CannotFillCompletely,
    /// StalePrice (where the vault would have to fill), PositionBankrupt, InsufficientMargin (the
    /// account would be in debt)
    function closePosition(uint256 positionId) external returns (int256 pnl);

    /// @notice Closes a position whose margin no longer suffices; anyone may. With equity of at
    /// least two thirds of the maintenance margin it goes to the book, a large one by a fifth
    /// first: the rest may follow after the cooldown, for as long as that took. Below that, or when
    /// nothing fills, the backstop account takes over at the oracle price, the insurance fund
    /// covering negative equity. The rest is closed at the oracle price against the
    /// most profitable positions of the other side, which bears what is still missing: first from
    /// what it has gained where the loss was made, then from whatever else it has. A cross position
    /// stands for its whole account, whose positions at a stale price stay open. The account's
    /// orders, or those in the market of an isolated position, end, at most 50 of them.
    /// @return liquidationPrice Average price of what was closed of this position, rounded down;
    /// the oracle price where the book had no part in it.
    /// @custom:gas 60,000 + 20,000 per order that ends + 40,000 per order met, at most 50 of them +
    /// 30,000 per position that it is closed against + 10,000 per position that only bears a loss
    /// @custom:reverts PositionNotFound, PositionNotOpen, StalePrice, NotLiquidatable,
    /// PositionHealthy (standalone), LiquidationCoolingDown
    function liquidate(uint256 positionId) external returns (uint256 liquidationPrice);

    /// @notice A position of any kind. Ended ones stay readable, with their last size.
    /// @return id The same as `positionId`.
    /// @return trader Its owner.
    /// @return market Where.
    /// @return size Size units, without a sign.
    /// @return entryPrice Average price of its opening, rounded down.
    /// @return leverage As it was opened, or as `setLeverage` has changed it.
    /// @return isLong Its direction.
    /// @return isOpen Whether it has not ended.
    /// @custom:gas 5,000
    /// @custom:reverts PositionNotFound
    function getPosition(uint256 positionId)
        external
        view
        returns (
            uint256 id,
            address trader,
            address market,
            uint256 size,
            uint256 entryPrice,
            uint256 leverage,
            bool isLong,
            bool isOpen
        );

    /// @notice The price of margin and profits, never further from the oracle price
    /// than the least maintenance rate; what liquidates is the oracle price. Where the book
    /// has both sides, the median of: the oracle price plus the average distance of the book from
    /// it over 150 s; the median of best bid, best ask and last trade; and the external price or,
    /// without one, the book's average over 30 s. Otherwise the oracle price.
    /// @return price Collateral units per `baseUnit`.
    /// @custom:gas 3,000
    /// @custom:reverts UnknownMarket, NoOraclePrice
    function getMarkPrice(address market) external view returns (uint256 price);

    /// @notice Value of an open position at the mark price; zeros for an ended one.
    /// @return value Its notional, rounded down.
    /// @return pnl Gain or loss by the price alone.
    /// @return liquidationPrice The oracle price at which it becomes liquidatable, all else equal;
    /// zero where there is none.
    /// @custom:gas 10,000
    /// @custom:reverts PositionNotFound
    function calculatePnL(uint256 positionId)
        external
        view
        returns (uint256 value, int256 pnl, uint256 liquidationPrice);

    // Accounts

    /// @notice Takes `amount` of the collateral from the caller, who must have approved it.
    /// @dev Calls the token's `balanceOf` and `transferFrom`.
    /// @return credited Always `amount`.
    /// @custom:gas 60,000 + the token's own
    /// @custom:reverts CollateralNotSet, AmountZero, AmountTooLarge, TokenCallFailed,
    /// TokenAmountMismatch
    function deposit(uint256 amount) external returns (uint256 credited);

    /// @notice Sends `amount` of the collateral to the caller. The equity that remains must
    /// be at least the initial margin, and at least a tenth of the notional of all cross
    /// positions, rounded up; at the mark price and at the oracle price.
    /// @dev Calls the token's `balanceOf` and `transfer`.
    /// @return Always true.
    /// @custom:gas 60,000 + the token's own
    /// @custom:reverts CollateralNotSet, AmountZero, StalePrice, InsufficientMargin,
    /// InsufficientCollateral, TokenCallFailed, TokenAmountMismatch
    function withdraw(uint256 amount) external returns (bool);

    /// @notice The account that orders are margined from: its cash and its cross positions.
    /// @return cash May be negative while positions are worth as much.
    /// @return equity Cash, plus the value and funding of cross positions.
    /// @return initialMargin Of all cross positions.
    /// @return maintenanceMargin Of all cross positions.
    /// @return withdrawable The most that `withdraw` would pay out now.
    /// @return positionIds The user's open positions of every kind.
    /// @custom:gas 10,000 + 300 per open position
    function getAccount(address user)
        external
        view
        returns (
            int256 cash,
            int256 equity,
            uint256 initialMargin,
            uint256 maintenanceMargin,
            uint256 withdrawable,
            uint256[] memory positionIds
        );

    /// @notice Says with which leverage, and how backed, orders in `market` open positions. Until
    /// then it is cross, and 10 or the market's maximum if that is less. Moves no money.
    /// @param leverage From 1 to the market's maximum.
    /// @param isCross True: backed by the account. False: isolated. Can't change while the
    /// position is open.
    /// @return Always true.
    /// @custom:gas 20,000
    /// @custom:reverts UnknownMarket, InvalidLeverage, PositionIsOpen, InsufficientMargin
    function setLeverage(address market, uint256 leverage, bool isCross) external returns (bool);

    /// @notice Leverage and margin mode as set by `setLeverage`.
    /// @custom:gas 3,000
    /// @custom:reverts UnknownMarket
    function getLeverage(address user, address market)
        external
        view
        returns (uint256 leverage, bool isCross);

    /// @notice Moves cash of the account to an isolated position of the caller, by the rule of
    /// `withdraw`. A standalone position keeps the margin it was opened with.
    /// @return Always true.
    /// @custom:gas 20,000
    /// @custom:reverts PositionNotFound, NotPositionOwner, PositionNotOpen, NotIsolated,
    /// AmountZero, InsufficientMargin, StalePrice
    function addMargin(uint256 positionId, uint256 amount) external returns (bool);

    /// @notice Moves cash back. The position's equity must remain at least its initial margin, and
    /// at least a tenth of its notional, rounded up.
    /// @return Always true.
    /// @custom:gas 20,000
    /// @custom:reverts PositionNotFound, NotPositionOwner, PositionNotOpen, NotIsolated,
    /// AmountZero, InsufficientMargin, StalePrice
    function removeMargin(uint256 positionId, uint256 amount) external returns (bool);

    /// @notice The open position that orders of `user` in `market` net into.
    /// @return positionId Zero where there is none.
    /// @custom:gas 3,000
    function getPositionId(address user, address market)
        external
        view
        returns (uint256 positionId);

    /// @notice A position in its own terms. Of an ended one, kind and status only.
    /// @return size Signed.
    /// @return entryNotional Notional it was opened for.
    /// @return margin Its own cash less, for a long, or plus, for a short, what it has to give
    /// back: `cash + entryNotional` of a long, `cash - entryNotional` of a short. Zero for cross.
    /// @return unrealizedPnl At the mark price.
    /// @return funding Not yet settled; negative where it must be paid.
    /// @return maintenanceMargin Least equity at the oracle price before it can be liquidated.
    /// @return liquidationPrice As `calculatePnL` has it.
    /// @return kind Cross, isolated or standalone.
    /// @return status Open, closed or liquidated.
    /// @custom:gas 10,000
    /// @custom:reverts PositionNotFound
    function getPositionState(uint256 positionId)
        external
        view
        returns (
            int256 size,
            uint256 entryNotional,
            int256 margin,
            int256 unrealizedPnl,
            int256 funding,
            uint256 maintenanceMargin,
            uint256 liquidationPrice,
            PositionKind kind,
            PositionStatus status
        );

    /// @notice Whether `liquidate` would act. For a cross position, about its whole account.
    /// @return liquidatable Whether it would.
    /// @return equity Of the position, or the account, at the oracle price.
    /// @return maintenanceMargin Of the same.
    /// @custom:gas 10,000
    /// @custom:reverts PositionNotFound
    function isLiquidatable(uint256 positionId)
        external
        view
        returns (bool liquidatable, int256 equity, uint256 maintenanceMargin);

    /// @notice The token that everything is paid in; zero until it is set.
    /// @custom:gas 2,000
    function collateral() external view returns (address token);

    /// @notice The fund that covers losses beyond a margin.
    /// @return fund Collected from liquidations and `fundInsurance`.
    /// @return deficit Losses that nothing has covered; the fund's next income pays them first.
    /// @custom:gas 2,000
    function getInsurance() external view returns (uint256 fund, uint256 deficit);

    /// @notice Gives cash of the caller to the insurance fund.
    /// @return Always true.
    /// @custom:gas 20,000
    /// @custom:reverts AmountZero, StalePrice, InsufficientMargin
    function fundInsurance(uint256 amount) external returns (bool);

    // Orders

    /// @notice Buys or sells `size` at `price` or better; what does not fill at once rests in the
    /// book until it is cancelled (GTC). Nothing is put aside for resting orders: whether a
    /// resting order's owner can afford its fill is looked at when it fills, and if not, the order
    /// ends and the incoming one goes on.
    /// @param size Size units; a multiple of the market's lot.
    /// @param price Collateral units per `baseUnit`; a multiple of the market's tick.
    /// @param isBuy True buys: makes a long larger, or a short smaller.
    /// @return orderId Greater than that of every earlier order, on either exchange; never zero.
    /// @custom:gas 50,000 + 40,000 per order met
    /// @custom:reverts UnknownMarket, AmountZero, PriceZero, AmountTooLarge,
    /// AmountNotMultipleOfLot, PriceNotMultipleOfTick, BelowMinimumNotional, PriceOutOfBand,
    /// NoOraclePrice, StalePrice, InsufficientMargin, OpenInterestTooLarge, PositionBankrupt
    function placeOrder(address market, uint256 size, uint256 price, bool isBuy)
        external
        returns (uint256 orderId);

    /// @notice As `placeOrder`, with a time in force, and an id of the caller's own.
    /// @param timeInForce GTC, IOC, FOK or ALO.
    /// @param reduceOnly True: only ever makes the position smaller; allowed at a stale price.
    /// @param clientOrderId Unique among the caller's live orders and triggers; zero for none.
    /// @return orderId As in `placeOrder`.
    /// @return filled Size units filled at once.
    /// @custom:gas 50,000 + 40,000 per order met
    /// @custom:reverts as `placeOrder`, and InvalidTimeInForce, ClientOrderIdInUse, WouldNotReduce
    /// (reduce-only), WouldTakeLiquidity (ALO), CannotFillCompletely (FOK)
    function placeOrderWithOptions(
        address market,
        uint256 size,
        uint256 price,
        bool isBuy,
        TimeInForce timeInForce,
        bool reduceOnly,
        uint128 clientOrderId
    ) external returns (uint256 orderId, uint256 filled);

    /// @notice Places orders one after another. One that is refused changes nothing and does not
    /// stop the others.
    /// @param requests At most 100.
    /// @return results One per request, in the same order.
    /// @custom:gas 2,000 + per order as `placeOrder`
    /// @custom:reverts LimitTooLarge; errors of an order are in its result
    function placeOrders(PerpOrderRequest[] calldata requests)
        external
        returns (OrderResult[] memory results);

    /// @notice Leaves an order that is placed when mark and oracle price have both reached
    /// `triggerPrice`: at or above it for a stop that buys and a take-profit that sells, at or
    /// below it for a stop that sells and a take-profit that buys. `keep` fires it; its order has
    /// the same id. Margin is looked at only then, and what the order is refused for ends it as
    /// REJECTED.
    /// @param size Size units. A reduce-only order is cut to the position when it fires.
    /// @param triggerPrice Collateral units per `baseUnit`.
    /// @param limitPrice Of the order, GTC; zero for IOC within the market's slippage of the mark.
    /// @param isTakeProfit False is a stop.
    /// @return orderId As in `placeOrder`.
    /// @custom:gas 50,000
    /// @custom:reverts UnknownMarket, AmountZero, PriceZero, AmountTooLarge,
    /// AmountNotMultipleOfLot, PriceNotMultipleOfTick, ClientOrderIdInUse, NoOraclePrice,
    /// InvalidTrigger
    function placeTrigger(
        address market,
        uint256 size,
        uint256 triggerPrice,
        uint256 limitPrice,
        bool isBuy,
        bool isTakeProfit,
        bool reduceOnly,
        uint128 clientOrderId
    ) external returns (uint256 orderId);

    /// @notice Ends an order or a trigger of the caller.
    /// @return Always true.
    /// @custom:gas 20,000
    /// @custom:reverts OrderNotFound, NotOrderOwner, OrderNotActive
    function cancelOrder(uint256 orderId) external returns (bool);

    /// @notice Cancels orders and triggers one after another. One that can't be cancelled does not
    /// stop the others.
    /// @param orderIds At most 100.
    /// @return errors One per id: zero where the order was cancelled, else the selector of the
    /// error that `cancelOrder` would have reverted with.
    /// @custom:gas 2,000 + 20,000 per id
    /// @custom:reverts LimitTooLarge; errors of an order are in its result
    function cancelOrders(uint256[] calldata orderIds) external returns (bytes4[] memory errors);

    /// @notice Cancels the caller's live order or trigger that was placed with `clientOrderId`.
    /// @return orderId The order that ended.
    /// @custom:gas 20,000
    /// @custom:reverts ClientOrderIdNotFound
    function cancelOrderByClientId(uint128 clientOrderId) external returns (uint256 orderId);

    /// @notice Cancels all live orders and triggers of the caller.
    /// @param market One market, or zero for all of them.
    /// @return cancelled How many ended; may be zero.
    /// @custom:gas 20,000 + 20,000 per order + 100 per live order looked at, if in one market
    function cancelAllOrders(address market) external returns (uint256 cancelled);

    /// @notice The order as it was placed, and what has filled. Ended orders stay readable.
    /// @return id The same as `orderId`.
    /// @return user Its owner.
    /// @return market Where.
    /// @return size Its total in size units, what is filled included.
    /// @return price Its limit.
    /// @return isBuy Its side.
    /// @return filled Size units.
    /// @custom:gas 5,000
    /// @custom:reverts OrderNotFound
    function getOrder(uint256 orderId)
        external
        view
        returns (
            uint256 id,
            address user,
            address market,
            uint256 size,
            uint256 price,
            bool isBuy,
            uint256 filled
        );

    /// @notice Where an order or a trigger is in its life.
    /// @return status Never NONE. UNTRIGGERED while it waits for the mark price.
    /// @return remaining Size units not filled. Once the order has ended, they never will be.
    /// @return reason Why it ended before it was filled, or NONE.
    /// @custom:gas 5,000
    /// @custom:reverts OrderNotFound
    function getOrderStatus(uint256 orderId)
        external
        view
        returns (OrderStatus status, uint256 remaining, CloseReason reason);

    /// @notice A trigger that waits, as it was placed.
    /// @custom:gas 5,000
    /// @custom:reverts OrderNotFound
    function getTrigger(uint256 orderId)
        external
        view
        returns (
            address market,
            uint256 size,
            uint256 triggerPrice,
            uint256 limitPrice,
            bool isBuy,
            bool isTakeProfit,
            bool reduceOnly
        );

    /// @notice The live order or trigger of `user` that was placed with `clientOrderId`.
    /// @return orderId Zero where there is none.
    /// @custom:gas 3,000
    function getOrderIdByClientId(address user, uint128 clientOrderId)
        external
        view
        returns (uint256 orderId);

    /// @notice A page of the live orders and triggers of `user` in all markets, by ascending id.
    /// @param afterOrderId Ids up to and including this one are left out; zero to begin.
    /// @param limit At most 100. A page shorter than that is the last.
    /// @custom:gas 10,000
    /// @custom:reverts LimitTooLarge
    function getOpenOrders(address user, uint256 afterOrderId, uint256 limit)
        external
        view
        returns (uint256[] memory orderIds);

    /// @notice The best prices in the book.
    /// @return bid Highest price of a buy order; zero where there is none.
    /// @return ask Lowest price of a sell order; zero where there is none.
    /// @custom:gas 3,000
    /// @custom:reverts UnknownMarket
    function getBestPrices(address market) external view returns (uint256 bid, uint256 ask);

    /// @notice Prices and the sum of unfilled sizes at each, best price first.
    /// @param levels Prices wanted per side, at most 100. Fewer come where the book has fewer.
    /// @custom:gas 10,000
    /// @custom:reverts UnknownMarket, LimitTooLarge
    function getDepth(address market, uint256 levels)
        external
        view
        returns (
            uint256[] memory bidPrices,
            uint256[] memory bidSizes,
            uint256[] memory askPrices,
            uint256[] memory askSizes
        );

    // Prices and funding

    /// @notice Posts the price of what the market follows. Only for the market's feeder.
    /// @return markPrice The mark price that follows from it.
    /// @custom:gas 40,000
    /// @custom:reverts UnknownMarket, NotFeeder, PriceZero, AmountTooLarge
    function setOraclePrice(address market, uint256 price) external returns (uint256 markPrice);

    /// @notice As `setOraclePrice`, with the price of the same perpetual elsewhere; zero for none.
    /// @custom:gas 40,000
    /// @custom:reverts UnknownMarket, NotFeeder, PriceZero, AmountTooLarge
    function setOraclePrices(address market, uint256 oraclePrice, uint256 externalPrice)
        external
        returns (uint256 markPrice);

    /// @notice The last posted prices.
    /// @return price Zero where none was ever posted.
    /// @return updatedAt When, in seconds.
    /// @return externalPrice Zero where none came along.
    /// @return feeder The account that may post.
    /// @return maxAge Seconds after which the price is stale.
    /// @custom:gas 5,000
    /// @custom:reverts UnknownMarket
    function getOracle(address market)
        external
        view
        returns (
            uint256 price,
            uint256 updatedAt,
            uint256 externalPrice,
            address feeder,
            uint256 maxAge
        );

    /// @notice Funding is paid at every full hour, by longs to shorts where the rate is positive:
    /// size * oracle price * rate. The hour's rate is an eighth of P + clamp(0.0001 - P, ±0.0005),
    /// at most ±4 %, P being the mean of premiums taken every 5 seconds: how far the price of
    /// buying or selling `impactNotional` in the book lies beyond the oracle price, as a part of
    /// it.
    /// @return lastRate Of the last full hour, in 10^-12.
    /// @return index Paid so far per `baseUnit` long, in 10^-18 collateral units.
    /// @return premiumSum Of this hour's samples, in 10^-12.
    /// @return premiumCount How many samples this hour has.
    /// @return nextFundingTime The end of this hour, in seconds.
    /// @custom:gas 5,000
    /// @custom:reverts UnknownMarket
    function getFunding(address market)
        external
        view
        returns (
            int256 lastRate,
            int256 index,
            int256 premiumSum,
            uint256 premiumCount,
            uint256 nextFundingTime
        );

    /// @notice Fires triggers that are due, then liquidates what is liquidatable, by ascending
    /// position id; leaves out markets with a stale price. Anyone may; chains do so at the
    /// beginning of a block.
    /// @param limit How many of both together, at most.
    /// @return done How many there were.
    /// @custom:gas 20,000 + 60,000 each, and what its trades are
    function keep(uint256 limit) external returns (uint256 done);

    // Markets. Setters are for the owner of the spot exchange alone, and return true

    /// @notice Chooses the token that everything is paid in, once and for all.
    /// @custom:gas 30,000
    /// @custom:reverts NotExchangeOwner, CollateralAlreadySet, InvalidMarket (no ERC-20)
    function setCollateral(address token) external returns (bool);

    /// @notice Opens a market; can't be undone. It begins without fees and limits, with one tier,
    /// a maximum price age of 60 s, 5 % slippage, and no vault.
    /// @param market Any address but zero; may have one market only.
    /// @param baseUnit Size units that a price is for.
    /// @param tick Prices are multiples of it.
    /// @param lot Sizes are multiples of it.
    /// @param maxLeverage From 1 to 50.
    /// @param feeder The account that may post oracle prices.
    /// @custom:gas 100,000
    /// @custom:reverts NotExchangeOwner, CollateralNotSet, MarketExists, InvalidMarket
    function listMarket(
        address market,
        uint256 baseUnit,
        uint256 tick,
        uint256 lot,
        uint256 maxLeverage,
        address feeder
    ) external returns (bool);

    /// @notice Rates in hundred-thousandths of the notional; amounts are rounded up.
    /// @param makerFee Paid by the resting side; at most 10,000.
    /// @param takerFee Paid by the incoming side; at most 10,000.
    /// @param liquidationFee Paid to the insurance fund by what is liquidated in the book, as far
    /// as its equity goes; at most 10,000.
    /// @param feeRecipient The account that maker and taker fees are credited to; zero only where
    /// both are.
    /// @custom:gas 30,000
    /// @custom:reverts NotExchangeOwner, UnknownMarket, InvalidMarket
    function setFees(
        address market,
        uint256 makerFee,
        uint256 takerFee,
        uint256 liquidationFee,
        address feeRecipient
    ) external returns (bool);

    /// @notice Allows less leverage to larger positions. The first tier's becomes the market's
    /// maximum.
    /// @param tiers From 1 to 20.
    /// @custom:gas 30,000
    /// @custom:reverts NotExchangeOwner, UnknownMarket, InvalidMarket
    function setTiers(address market, Tier[] calldata tiers) external returns (bool);

    /// @param maxPriceAge Seconds after which an oracle price is stale.
    /// @param maxSlippage How far from the mark price an order without a limit may fill, in
    /// hundred-thousandths, below 100,000.
    /// @param partialNotional Above it, a fifth is liquidated first; zero for never.
    /// @param cooldown Seconds until the rest may be.
    /// @custom:gas 30,000
    /// @custom:reverts NotExchangeOwner, UnknownMarket, InvalidMarket
    function setRisk(
        address market,
        uint256 maxPriceAge,
        uint256 maxSlippage,
        uint256 partialNotional,
        uint256 cooldown
    ) external returns (bool);

    /// @notice Zero switches a limit off.
    /// @param maxOpenInterest Size units of all longs together.
    /// @param minimumNotional Of an order that is not reduce-only.
    /// @param priceBand How far from the mark price a limit may be, in hundred-thousandths, below
    /// 100,000.
    /// @custom:gas 30,000
    /// @custom:reverts NotExchangeOwner, UnknownMarket, InvalidMarket
    function setLimits(
        address market,
        uint256 maxOpenInterest,
        uint256 minimumNotional,
        uint256 priceBand
    ) external returns (bool);

    /// @param impactNotional Notional that funding samples buy and sell; zero makes the premium zero.
    /// @custom:gas 30,000
    /// @custom:reverts NotExchangeOwner, UnknownMarket, InvalidMarket
    function setFunding(address market, uint256 impactNotional) external returns (bool);

    /// @param mode Policy for an owner's orders that meet.
    /// @custom:gas 30,000
    /// @custom:reverts NotExchangeOwner, UnknownMarket, InvalidMarket
    function setSelfTradePrevention(address market, SelfTradePrevention mode)
        external
        returns (bool);

    /// @param feeder The account that may post oracle prices from now on.
    /// @custom:gas 30,000
    /// @custom:reverts NotExchangeOwner, UnknownMarket
    function setFeeder(address market, address feeder) external returns (bool);

    /// @param vault The account that takes what the book does not, in `openPosition` and
    /// `closePosition`; zero for none.
    /// @param limit Largest notional of its position in this market.
    /// @custom:gas 30,000
    /// @custom:reverts NotExchangeOwner, UnknownMarket, InvalidMarket
    function setVault(address market, address vault, uint256 limit) external returns (bool);

    /// @param account Takes over what liquidation can't close in the book; zero for none.
    /// @custom:gas 30,000
    /// @custom:reverts NotExchangeOwner
    function setBackstop(address account) external returns (bool);

    /// @notice The rules of a market.
    /// @custom:gas 5,000
    /// @custom:reverts UnknownMarket
    function getMarket(address market)
        external
        view
        returns (
            uint256 baseUnit,
            uint256 tick,
            uint256 lot,
            uint256 maxLeverage,
            uint256 makerFee,
            uint256 takerFee,
            uint256 liquidationFee,
            address feeRecipient,
            SelfTradePrevention selfTradePrevention,
            address vault,
            uint256 vaultLimit
        );

    /// @notice Limits as set by `setRisk`, `setLimits` and `setFunding`.
    /// @custom:gas 5,000
    /// @custom:reverts UnknownMarket
    function getRisk(address market)
        external
        view
        returns (
            uint256 maxPriceAge,
            uint256 maxSlippage,
            uint256 partialNotional,
            uint256 cooldown,
            uint256 maxOpenInterest,
            uint256 minimumNotional,
            uint256 priceBand,
            uint256 impactNotional
        );

    /// @notice Margin table as set by `setTiers`.
    /// @custom:gas 5,000
    /// @custom:reverts UnknownMarket
    function getTiers(address market) external view returns (Tier[] memory tiers);

    /// @notice All longs together, which is all shorts together.
    /// @custom:gas 3,000
    /// @custom:reverts UnknownMarket
    function getOpenInterest(address market) external view returns (uint256 size);

    /// @notice A page of the markets, in the order of their listing.
    /// @param offset How many to leave out.
    /// @param limit At most 100.
    /// @custom:gas 10,000
    /// @custom:reverts LimitTooLarge
    function getMarkets(uint256 offset, uint256 limit)
        external
        view
        returns (address[] memory markets);

    /// @notice Zero where there is none.
    /// @custom:gas 2,000
    function getBackstop() external view returns (address account);
}
