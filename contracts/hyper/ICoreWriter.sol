// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title How a contract acts on HyperCore, at 0x3333333333333333333333333333333333333333.
/// @notice An action is a version byte (1), three bytes of action id, then the ABI encoding of the
/// action's fields:
///
///   id  fields
///    1  limit order         uint32 asset, bool isBuy, uint64 limitPx, uint64 sz, bool reduceOnly,
///                           uint8 encodedTif, uint128 cloid
///    2  vault transfer      address vault, bool isDeposit, uint64 usd
///    3  token delegate      address validator, uint64 wei, bool isUndelegate
///    4  staking deposit     uint64 wei
///    5  staking withdraw    uint64 wei
///    6  spot send           address destination, uint64 token, uint64 wei
///    7  USD class transfer  uint64 ntl, bool toPerp
///    8  finalize contract   uint64 token, uint8 variant, uint64 createNonce
///    9  add API wallet      address wallet, string name
///   10  cancel by oid       uint32 asset, uint64 oid
///   11  cancel by cloid     uint32 asset, uint128 cloid
///   12  approve builder fee uint64 maxFeeRate, address builder
///   13  send asset          address destination, address subAccount, uint32 sourceDex,
///                           uint32 destinationDex, uint64 token, uint64 wei
///   14  reflect EVM supply  uint64 token, uint64 wei, bool isMint
///   15  borrow or lend      uint8 operation, uint64 token, uint64 wei
///   16  set abstraction     address user, uint8 mode
///   17  user outcome        uint8 operation, uint32 question, uint32 outcome, uint64 wei
///
/// Prices and sizes are human units times 1e8; encodedTif is 1 for add liquidity only, 2 for good
/// till cancelled, 3 for immediate or cancel; cloid 0 is none. `wei` is in the token's weiDecimals,
/// `usd` and `ntl` have six decimals. Dex 2^32 - 1 is the spot wallet.
interface ICoreWriter {
    /// @notice An action was sent; what comes of it is decided after the block.
    /// @param user Who acts: the caller.
    /// @param data The action as it was given, checked by nobody yet.
    event RawAction(address indexed user, bytes data);

    /// @notice Send an action in the caller's name. It costs 25,175 gas and 262 for each word of
    /// its fields, and never fails for what is in it: a malformed action is dropped later.
    /// @param data Version, action id and fields.
    function sendRawAction(bytes calldata data) external;
}
