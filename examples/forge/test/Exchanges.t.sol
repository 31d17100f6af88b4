// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {ISpotErrors} from "evm-dex/contracts/ISpotErrors.sol";
import {IPerpErrors} from "evm-dex/contracts/IPerpErrors.sol";
import {PERP} from "evm-dex/contracts/IPerp.sol";
import {SPOT} from "evm-dex/contracts/ISpot.sol";
import {Trader} from "evm-dex/contracts/examples/Trader.sol";
import {bridgeExchanges} from "evm-dex/contracts/forge/PrecompileBridge.sol";

interface Cheats {
    function expectRevert(bytes calldata data) external;
    function prank(address caller) external;
}

/// @title forge test --fork-url http://127.0.0.1:8545
contract ExchangesTest {
    bool public constant IS_TEST = true;
    Cheats private constant vm = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));
    address private constant FUNDED = 0x14dC79964da2C08b23698B3D3cc7Ca32193d9955;
    address private asset;
    address private quote;

    function setUp() public {
        bridgeExchanges();
        asset = SPOT.getMarkets(0, 1)[0];
        (quote,,,,,,,) = SPOT.getMarket(asset);
    }

    function test_reads_are_the_nodes() public view {
        (uint256 available, uint256 onHold) = SPOT.getBalance(FUNDED, quote);
        require(available + onHold == 10_000_000e6, "not the genesis's balance");
        require(PERP.getMarkPrice(asset) == 2_000e6, "not the genesis's price");
    }

    function test_an_order_is_placed_for_its_caller() public {
        vm.prank(FUNDED);
        uint256 orderId = SPOT.placeOrder(asset, 1e18, 1_000e6, true);
        require(orderId > 0, "no id");
    }

    function test_a_position_is_opened_for_its_caller() public {
        vm.prank(FUNDED);
        uint256 positionId = PERP.openPosition(asset, 1e18, 10, true);
        require(positionId > 0, "no id");
    }

    function test_nothing_stays_on_the_node() public {
        (uint256 before,) = SPOT.getBalance(FUNDED, quote);
        vm.prank(FUNDED);
        SPOT.placeOrder(asset, 1e18, 1_000e6, true);
        (uint256 afterwards,) = SPOT.getBalance(FUNDED, quote);
        require(before == afterwards, "kept");
    }

    function test_a_refused_view_has_its_error_too() public {
        vm.expectRevert(abi.encodeWithSelector(IPerpErrors.PositionNotFound.selector, 99));
        PERP.getPosition(99);
    }

    function test_a_refusal_has_the_exchanges_own_error() public {
        Trader trader = new Trader();
        vm.expectRevert(
            abi.encodeWithSelector(
                ISpotErrors.InsufficientBalance.selector, quote, 0, 1_000e6
            )
        );
        trader.placeLimit(asset, 1e18, 1_000e6, true);
    }
}
