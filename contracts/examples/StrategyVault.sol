// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IERC20} from "../IERC20.sol";
import {PERP, TimeInForce} from "../IPerp.sol";

/// @title Many users' collateral in one account, traded in one market by a strategist.
/// @notice Users hold shares of the vault's equity at the mark price. Shares and payments are
/// rounded down, so that nobody gains from coming and going at the expense of those who stay.
///
/// The strategist can trade, but not take money out, nor exceed the leverage: the exchange holds
/// every fill of the vault's orders, resting ones included, to `maxLeverage`. That works because
/// the vault has cross positions in one market only, and nobody can call `setLeverage` for it.
/// The strategist is trusted with prices: an order far from the market gives to whoever takes it.
contract StrategyVault {
    address public immutable strategist;
    address public immutable market;
    uint256 public immutable maxLeverage;
    IERC20 public immutable collateral;

    mapping(address user => uint256) public sharesOf;
    uint256 public totalShares;

    event Deposited(address indexed user, uint256 amount, uint256 shares);
    event Redeemed(address indexed user, uint256 shares, uint256 amount);

    error NotStrategist(address caller);
    /// At a price this old a share would be sold for what it was worth.
    error PriceTooOld(uint256 updatedAt);
    /// There are shares, but nothing behind them.
    error NothingLeft(int256 equity);
    error TooFewShares(uint256 shares, uint256 wanted);
    error TooLittlePaid(uint256 amount, uint256 wanted);
    error PaymentFailed();

    modifier onlyStrategist() {
        if (msg.sender != strategist) revert NotStrategist(msg.sender);
        _;
    }

    constructor(address strategist_, address market_, uint256 maxLeverage_) {
        (strategist, market, maxLeverage) = (strategist_, market_, maxLeverage_);
        collateral = IERC20(PERP.collateral());
        PERP.setLeverage(market_, maxLeverage_, true);
    }

    // Users

    /// @notice Takes `amount` of the collateral, which the caller must have approved.
    /// @param minimumShares Guards against a share having become dearer meanwhile.
    /// @return shares `amount / equity` of all shares, rounded down; `amount` for the first.
    function deposit(uint256 amount, uint256 minimumShares) external returns (uint256 shares) {
        shares = previewDeposit(amount);
        if (shares == 0 || shares < minimumShares) revert TooFewShares(shares, minimumShares);
        sharesOf[msg.sender] += shares;
        totalShares += shares;
        if (!collateral.transferFrom(msg.sender, address(this), amount)) revert PaymentFailed();
        collateral.approve(address(PERP), amount);
        PERP.deposit(amount);
        emit Deposited(msg.sender, amount, shares);
    }

    /// @notice Pays out what `shares` of the caller are worth. Reverts with the exchange's
    /// `InsufficientMargin` while the vault's positions need the collateral, and with its
    /// `StalePrice` while nobody knows their worth.
    /// @param minimumAmount Guards against a share having become cheaper meanwhile.
    /// @return amount `shares / totalShares` of the equity, rounded down.
    function redeem(uint256 shares, uint256 minimumAmount) external returns (uint256 amount) {
        uint256 owned = sharesOf[msg.sender];
        if (shares == 0 || shares > owned) revert TooFewShares(owned, shares);
        amount = previewRedeem(shares);
        if (amount < minimumAmount) revert TooLittlePaid(amount, minimumAmount);
        sharesOf[msg.sender] = owned - shares;
        totalShares -= shares;
        PERP.withdraw(amount);
        if (!collateral.transfer(msg.sender, amount)) revert PaymentFailed();
        emit Redeemed(msg.sender, shares, amount);
    }

    function previewDeposit(uint256 amount) public view returns (uint256 shares) {
        if (totalShares == 0) return amount;
        _checkPriceAge();
        return amount * totalShares / _equity();
    }

    function previewRedeem(uint256 shares) public view returns (uint256 amount) {
        return shares * _equity() / totalShares;
    }

    // The strategist

    /// @notice As `IPerp.placeOrderWithOptions`, in the vault's market.
    function placeOrder(
        uint256 size,
        uint256 price,
        bool isBuy,
        TimeInForce timeInForce,
        bool reduceOnly
    ) external onlyStrategist returns (uint256 orderId, uint256 filled) {
        return PERP.placeOrderWithOptions(
            market, size, price, isBuy, timeInForce, reduceOnly, 0
        );
    }

    function cancelOrder(uint256 orderId) external onlyStrategist {
        PERP.cancelOrder(orderId);
    }

    function cancelAllOrders() external onlyStrategist returns (uint256 cancelled) {
        return PERP.cancelAllOrders(market);
    }

    /// What all shares are worth: cash, positions at the mark price, and their funding.
    function _equity() private view returns (uint256) {
        (, int256 equity,,,,) = PERP.getAccount(address(this));
        if (equity <= 0) revert NothingLeft(equity);
        return uint256(equity);
    }

    /// The exchange takes deposits at any price: there they are worth what they are.
    function _checkPriceAge() private view {
        if (PERP.getPositionId(address(this), market) == 0) return;
        (, uint256 updatedAt,,, uint256 maxAge) = PERP.getOracle(market);
        if (block.timestamp > updatedAt + maxAge) revert PriceTooOld(updatedAt);
    }
}
