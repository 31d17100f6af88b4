// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {SPOT} from "evm-dex/contracts/ISpot.sol";
import {Trader} from "evm-dex/contracts/examples/Trader.sol";
import {bridgeExchanges} from "evm-dex/contracts/forge/PrecompileBridge.sol";

// What forge-std's `Vm` and `console` have, so that this example needs no library.
interface Cheats {
    function startBroadcast() external;
    function stopBroadcast() external;
    function rpc(string calldata method, string calldata params) external returns (bytes memory);
    function toString(address value) external pure returns (string memory);
}

/// @title Deploys a trader with funds and lets it bid a tick above the best bid.
///
/// forge script script/PlaceOrder.s.sol --rpc-url http://127.0.0.1:8545 \
///     --private-key 0x… --broadcast --skip-simulation
contract PlaceOrder {
    bool public constant IS_SCRIPT = true;
    Cheats private constant vm = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));

    function run() external returns (address trader, uint256 price, uint256 orderId) {
        bridgeExchanges();
        address asset = SPOT.getMarkets(0, 1)[0];
        (address quote,, uint256 tick,,,,,) = SPOT.getMarket(asset);
        (uint256 bid,) = SPOT.getBestPrices(asset);
        price = bid + tick;

        vm.startBroadcast();
        Trader created = new Trader();
        // The node must know of the funds already: it does not see what this script has done.
        _dealOnSpot(quote, address(created));
        orderId = created.placeLimit(asset, 1e18, price, true);
        vm.stopBroadcast();
        return (address(created), price, orderId);
    }

    /// A method of the node: gives `user` 10,000 USDC on the spot exchange.
    function _dealOnSpot(address token, address user) private {
        string memory who = string.concat('"', vm.toString(token), '","', vm.toString(user), '"');
        vm.rpc("dex_dealOnSpot", string.concat("[", who, ',"0x2540be400"]'));
    }
}
