// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {SPOT} from "evm-dex/contracts/ISpot.sol";
import {NATIVE_COIN} from "evm-dex/contracts/SpotTypes.sol";
import {bridgeExchanges} from "evm-dex/contracts/forge/PrecompileBridge.sol";

interface Cheats {
    function prank(address caller) external;
    function rpc(string calldata method, string calldata params) external returns (bytes memory);
}

/// @title The bridge carries the native coin in, and the node's caller can be paid.
contract NativeCoinTest {
    bool public constant IS_TEST = true;
    Cheats private constant vm = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));
    address private constant USER = 0x14dC79964da2C08b23698B3D3cc7Ca32193d9955;

    function setUp() public {
        bridgeExchanges();
    }

    function test_value_is_deposited() public {
        vm.prank(USER);
        require(SPOT.depositNative{value: 3 ether}() == 3 ether, "not credited");
    }

    function test_value_is_withdrawn() public {
        vm.rpc(
            "dex_dealOnSpot",
            '["0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE","0x14dC79964da2C08b23698B3D3cc7Ca32193d9955","0x5"]'
        );
        vm.prank(USER);
        require(SPOT.withdraw(NATIVE_COIN, 5), "not paid");
    }
}
