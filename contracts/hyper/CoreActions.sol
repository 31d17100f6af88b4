// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {ICoreWriter} from "./ICoreWriter.sol";

/// @title What a contract asks of HyperCore: each action of CoreWriter as a function.
/// @notice Nothing is done when one returns: the block's actions are carried out after it, in the
/// name of the contract, and what HyperCore refuses it drops without a word to the EVM. Names are
/// those that contract libraries use, so code moves over by its imports.
library CoreActions {
    ICoreWriter private constant CORE_WRITER =
        ICoreWriter(0x3333333333333333333333333333333333333333);
    address private constant HYPE_SYSTEM = 0x2222222222222222222222222222222222222222;
    uint256 private constant WEI_PER_CORE_UNIT = 1e10;

    uint8 internal constant ADD_LIQUIDITY_ONLY = 1;
    uint8 internal constant GOOD_TILL_CANCELLED = 2;
    uint8 internal constant IMMEDIATE_OR_CANCEL = 3;
    /// The spot wallet, where a dex is asked for.
    uint32 internal constant SPOT_DEX = type(uint32).max;

    error DustWouldBeLost(uint256 value);
    error NotSent();

    /// @notice Place an order. Price and size are human units times 1e8; `cloid` 0 is none.
    function placeLimitOrder(
        uint32 asset,
        bool isBuy,
        uint64 limitPx,
        uint64 sz,
        bool reduceOnly,
        uint8 tif,
        uint128 cloid
    ) internal {
        _send(1, abi.encode(asset, isBuy, limitPx, sz, reduceOnly, tif, cloid));
    }

    /// @notice Pay into a vault or take out of it; `usd` has six decimals, 0 takes all out.
    function vaultTransfer(address vault, bool isDeposit, uint64 usd) internal {
        _send(2, abi.encode(vault, isDeposit, usd));
    }

    /// @notice Stake HYPE of the staking balance with a validator, or take it back.
    function tokenDelegate(address validator, uint64 amount, bool isUndelegate) internal {
        _send(3, abi.encode(validator, amount, isUndelegate));
    }

    /// @notice Move HYPE from the spot wallet to the staking balance; eight decimals.
    function depositStake(uint64 amount) internal {
        _send(4, abi.encode(amount));
    }

    /// @notice Move HYPE back; it takes a week.
    function withdrawStake(uint64 amount) internal {
        _send(5, abi.encode(amount));
    }

    /// @notice Send a token of the spot wallet, in its weiDecimals; to its system address it goes
    /// back to the EVM.
    function spotSend(address to, uint64 token, uint64 amount) internal {
        _send(6, abi.encode(to, token, amount));
    }

    /// @notice Move USDC between the spot wallet and perpetuals; six decimals.
    function transferUsdClass(uint64 ntl, bool toPerp) internal {
        _send(7, abi.encode(ntl, toPerp));
    }

    /// @notice Let a wallet sign for this contract on HyperCore; without a name it is the main one.
    function addApiWallet(address wallet, string memory name) internal {
        _send(9, abi.encode(wallet, name));
    }

    /// @notice Cancel an order by HyperCore's id.
    function cancelOrderByOrderId(uint32 asset, uint64 orderId) internal {
        _send(10, abi.encode(asset, orderId));
    }

    /// @notice Cancel an order by the id that this contract gave it.
    function cancelOrderByCloid(uint32 asset, uint128 cloid) internal {
        _send(11, abi.encode(asset, cloid));
    }

    /// @notice Move a token between the wallets of this contract or to another's.
    function sendAsset(
        address destination,
        uint32 sourceDex,
        uint32 destinationDex,
        uint64 token,
        uint64 amount
    ) internal {
        _send(13, abi.encode(destination, address(0), sourceDex, destinationDex, token, amount));
    }

    /// @notice Send HYPE of this contract to its account on HyperCore, where it has eight decimals.
    function bridgeHypeToCore(uint256 value) internal {
        if (value % WEI_PER_CORE_UNIT != 0) revert DustWouldBeLost(value);
        (bool sent, ) = HYPE_SYSTEM.call{value: value}("");
        if (!sent) revert NotSent();
    }

    /// @notice The system address of a token, which stands for the EVM on HyperCore and the other
    /// way round; HYPE's is 0x2222222222222222222222222222222222222222.
    function systemAddress(uint64 token) internal pure returns (address) {
        return address(uint160(0x2000000000000000000000000000000000000000) + token);
    }

    function _send(uint24 action, bytes memory fields) private {
        CORE_WRITER.sendRawAction(abi.encodePacked(uint8(1), action, fields));
    }
}
