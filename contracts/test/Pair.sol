// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IERC20} from "../IERC20.sol";
import {FullMath} from "./FullMath.sol";

/// @title Swaps two tokens so that the product of the reserves stays, less 0.3 %.
contract Pair {
    IERC20 public immutable base;
    IERC20 public immutable quote;
    uint112 public baseReserve;
    uint112 public quoteReserve;
    uint32 public updatedAt;

    event Swap(address indexed sender, uint256 paid, uint256 received, bool isBase);

    error TooLittle(uint256 received, uint256 least);

    constructor(IERC20 base_, IERC20 quote_) {
        base = base_;
        quote = quote_;
    }

    function provide(uint112 baseAmount, uint112 quoteAmount) external {
        base.transferFrom(msg.sender, address(this), baseAmount);
        quote.transferFrom(msg.sender, address(this), quoteAmount);
        baseReserve += baseAmount;
        quoteReserve += quoteAmount;
    }

    /// Pays base for quote if `isBase`, else the other way round.
    function swap(uint112 paid, uint256 least, bool isBase) external returns (uint112 received) {
        (uint256 into, uint256 from) =
            isBase ? (baseReserve, quoteReserve) : (quoteReserve, baseReserve);
        uint256 counted = uint256(paid) * 997;
        received = uint112(FullMath.mulDiv(counted, from, into * 1000 + counted));
        if (received < least) revert TooLittle(received, least);
        (baseReserve, quoteReserve) = isBase
            ? (baseReserve + paid, quoteReserve - received)
            : (baseReserve - received, quoteReserve + paid);
        updatedAt = uint32(block.timestamp);
        require((isBase ? base : quote).transferFrom(msg.sender, address(this), paid));
        require((isBase ? quote : base).transfer(msg.sender, received));
        emit Swap(msg.sender, paid, received, isBase);
    }
}
