// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {CoreReads} from "../hyper/CoreReads.sol";
import {ICoreWriter} from "../hyper/ICoreWriter.sol";

/// @title A contract that trades on HyperCore and moves its HYPE there and back.
/// @notice Nothing here is done when a call returns: actions are carried out after the block, and
/// reads show them from the next one on.
contract CoreTrader {
    ICoreWriter private constant CORE_WRITER =
        ICoreWriter(0x3333333333333333333333333333333333333333);
    address private constant HYPE_SYSTEM = 0x2222222222222222222222222222222222222222;
    uint64 private constant HYPE = 150;
    uint8 private constant GOOD_TILL_CANCELLED = 2;
    uint256 private constant WEI_PER_CORE_UNIT = 1e10;

    address public immutable owner;

    error NotOwner(address caller);
    error DustWouldBeLost(uint256 value);

    modifier onlyOwner() {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        _;
    }

    constructor() {
        owner = msg.sender;
    }

    receive() external payable {}

    /// @notice Send HYPE to this contract's account on HyperCore, which exists after its first.
    function toCore(uint256 value) external onlyOwner {
        if (value % WEI_PER_CORE_UNIT != 0) revert DustWouldBeLost(value);
        (bool sent, ) = HYPE_SYSTEM.call{value: value}("");
        require(sent);
    }

    /// @notice Send HYPE back; it arrives in the next block, less the gas, which HyperCore takes.
    function toEvm(uint64 wei_) external onlyOwner {
        _send(6, abi.encode(HYPE_SYSTEM, HYPE, wei_));
    }

    /// @notice Place an order. Price and size are human units times 1e8.
    function order(uint32 asset, bool isBuy, uint64 price, uint64 size, uint128 cloid)
        external
        onlyOwner
    {
        _send(1, abi.encode(asset, isBuy, price, size, false, GOOD_TILL_CANCELLED, cloid));
    }

    /// @notice Cancel an order by the id that this contract gave it.
    function cancel(uint32 asset, uint128 cloid) external onlyOwner {
        _send(11, abi.encode(asset, cloid));
    }

    /// @notice Move USDC between the spot wallet and perpetuals; six decimals.
    function classTransfer(uint64 usd, bool toPerp) external onlyOwner {
        _send(7, abi.encode(usd, toPerp));
    }

    /// @notice What this contract has on HyperCore: free HYPE, and its position in a perpetual.
    function account(uint32 perp) external view returns (uint64 hype, int64 size) {
        CoreReads.SpotBalance memory balance = CoreReads.spotBalance(address(this), HYPE);
        return (balance.total - balance.hold, CoreReads.position(address(this), perp).szi);
    }

    function _send(uint24 action, bytes memory fields) private {
        CORE_WRITER.sendRawAction(abi.encodePacked(uint8(1), action, fields));
    }
}
