// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {
    CloseReason,
    OrderResult,
    OrderStatus,
    SelfTradePrevention,
    TimeInForce
} from "./ExchangeTypes.sol";
import {ISpotErrors} from "./ISpotErrors.sol";
import {ISpotEvents} from "./ISpotEvents.sol";
import {NATIVE_COIN, OrderRequest} from "./SpotTypes.sol";

// The exchange's address on every chain that has it.
ISpot constant SPOT = ISpot(0x0000000000000000000000000000000000000d01);

/// @title A spot exchange with a price-time order book, behind a precompile.
///
/// @notice Funds are deposited, traded, and withdrawn again; the account is `msg.sender`.
/// A market is named by its base token, the `asset`; each asset has one market and one quote
/// token. The native coin goes by `NATIVE_COIN` wherever a token is expected.
///
/// Units: amounts are in the smallest units of their token. A price is quote units for `baseUnit`
/// units of the asset, usually one whole coin. Amounts and prices are at most 2^128 - 1; larger
/// ones, or a product `amount * price / baseUnit` above that, fail with `AmountTooLarge`.
///
/// Holds: an active sell keeps its unfilled amount on hold. An active buy keeps
/// `amount * price / baseUnit` quote units on hold, rounded up. The surplus is
/// released at once: after a fill, after a fill at a better price, after the order's end. An
/// incoming order needs available what it would keep on hold if none of it filled.
///
/// Trades: an incoming order fills against the best price first, the oldest order first among
/// equals, always at the resting order's price. Each trade moves `amount` of the asset and
/// `amount * price / baseUnit` quote units, rounded down. Fees come off what a side receives,
/// in hundred-thousandths of it, rounded up: the buyer pays in the asset, the seller in quote.
/// No fill is worth less than one quote unit: what would be is refused, and a rest that would be
/// ends as `TOO_SMALL`.
///
/// @dev Every method can revert with `MalformedCalldata` and `DelegateCallNotAllowed`; every
/// method but `depositNative` with `ValueNotAccepted`; every method that is not a view with
/// `StaticCallNotAllowed` and, while the exchange is calling a token or paying out, with
/// `ReentrantCall`. Unknown selectors revert with `UnknownMethod`. The lists below name what comes
/// on top; errors are in `ISpotErrors`, events in `ISpotEvents`.
/// Gas is on top of the CALL's own. It is charged before the work it pays for, and not given back
/// by a revert. An order of the caller that self-trade prevention acts on counts as a fill.
interface ISpot is ISpotErrors, ISpotEvents {
    // Orders

    /// @notice Buys or sells `amount` at `price` or better; what does not fill at once rests in
    /// the book until it is cancelled (GTC).
    /// @param asset The market.
    /// @param amount Asset units; a multiple of the market's lot.
    /// @param price Quote units per `baseUnit`; a multiple of the market's tick.
    /// @param isBuy True buys the asset, false sells it.
    /// @return orderId Greater than that of every earlier order, never zero.
    /// @custom:gas 50,000 + 30,000 per fill
    /// @custom:reverts UnknownMarket, AmountZero, PriceZero, AmountTooLarge,
    /// AmountNotMultipleOfLot, PriceNotMultipleOfTick, InsufficientBalance
    function placeOrder(address asset, uint256 amount, uint256 price, bool isBuy)
        external
        returns (uint256 orderId);

    /// @notice As `placeOrder`, with a time in force and an id of the caller's own.
    /// @param timeInForce GTC, IOC, FOK or ALO. The remainder of an IOC order expires; its
    /// `orderId` stays readable.
    /// @param clientOrderId Unique among the caller's live orders; zero for none.
    /// @return orderId As in `placeOrder`.
    /// @return filled Asset units filled at once.
    /// @custom:gas 50,000 + 30,000 per fill
    /// @custom:reverts as `placeOrder`, and InvalidTimeInForce, ClientOrderIdInUse,
    /// WouldTakeLiquidity (ALO), CannotFillCompletely (FOK)
    function placeOrderWithOptions(
        address asset,
        uint256 amount,
        uint256 price,
        bool isBuy,
        TimeInForce timeInForce,
        uint128 clientOrderId
    ) external returns (uint256 orderId, uint256 filled);

    /// @notice Places orders one after another. One that is refused changes nothing and does not
    /// stop the others.
    /// @param requests At most 100.
    /// @return results One per request, in the same order.
    /// @custom:gas 2,000 + per order as `placeOrder`
    /// @custom:reverts LimitTooLarge; errors of an order are in its result
    function placeOrders(OrderRequest[] calldata requests)
        external
        returns (OrderResult[] memory results);

