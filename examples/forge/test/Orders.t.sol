// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {PERP} from "evm-dex/contracts/IPerp.sol";
import {IPerpErrors} from "evm-dex/contracts/IPerpErrors.sol";
import {IERC20} from "evm-dex/contracts/IERC20.sol";
import {SPOT} from "evm-dex/contracts/ISpot.sol";
import {ISpotErrors} from "evm-dex/contracts/ISpotErrors.sol";
import {ISpotEvents} from "evm-dex/contracts/ISpotEvents.sol";
import {NATIVE_COIN} from "evm-dex/contracts/SpotTypes.sol";
import {Trader} from "evm-dex/contracts/examples/Trader.sol";
import {ExchangeTest} from "evm-dex/contracts/forge/ExchangeTest.sol";

// What forge-std's `Vm` has, so that this example needs no library.
interface Cheats {
    function deal(address account, uint256 balance) external;
    function expectEmit(address emitter) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function prank(address caller) external;
    function warp(uint256 time) external;
}

/// @title Orders that meet and stay, between contracts that only forge knows.
///
/// evm-dex node & forge test --match-contract OrdersTest
contract OrdersTest is ExchangeTest {
    bool public constant IS_TEST = true;
    Cheats private constant vm = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));
    address private constant MAKER = address(0xA11CE);
    IERC20 private weth;
    IERC20 private usdc;
    Trader private trader;

    function setUp() public {
        connectExchanges();
        weth = IERC20(SPOT.getMarkets(0, 1)[0]);
        (address quote,,,,,,,) = SPOT.getMarket(address(weth));
        usdc = IERC20(quote);
        trader = new Trader();
        dealOnSpot(address(usdc), address(trader), 10_000e6);
        dealOnSpot(address(weth), MAKER, 5e18);
    }

    function test_orders_meet_and_stay() public {
        vm.prank(MAKER);
        uint256 offer = SPOT.placeOrder(address(weth), 3e18, 3_000e6, false);
        trader.placeLimit(address(weth), 1e18, 3_000e6, true);
        (, uint256 remaining,) = SPOT.getOrderStatus(offer);
        require(remaining == 2e18, "not met");
        (uint256 available,) = SPOT.getBalance(address(trader), address(usdc));
        require(available == 7_000e6, "not paid");
    }

    function test_the_book_is_as_set_up() public view {
        (uint256 bid, uint256 ask) = SPOT.getBestPrices(address(weth));
        require(bid == 0 && ask == 0, "an order of another test is there");
    }

    function test_tokens_are_approved_deposited_and_withdrawn() public {
        dealTokens(address(usdc), address(this), 500e6);
        usdc.approve(address(SPOT), 300e6);
        SPOT.deposit(address(usdc), 300e6);
        require(usdc.balanceOf(address(this)) == 200e6, "not taken");
        SPOT.withdraw(address(usdc), 100e6);
        require(usdc.balanceOf(address(this)) == 300e6, "not paid out");
    }

    function test_wei_go_in_and_come_back() public {
        vm.deal(MAKER, 2 ether);
        vm.prank(MAKER);
        SPOT.depositNative{value: 2 ether}();
        require(MAKER.balance == 0, "not taken");
        vm.prank(MAKER);
        SPOT.withdraw(NATIVE_COIN, 0.5 ether);
        require(MAKER.balance == 0.5 ether, "not paid out");
    }

    function test_events_are_emitted() public {
        vm.expectEmit(address(SPOT));
        emit ISpotEvents.Deposit(address(this), address(usdc), 300e6);
        this.depositDollars(300e6);
    }

    function test_errors_are_the_exchanges() public {
        bytes4 refused = ISpotErrors.InsufficientBalance.selector;
        vm.expectRevert(abi.encodeWithSelector(refused, address(usdc), 10_000e6, 30_000e6));
        trader.placeLimit(address(weth), 10e18, 3_000e6, true);
    }

    function test_a_reverted_frame_takes_its_orders_back() public {
        try this.placeAndFail() {
            revert("it did not fail");
        } catch {}
        (uint256 bid,) = SPOT.getBestPrices(address(weth));
        require(bid == 0, "the order stayed");
        trader.placeLimit(address(weth), 1e18, 2_000e6, true);
        (bid,) = SPOT.getBestPrices(address(weth));
        require(bid == 2_000e6, "no order after that");
    }

    function test_a_position_is_liquidated_when_its_price_falls() public {
        dealOnPerp(MAKER, 1_000e6);
        vm.prank(MAKER);
        uint256 position = PERP.openPosition(address(weth), 1e18, 10, true);
        setOraclePrice(address(weth), 1_700e6);
        PERP.liquidate(position);
        (,,,,,,, bool isOpen) = PERP.getPosition(position);
        require(!isOpen, "still open");
    }

    function test_time_passes_with_forges(uint32 later) public {
        vm.warp(4_000_000_000 + uint256(later));
        dealOnPerp(address(this), 1_000e6);
        vm.expectPartialRevert(IPerpErrors.StalePrice.selector);
        PERP.openPosition(address(weth), 1e18, 10, true);
    }

    function depositDollars(uint256 amount) external {
        dealTokens(address(usdc), address(this), amount);
        usdc.approve(address(SPOT), amount);
        SPOT.deposit(address(usdc), amount);
    }

    function placeAndFail() external {
        trader.placeLimit(address(weth), 1e18, 1_500e6, true);
        revert("after the order");
    }
}
