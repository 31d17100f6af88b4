// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title Products of 512 bits.
library FullMath {
    /// x * y / denominator, rounded down, where the quotient has 256 bits.
    /// @dev The product as high * 2^256 + low (Chinese remainder theorem), made divisible, then
    /// divided by an odd number as a multiplication by its inverse, which Newton's method doubles
    /// the bits of.
    function mulDiv(uint256 x, uint256 y, uint256 denominator) internal pure returns (uint256) {
        unchecked {
            uint256 low = x * y;
            uint256 mixed = mulmod(x, y, type(uint256).max);
            uint256 high = mixed - low - (mixed < low ? 1 : 0);
            if (high == 0) return low / denominator;
            require(high < denominator, "quotient above 256 bits");
            uint256 rest = mulmod(x, y, denominator);
            high -= rest > low ? 1 : 0;
            low -= rest;
            uint256 twos = denominator & (0 - denominator);
            uint256 odd = denominator / twos;
            low = low / twos | high * ((0 - twos) / twos + 1);
            uint256 inverse = 3 * odd ^ 2;
            for (uint256 bits = 4; bits < 256; bits *= 2) inverse *= 2 - odd * inverse;
            return low * inverse;
        }
    }
}
