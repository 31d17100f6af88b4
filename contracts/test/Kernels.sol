// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {FullMath} from "./FullMath.sol";

/// @title Calculations as contracts have them, with nothing around.
contract Kernels {
    mapping(uint256 key => uint256) public sums;

    /// Checked arithmetic.
    function loop(uint256 rounds) external pure returns (uint256 x) {
        for (uint256 i = 0; i < rounds; i++) x = x * 3 % 1000003 + i;
    }

    /// Hashes of 64 bytes.
    function hashes(uint256 rounds) external pure returns (bytes32 hash) {
        for (uint256 i = 0; i < rounds; i++) hash = keccak256(abi.encodePacked(hash, i));
    }

    /// Products of 512 bits.
    function products(uint256 rounds) external pure returns (uint256 x) {
        x = 1e30;
        for (uint256 i = 0; i < rounds; i++) x = FullMath.mulDiv(x, 2 ** 96 + i, 2 ** 96 - 1);
    }

    /// Words in memory, sorted by insertion.
    function sort(uint256 words) external pure returns (uint256) {
        uint256[] memory sorted = new uint256[](words);
        uint256 seed = 1;
        for (uint256 i = 0; i < words; i++) {
            seed = (seed * 1103515245 + 12345) % 2 ** 31;
            sorted[i] = seed;
        }
        for (uint256 i = 1; i < words; i++) {
            uint256 word = sorted[i];
            uint256 j = i;
            for (; j > 0 && sorted[j - 1] > word; j--) sorted[j] = sorted[j - 1];
            sorted[j] = word;
        }
        return sorted[0];
    }

    /// Words in storage, and signed arithmetic.
    function store(uint256 rounds) external returns (int256 total) {
        for (uint256 i = 0; i < rounds; i++) {
            sums[i % 7] += i + 1;
            total += int256(i % 2 == 0 ? sums[i % 7] : 3) / -3 % 1000 - int256(i);
        }
    }
}
