// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

library Maths {
    function half(uint256 x) internal pure returns (uint256) {
        return x / 2;
    }
    function third(uint256 x) public pure returns (uint256) {
        return x / 3;
    }
}

contract Base {
    address public immutable owner;
    uint256 public number = 5;
    error NotOwner(address who);
    event Set(uint256 number);

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    constructor() {
        owner = msg.sender;
    }
}

contract Counter is Base {
    uint256[] public values;

    constructor(uint256 start) Base() {
        number = start;
    }

    function set(uint256 to) external onlyOwner {
        require(to != 7, "seven");
        number = to;
        emit Set(to);
    }

    function classify(uint256 x) external pure returns (uint256 r) {
        if (x > 10) {
            r = 1;
        } else if (x > 5) {
            r = 2;
        } else {
            r = Maths.half(x);
        }
        for (uint256 i = 0; i < 3; ++i) {
            r += i;
            if (i == 1) continue;
        }
        while (r > 100) r--;
        r = x > 3 ? r : r + 1;
        assembly {
            r := add(r, 1)
            if gt(r, 1000) { r := 0 }
        }
    }

    function never(uint256 x) external returns (uint256) {
        values.push(x);
        try this.classify(x) returns (uint256 y) {
            return y;
        } catch {
            return Maths.third(x);
        }
    }

    receive() external payable {}
    fallback() external payable { number = 1; }
}
