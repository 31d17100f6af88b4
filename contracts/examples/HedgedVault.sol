// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {CoreActions} from "../hyper/CoreActions.sol";
import {CoreReads} from "../hyper/CoreReads.sol";

/// @title A vault that holds HYPE on HyperCore and sells as much of it as a perpetual.
/// @notice Its worth follows the dollar, whatever HYPE does, and it earns the funding that longs
/// pay. Orders are slow and may be dropped without a word, so nothing here counts on one: anybody
/// may call `rebalance`, which looks at what there is and asks for the difference.
contract HedgedVault {
    uint64 private constant HYPE = 150;
    uint64 private constant USDC = 0;
    /// HYPE has two size decimals, so prices of the perpetual are read with four, of spot with six.
    uint64 private constant PERP_SCALE = 1e4;
    uint64 private constant SPOT_SCALE = 1e2;
    uint64 private constant WEI_PER_LOT = 1e6;
    uint64 private constant MINIMUM_USD = 10e6;
    /// One percent worse than the price is as far as an order goes.
    uint64 private constant SLIPPAGE_PERCENT = 1;

    uint32 public immutable perp;
    uint32 public immutable spotAsset;
    address public immutable owner;

    error NotOwner(address caller);

    event Rebalanced(int64 spotLots, int64 perpLots, int64 ordered);

    constructor(uint32 perp_, uint32 spotIndex) {
        perp = perp_;
        spotAsset = 10_000 + spotIndex;
        owner = msg.sender;
    }

    receive() external payable {}

    /// @notice Buy HYPE for USDC of the spot wallet, and move as much to perpetuals as a hedge takes.
    /// @param lots In hundredths of HYPE.
    /// @param margin USDC with six decimals.
    function invest(uint64 lots, uint64 margin) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        CoreActions.transferUsdClass(margin, true);
        uint64 price = CoreReads.spotPx(spotAsset - 10_000) * SPOT_SCALE;
        _order(spotAsset, true, price, lots);
    }

    /// @notice Bring the short to the size of what is held; whoever calls is thanked.
    /// @return ordered Lots that the perpetual was asked to buy, or to sell where negative.
    function rebalance() external returns (int64 ordered) {
        (int64 spotLots, int64 perpLots) = exposure();
        ordered = -spotLots - perpLots;
        uint64 price = CoreReads.markPx(perp) * PERP_SCALE;
        uint64 size = uint64(ordered < 0 ? -ordered : ordered);
        // A lot at a price times 1e8 is worth price / 1e10 dollars.
        if (size * (price / 1e4) < MINIMUM_USD) ordered = 0;
        else _order(perp, ordered > 0, price, size);
        emit Rebalanced(spotLots, perpLots, ordered);
    }

    /// @notice What is held and what is sold, in hundredths of HYPE; as of the block's beginning.
    function exposure() public view returns (int64 spotLots, int64 perpLots) {
        uint64 held = CoreReads.spotBalance(address(this), HYPE).total / WEI_PER_LOT;
        return (int64(held), CoreReads.position(address(this), perp).szi);
    }

    /// @notice Dollars that the vault is worth, with six decimals.
    function worth() external view returns (int256) {
        CoreReads.SpotBalance memory hype = CoreReads.spotBalance(address(this), HYPE);
        CoreReads.SpotBalance memory usdc = CoreReads.spotBalance(address(this), USDC);
        uint256 price = uint256(CoreReads.spotPx(spotAsset - 10_000)) * SPOT_SCALE;
        int256 spot = int256((uint256(hype.total) * price) / 1e10 + usdc.total / 100);
        return spot + CoreReads.accountMarginSummary(0, address(this)).accountValue;
    }

    function _order(uint32 asset, bool isBuy, uint64 price, uint64 lots) private {
        uint64 worst = isBuy
            ? price + price / 100 * SLIPPAGE_PERCENT
            : price - price / 100 * SLIPPAGE_PERCENT;
        CoreActions.placeLimitOrder(
            asset, isBuy, _fiveFigures(worst), lots * 1e6, false,
            CoreActions.IMMEDIATE_OR_CANCEL, 0
        );
    }

    /// Prices have five significant figures.
    function _fiveFigures(uint64 price) private pure returns (uint64) {
        uint64 unit = 1;
        while (price / unit >= 100_000) unit *= 10;
        return price - price % unit;
    }
}
