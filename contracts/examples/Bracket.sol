// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {OrderStatus, PERP, TimeInForce} from "../IPerp.sol";
import {PerpAccount} from "./PerpAccount.sol";

/// @title Enters a market with a stop loss and a take profit: one ends the position and the other.
/// @notice Entry and both triggers come about in one transaction or not at all. From then on the
/// exchange watches the mark price: whoever calls its `keep` fires the trigger that is due, the
/// chain itself where it has a keeper. Nobody has to be awake.
contract Bracket is PerpAccount {
    struct Exits {
        uint256 stopLoss;
        uint256 takeProfit;
    }

    /// Order ids of the triggers on the position in a market; zero where there is none.
    mapping(address market => Exits) public exitsOf;

    event Entered(address indexed market, uint256 stopLoss, uint256 takeProfit);
    event Left(address indexed market);

    /// There is a position already: its triggers would be cut to the sum of both.
    error AlreadyIn(address market, uint256 positionId);
    /// The position is still open, so both of its triggers are needed.
    error StillIn(address market, uint256 positionId);

    /// @notice Takes a position of `size` at `limit` or better, completely, and guards it.
    /// @param stopPrice Mark price that ends it with a loss: below the mark's for a long.
    /// @param profitPrice Mark price that ends it with a gain: above the mark's for a long.
    /// @dev A trigger that would fire at once is refused with `InvalidTrigger`, and the entry with
    /// it. Margin is as `setLeverage` has it.
    function enter(
        address market,
        uint256 size,
        uint256 limit,
        bool isLong,
        uint256 stopPrice,
        uint256 profitPrice
    ) external onlyOwner {
        uint256 open = PERP.getPositionId(address(this), market);
        if (open != 0) revert AlreadyIn(market, open);
        _cancelExits(market);
        PERP.placeOrderWithOptions(market, size, limit, isLong, TimeInForce.FOK, false, 0);
        Exits memory exits = Exits({
            stopLoss: _placeExit(market, size, stopPrice, isLong, false),
            takeProfit: _placeExit(market, size, profitPrice, isLong, true)
        });
        exitsOf[market] = exits;
        emit Entered(market, exits.stopLoss, exits.takeProfit);
    }

    /// @notice Puts the stop loss elsewhere, such as nearer to a price that has gone well.
    function moveStop(address market, uint256 stopPrice) external onlyOwner {
        uint256 old = exitsOf[market].stopLoss;
        (, uint256 size,,, bool isBuy,,) = PERP.getTrigger(old);
        PERP.cancelOrder(old);
        exitsOf[market].stopLoss = _placeExit(market, size, stopPrice, !isBuy, false);
    }

    /// @notice Cancels the trigger that is left when the other has ended the position. Anyone may;
    /// until then it waits without effect, as it is reduce-only.
    function tidy(address market) external {
        uint256 open = PERP.getPositionId(address(this), market);
        if (open != 0) revert StillIn(market, open);
        _cancelExits(market);
        emit Left(market);
    }

    /// @notice Ends the position by hand, completely at `limit` or better, and both triggers with it.
    /// @dev Also what is left where a trigger's order found too little within its slippage.
    function exit(address market, uint256 limit) external onlyOwner {
        uint256 open = PERP.getPositionId(address(this), market);
        (,,, uint256 size,,, bool isLong,) = PERP.getPosition(open);
        PERP.placeOrderWithOptions(market, size, limit, !isLong, TimeInForce.FOK, true, 0);
        _cancelExits(market);
        emit Left(market);
    }

    /// At once, at the market's price within its slippage of the mark, when the trigger fires.
    function _placeExit(
        address market,
        uint256 size,
        uint256 price,
        bool isLong,
        bool isTakeProfit
    ) private returns (uint256 orderId) {
        return PERP.placeTrigger(market, size, price, 0, !isLong, isTakeProfit, true, 0);
    }

    function _cancelExits(address market) private {
        Exits memory exits = exitsOf[market];
        delete exitsOf[market];
        _cancelIfWaiting(exits.stopLoss);
        _cancelIfWaiting(exits.takeProfit);
    }

    function _cancelIfWaiting(uint256 orderId) private {
        if (orderId == 0) return;
        (OrderStatus status,,) = PERP.getOrderStatus(orderId);
        if (status == OrderStatus.UNTRIGGERED) PERP.cancelOrder(orderId);
    }
}
