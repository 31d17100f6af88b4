// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

library Maths {
    error TooLarge(uint256 number);

    /// Public, so it is linked and called.
    function half(uint256 number) public pure returns (uint256) {
        if (number > 1000) revert TooLarge(number); // line: half
        return number / 2;
    }

    function third(uint256 number) internal pure returns (uint256) {
        require(number % 3 == 0, "not a third"); // line: third
        return number / 3;
    }
}

contract Owned {
    error NotOwner(address who);

    address public immutable owner;

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender); // line: onlyOwner
        _;
    }

    constructor() {
        owner = msg.sender;
    }
}

contract Entry is Owned {
    uint256 public immutable number;

    /* function inAComment() { */
    constructor(uint256 number_) {
        require(number_ != 13, "function inAString() {"); // line: entry
        number = number_;
    }

    function fail(uint256 code) external view onlyOwner returns (uint256) {
        assert(code != number); // line: assert
        return 10 / code; // line: division
    }
}

contract Ledger is Owned {
    Entry[] public entries;

    function add(uint256 number) external onlyOwner returns (Entry entry) {
        entry = new Entry(number); // line: create
        entries.push(entry);
    }

    function ask(uint256 index, uint256 code) external view returns (uint256) {
        return _ask(entries[index], code); // line: ask
    }

    function deep(uint256 number) external pure returns (uint256) {
        uint256 sum = 1;
        for (uint256 i = 0; i < 3; ++i) {
            sum += Maths.third(number); // line: deep
        }
        return _sum(number, sum); // line: sum
    }

    function halved(uint256 number) external pure returns (uint256) {
        return Maths.half(number); // line: halved
    }

    function _ask(Entry entry, uint256 code) private view returns (uint256) {
        return entry.fail(code); // line: inner
    }

    function _sum(uint256 one, uint256 other) private pure returns (uint256) {
        return one + other; // line: overflow
    }

    receive() external payable {
        revert("no gifts"); // line: receive
    }
}
