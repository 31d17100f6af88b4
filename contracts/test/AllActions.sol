// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {CoreActions} from "../hyper/CoreActions.sol";

/// @title Every action of CoreActions once, with fields that no two have alike.
contract AllActions {
    receive() external payable {}

    function sendAll(address other) external {
        CoreActions.placeLimitOrder(1, true, 2, 3, true, CoreActions.IMMEDIATE_OR_CANCEL, 4);
        CoreActions.vaultTransfer(other, true, 5);
        CoreActions.tokenDelegate(other, 6, true);
        CoreActions.depositStake(7);
        CoreActions.withdrawStake(8);
        CoreActions.spotSend(other, 9, 10);
        CoreActions.transferUsdClass(11, true);
        CoreActions.addApiWallet(other, "bot");
        CoreActions.cancelOrderByOrderId(12, 13);
        CoreActions.cancelOrderByCloid(14, 15);
        CoreActions.sendAsset(other, CoreActions.SPOT_DEX, 16, 17, 18);
        CoreActions.bridgeHypeToCore(1e10);
    }

    function systemAddress(uint64 token) external pure returns (address) {
        return CoreActions.systemAddress(token);
    }
}