    /// @notice Ends an order of the caller and releases what it has on hold.
    /// @return Always true.
    /// @custom:gas 20,000
    /// @custom:reverts OrderNotFound, NotOrderOwner, OrderNotActive
    function cancelOrder(uint256 orderId) external returns (bool);

    /// @notice Cancels orders one after another. One that can't be cancelled does not stop the
    /// others.
    /// @param orderIds At most 100.
    /// @return errors One per id: zero where the order was cancelled, else the selector of the
    /// error that `cancelOrder` would have reverted with.
    /// @custom:gas 2,000 + 20,000 per id
    /// @custom:reverts LimitTooLarge; errors of an order are in its result
    function cancelOrders(uint256[] calldata orderIds) external returns (bytes4[] memory errors);

    /// @notice Cancels the caller's live order that was placed with `clientOrderId`.
    /// @return orderId The order that ended.
    /// @custom:gas 20,000
    /// @custom:reverts ClientOrderIdNotFound
    function cancelOrderByClientId(uint128 clientOrderId) external returns (uint256 orderId);

    /// @notice Cancels all live orders of the caller.
    /// @param asset One market, or zero for all of them.
    /// @return cancelled How many orders ended; may be zero.
    /// @custom:gas 20,000 + 20,000 per order + 100 per live order looked at, if in one market
    function cancelAllOrders(address asset) external returns (uint256 cancelled);

    /// @notice Changes an order of the caller. At the same price and for no larger an amount it
    /// keeps its id and its place in the queue. Anything else cancels it and places a new order
    /// for what is not filled yet, with the side, time in force and client order id of the old.
    /// @param amount The new total in asset units, what is already filled included.
    /// @param price The new price; may be the old one.
    /// @return newOrderId `orderId` where the order kept its place.
    /// @custom:gas 50,000 + 30,000 per fill
    /// @custom:reverts OrderNotFound, NotOrderOwner, OrderNotActive, AmountBelowFilled,
    /// AmountZero, PriceZero, AmountTooLarge, AmountNotMultipleOfLot, PriceNotMultipleOfTick,
    /// InsufficientBalance, WouldTakeLiquidity (ALO)
    function replaceOrder(uint256 orderId, uint256 amount, uint256 price)
        external
        returns (uint256 newOrderId);

    /// @notice The order as it was placed, and what has filled. Ended orders stay readable.
    /// @return id The same as `orderId`.
    /// @return user Its owner.
    /// @return asset Its market.
    /// @return amount Its total in asset units, what is filled included.
    /// @return price Its limit, in quote units per `baseUnit`.
    /// @return isBuy Its side.
    /// @return filled Asset units.
    /// @custom:gas 5,000
    /// @custom:reverts OrderNotFound
    function getOrder(uint256 orderId)
        external
        view
        returns (
            uint256 id,
            address user,
            address asset,
            uint256 amount,
            uint256 price,
            bool isBuy,
            uint256 filled
        );

    /// @notice Where an order is in its life.
    /// @return status Never NONE.
    /// @return remaining Asset units not filled. Once the order has ended, they never will be.
    /// @return reason Why it ended before it was filled, or NONE.
    /// @custom:gas 5,000
    /// @custom:reverts OrderNotFound
    function getOrderStatus(uint256 orderId)
        external
        view
        returns (OrderStatus status, uint256 remaining, CloseReason reason);

    /// @notice The live order of `user` that was placed with `clientOrderId`.
    /// @return orderId Zero where there is none.
    /// @custom:gas 3,000
    function getOrderIdByClientId(address user, uint128 clientOrderId)
        external
        view
        returns (uint256 orderId);

    /// @notice A page of the live orders of `user` in all markets, by ascending id.
    /// @param afterOrderId Ids up to and including this one are left out; zero to begin.
    /// @param limit At most 100. A page shorter than that is the last.
    /// @custom:gas 10,000
    /// @custom:reverts LimitTooLarge
    function getOpenOrders(address user, uint256 afterOrderId, uint256 limit)
        external
        view
        returns (uint256[] memory orderIds);

    // Markets

    /// @notice The best prices in the book.
    /// @return bid Highest price of a buy order; zero where there is none.
    /// @return ask Lowest price of a sell order; zero where there is none.
    /// @custom:gas 3,000
    /// @custom:reverts UnknownMarket
    function getBestPrices(address asset) external view returns (uint256 bid, uint256 ask);

