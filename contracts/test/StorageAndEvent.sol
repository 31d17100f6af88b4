// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title One storage write and one event: the floor that benchmarks compare with.
contract StorageAndEvent {
    mapping(uint256 key => uint256) public values;

    event Stored(uint256 indexed key, uint256 value);

    /// A new `key` writes a fresh slot; a known one with a new `value` changes it.
    function store(uint256 key, uint256 value) external {
        values[key] = value;
        emit Stored(key, value);
    }
}
