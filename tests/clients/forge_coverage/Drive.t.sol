// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {Counter} from "../src/Counter.sol";
import {Ledger, Entry} from "../src/Ledger.sol";
import {TestToken} from "../src/contracts/TestToken.sol";
import {Cheater} from "../src/contracts/examples/Cheater.sol";
import {MarketMaker} from "../src/contracts/examples/MarketMaker.sol";
import {RevertAfterTrade} from "../src/contracts/examples/RevertAfterTrade.sol";
import {Trader} from "../src/contracts/examples/Trader.sol";
import {Kernels} from "../src/contracts/test/Kernels.sol";
import {FeeOnTransferToken, FalseReturningToken} from "../src/contracts/test/MisbehavingTokens.sol";
import {Pair} from "../src/contracts/test/Pair.sol";
import {ShareVault} from "../src/contracts/test/ShareVault.sol";
import {SilentToken} from "../src/contracts/test/SilentToken.sol";
import {StorageAndEvent} from "../src/contracts/test/StorageAndEvent.sol";

/// Calls of many contracts, some of which fail, without cheatcodes: any chain can run them.
///
/// There is no market, so whatever is asked of an exchange fails, as it does where there is none.
abstract contract Drive {
    address constant NOBODY = address(0xdead);
    address constant NO_MARKET = address(0xbeef);

    function _fails(address to, bytes memory data) internal returns (bool) {
        (bool done,) = to.call(data);
        require(!done, "went through");
        return true;
    }
}

contract TokensTest is Drive {
    TestToken base;
    TestToken quote;

    function setUp() public {
        base = new TestToken("Base", "B", 18);
        quote = new TestToken("Quote", "Q", 6);
        base.mint(address(this), 1e24);
        quote.mint(address(this), 1e24);
    }

    function test_token() public {
        base.transfer(NOBODY, 5);
        base.approve(address(this), 7);
        base.transferFrom(address(this), NOBODY, 7);
        _fails(address(base), abi.encodeCall(base.transfer, (address(0), 1)));
        _fails(address(base), abi.encodeCall(base.transfer, (NOBODY, 1e30)));
        _fails(address(base), abi.encodeCall(base.transferFrom, (NOBODY, NOBODY, 1)));
        base.approve(address(this), type(uint256).max);
        base.transferFrom(address(this), NOBODY, 7);
    }

    function test_pair_and_vault() public {
        Pair pair = new Pair(base, quote);
        ShareVault vault = new ShareVault(base);
        base.approve(address(pair), type(uint256).max);
        quote.approve(address(pair), type(uint256).max);
        base.approve(address(vault), 1e18);
        pair.provide(1e20, 1e21);
        pair.swap(1e18, 1, true);
        pair.swap(1e18, 1, false);
        _fails(address(pair), abi.encodeCall(pair.swap, (1e18, 1e30, true)));
        vault.deposit(1e17, NOBODY);
        vault.deposit(1e17, address(this));
        _fails(address(vault), abi.encodeCall(vault.deposit, (1e20, NOBODY)));
        vault.convertToShares(5);
    }
}

contract KernelsTest is Drive {
    function setUp() public {}

    function test_kernels() public {
        Kernels kernels = new Kernels();
        kernels.loop(40);
        kernels.hashes(20);
        kernels.products(9);
        kernels.sort(12);
        kernels.store(9);
    }
}

contract OtherTokensTest is Drive {
    function setUp() public {}

    function test_other_tokens() public {
        FeeOnTransferToken fee = new FeeOnTransferToken();
        FalseReturningToken no = new FalseReturningToken();
        SilentToken silent = new SilentToken();
        fee.mint(address(this), 1000);
        fee.transfer(NOBODY, 100);
        no.transfer(NOBODY, 100);
        silent.mint(address(this), 10);
        silent.transfer(NOBODY, 3);
        new StorageAndEvent().store(1, 2);
    }
}

contract TraderTest is Drive {
    function setUp() public {}

    function test_trader() public {
        Trader trader = new Trader();
        _fails(address(trader), abi.encodeCall(trader.trade, (NO_MARKET, 1, 1, true)));
        _fails(address(trader), abi.encodeCall(trader.placeLimit, (NO_MARKET, 1, 1, true)));
        _fails(address(trader), abi.encodeCall(trader.cancel, (77)));
    }
}

contract RevertingTest is Drive {
    function setUp() public {}

    function test_reverting() public {
        RevertAfterTrade reverts = new RevertAfterTrade();
        _fails(address(reverts), abi.encodeCall(reverts.tradeAndRevert, (NO_MARKET, 1, 1, true)));
    }
}

contract MakerTest is Drive {
    function setUp() public {}

    function test_maker() public {
        MarketMaker maker = new MarketMaker();
        maker.getOrderIds(NO_MARKET);
    }
}

contract CheaterTest is Drive {
    function setUp() public {}

    function test_cheater() public {
        Cheater cheater = new Cheater(address(0xc0de));
        cheater.balanceOf(NOBODY);
    }
}

contract CounterTest is Drive {
    function setUp() public {}

    function test_counter() public {
        Counter counter = new Counter(3);
        _fails(address(counter), abi.encodeCall(counter.set, (7)));
        counter.set(5);
        counter.classify(11);
        counter.classify(7);
        counter.classify(2);
        counter.never(4);
        (bool done,) = address(counter).call{gas: 200000}(hex"12345678");
        require(done);
        Counter other = new Counter(3);
        other.set(9);
    }
}

contract LedgerTest is Drive {
    function setUp() public {}

    function test_ledger() public {
        Ledger ledger = new Ledger();
        Entry entry = ledger.add(7);
        ledger.add(8);
        _fails(address(ledger), abi.encodeCall(ledger.add, (13)));
        _fails(address(ledger), abi.encodeCall(ledger.ask, (0, 7)));
        _fails(address(ledger), abi.encodeCall(ledger.ask, (0, 0)));
        _fails(address(ledger), abi.encodeCall(ledger.ask, (5, 1)));
        _fails(address(entry), abi.encodeCall(entry.fail, (1)));
        ledger.ask(1, 2);
        ledger.deep(9);
        ledger.halved(10);
        _fails(address(ledger), abi.encodeCall(ledger.deep, (10)));
        _fails(address(ledger), abi.encodeCall(ledger.halved, (2000)));
        (bool done,) = address(ledger).call{gas: 100000}("");
        require(!done);
    }
}