    /// @notice Prices and the sum of unfilled amounts at each, best price first.
    /// @param levels Prices wanted per side, at most 100. Fewer come where the book has fewer.
    /// @custom:gas 10,000
    /// @custom:reverts UnknownMarket, LimitTooLarge
    function getDepth(address asset, uint256 levels)
        external
        view
        returns (
            uint256[] memory bidPrices,
            uint256[] memory bidAmounts,
            uint256[] memory askPrices,
            uint256[] memory askAmounts
        );

    /// @notice The rules of a market, as they were given to `listMarket`.
    /// @custom:gas 5,000
    /// @custom:reverts UnknownMarket
    function getMarket(address asset)
        external
        view
        returns (
            address quote,
            uint256 baseUnit,
            uint256 tick,
            uint256 lot,
            uint256 makerFee,
            uint256 takerFee,
            SelfTradePrevention selfTradePrevention,
            address feeRecipient
        );

    /// @notice A page of the assets that have a market, in the order of their listing.
    /// @param offset How many to leave out.
    /// @param limit At most 100.
    /// @custom:gas 10,000
    /// @custom:reverts LimitTooLarge
    function getMarkets(uint256 offset, uint256 limit)
        external
        view
        returns (address[] memory assets);

    // Balances

    /// @notice Takes `amount` of `token` from the caller, who must have approved it.
    /// @dev Calls the token's `balanceOf` and `transferFrom`.
    /// @param token An ERC-20. It may return nothing, but must move exactly `amount`.
    /// @return credited Always `amount`.
    /// @custom:gas 60,000 + the token's own
    /// @custom:reverts AmountZero, AmountTooLarge, TokenCallFailed, TokenAmountMismatch
    function deposit(address token, uint256 amount) external returns (uint256 credited);

    /// @notice Takes the native coin sent along.
    /// @return credited Always `msg.value`.
    /// @custom:gas 30,000
    /// @custom:reverts AmountZero, AmountTooLarge
    function depositNative() external payable returns (uint256 credited);

    /// @notice Sends `amount` of `token` to the caller. Only what is not on hold can leave.
    /// @dev Calls the token's `balanceOf` and `transfer`; for the native coin, calls the caller
    /// with empty calldata.
    /// @return Always true.
    /// @custom:gas 60,000 + the token's own
    /// @custom:reverts AmountZero, InsufficientBalance, TokenCallFailed, TokenAmountMismatch
    function withdraw(address token, uint256 amount) external returns (bool);

    /// @notice Balance of `user` on the exchange, in units of `token`.
    /// @return available May be traded or withdrawn.
    /// @return onHold Kept for live orders.
    /// @custom:gas 3,000
    function getBalance(address user, address token)
        external
        view
        returns (uint256 available, uint256 onHold);

    // The exchange's owner

    /// @notice Opens the market of `asset`. Only for the exchange's owner; can't be undone.
    /// @param asset The base token; may have one market only.
    /// @param quote The token prices are in; not `asset`.
    /// @param baseUnit Asset units that a price is for, usually 10 ** decimals.
    /// @param tick Prices are multiples of it. Nothing is ever rounded where `lot * tick` is a
    /// multiple of `baseUnit`.
    /// @param lot Amounts are multiples of it.
    /// @param makerFee Hundred-thousandths of what a resting order receives; at most 10,000.
    /// @param takerFee The same for an incoming order.
    /// @param selfTradePrevention Policy for an owner's orders that meet.
    /// @param feeRecipient The account on the exchange that fees are credited to; zero only where
    /// both fees are.
    /// @return Always true.
    /// @custom:gas 100,000
    /// @custom:reverts NotExchangeOwner, MarketExists, InvalidMarket
    function listMarket(
        address asset,
        address quote,
        uint256 baseUnit,
        uint256 tick,
        uint256 lot,
        uint256 makerFee,
        uint256 takerFee,
        SelfTradePrevention selfTradePrevention,
        address feeRecipient
    ) external returns (bool);

    /// @notice The account that may list markets.
    /// @custom:gas 2,000
    function owner() external view returns (address);

    /// @notice Gives the exchange to `newOwner`. Only for its owner. Zero is allowed and means
    /// that no market will be listed any more.
    /// @return Always true.
    /// @custom:gas 20,000
    /// @custom:reverts NotExchangeOwner
    function transferOwnership(address newOwner) external returns (bool);
}
