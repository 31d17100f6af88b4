// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {TimeInForce} from "./ExchangeTypes.sol";

// Types of the spot exchange alone.

// Stands for the chain's own coin wherever a token address is expected (ERC-7528).
address constant NATIVE_COIN = 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE;

/// One order of a batch; the fields are the arguments of `ISpot.placeOrderWithOptions`.
struct OrderRequest {
    address asset;
    uint256 amount;
    uint256 price;
    bool isBuy;
    TimeInForce timeInForce;
    uint128 clientOrderId;
}
