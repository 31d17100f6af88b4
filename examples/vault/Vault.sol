// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IERC20} from "evm-dex/contracts/IERC20.sol";
import {SPOT, TimeInForce} from "evm-dex/contracts/ISpot.sol";

/// @title Savings in dollars whose manager may hold ether instead.
/// @notice Users own shares of what the vault has on the exchange. Ether counts at the best bid,
/// which is what it could be sold for at once; all amounts are rounded down for the user.
contract Vault {
    IERC20 public immutable dollar;
    IERC20 public immutable ether_;
    address public immutable manager;

    mapping(address user => uint256) public sharesOf;
    uint256 public totalShares;

    error NotManager(address caller);
    error NoShares(uint256 owned, uint256 wanted);
    /// What is in ether must be sold before it can be paid out.
    error NotInDollars(uint256 available, uint256 needed);

    modifier onlyManager() {
        if (msg.sender != manager) revert NotManager(msg.sender);
        _;
    }

    constructor(IERC20 dollar_, IERC20 ether__, address manager_) {
        (dollar, ether_, manager) = (dollar_, ether__, manager_);
    }

    function deposit(uint256 amount) external returns (uint256 shares) {
        shares = totalShares == 0 ? amount : amount * totalShares / worth();
        if (shares == 0) revert NoShares(0, 1);
        (sharesOf[msg.sender], totalShares) = (sharesOf[msg.sender] + shares, totalShares + shares);
        require(dollar.transferFrom(msg.sender, address(this), amount), "no payment");
        dollar.approve(address(SPOT), amount);
        SPOT.deposit(address(dollar), amount);
    }

    function redeem(uint256 shares) external returns (uint256 amount) {
        uint256 owned = sharesOf[msg.sender];
        if (shares == 0 || shares > owned) revert NoShares(owned, shares);
        amount = shares * worth() / totalShares;
        (uint256 available,) = SPOT.getBalance(address(this), address(dollar));
        if (amount > available) revert NotInDollars(available, amount);
        (sharesOf[msg.sender], totalShares) = (owned - shares, totalShares - shares);
        SPOT.withdraw(address(dollar), amount);
        require(dollar.transfer(msg.sender, amount), "no payment");
    }

    /// @notice Buys or sells now what the book has at `price` or better; nothing is left resting.
    function trade(uint256 amount, uint256 price, bool isBuy)
        external
        onlyManager
        returns (uint256 filled)
    {
        (, filled) = SPOT.placeOrderWithOptions(
            address(ether_), amount, price, isBuy, TimeInForce.IOC, 0
        );
    }

    function worth() public view returns (uint256) {
        (uint256 dollars,) = SPOT.getBalance(address(this), address(dollar));
        (uint256 ethers,) = SPOT.getBalance(address(this), address(ether_));
        (uint256 bid,) = SPOT.getBestPrices(address(ether_));
        return dollars + ethers * bid / 1e18;
    }
}
