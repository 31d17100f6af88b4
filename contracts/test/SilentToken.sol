// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title A token that returns nothing where ERC-20 wants a bool, as USDT does.
/// @notice Widely used, so the exchange must accept it.
contract SilentToken {
    string public constant name = "Returns nothing";
    string public constant symbol = "SILENT";
    uint8 public constant decimals = 6;
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
    }

    function approve(address spender, uint256 value) external {
        allowance[msg.sender][spender] = value;
    }

    function transfer(address to, uint256 value) external {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
    }

    function transferFrom(address from, address to, uint256 value) external {
        allowance[from][msg.sender] -= value;
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}
