// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {PERP} from "../IPerp.sol";
import {SPOT} from "../ISpot.sol";

/// @title The part of forge's cheatcodes that this file uses.
interface LinkCheats {
    function allowCheatcodes(address account) external;

    function envOr(string calldata name, string calldata otherwise)
        external
        view
        returns (string memory);

    function deal(address account, uint256 balance) external;

    function etch(address target, bytes calldata code) external;

    function label(address account, string calldata name) external;

    function rpc(string calldata url, string calldata method, string calldata params)
        external
        returns (bytes memory);

    function toString(address value) external pure returns (string memory);

    function toString(bytes calldata value) external pure returns (string memory);

    function toString(bytes32 value) external pure returns (string memory);
}

LinkCheats constant LINK_CHEATS = LinkCheats(address(uint160(uint256(keccak256("hevm cheat code")))));
NodeLink constant NODE_LINK = NodeLink(address(uint160(uint256(keccak256("evm-dex node link")))));

/// An event of the node, to be emitted in forge's EVM too.
struct NodeLog {
    address emitter;
    bytes32[] topics;
    bytes data;
}

/// What came of a call on the node. `blockHash` is the block that it made; `paid` is in wei.
struct NodeOutcome {
    bytes32 blockHash;
    bool succeeded;
    bytes output;
    uint256 paid;
    NodeLog[] logs;
}

/// @title Base of forge tests in which exchanges and their tokens are those of a node, and orders
/// meet and stay.
///
///     contract MyTest is ExchangeTest {
///         function setUp() public { connectExchanges(); }
///         function test_an_order_rests() public {
///             dealOnSpot(usdc, address(this), 3_000e6);
///             SPOT.placeOrder(weth, 1e18, 3_000e6, true);
///
/// `evm-dex node` must run; forge needs no `--fork-url`. What a test does is taken back before the
/// next, and when a call reverts. Limits are in docs/clients.md.
abstract contract ExchangeTest {
    /// Connects to the node at EVM_DEX_URL, or else at http://127.0.0.1:8545: first in `setUp`.
    function connectExchanges() internal {
        connectExchanges(LINK_CHEATS.envOr("EVM_DEX_URL", string("http://127.0.0.1:8545")));
    }

    /// Connects to the node at an address.
    function connectExchanges(string memory url) internal {
        LINK_CHEATS.etch(address(NODE_LINK), type(NodeLink).runtimeCode);
        LINK_CHEATS.allowCheatcodes(address(NODE_LINK));
        LINK_CHEATS.label(address(NODE_LINK), "NodeLink");
        LINK_CHEATS.label(address(SPOT), "SPOT");
        LINK_CHEATS.label(address(PERP), "PERP");
        _bridge(address(SPOT));
        _bridge(address(PERP));
        address[] memory tokens = NODE_LINK.connect(url);
        for (uint256 i; i < tokens.length; i++) {
            _bridge(tokens[i]);
        }
    }

    /// Gives `user` so much of a token in their own account, on top of what they have.
    function dealTokens(address token, address user, uint256 amount) internal {
        NODE_LINK.cheat("dex_deal", _list(_quoted(token), _quoted(user), _quoted(amount)));
    }

    /// Gives `user` so much of a token on the spot exchange, on top of what they have.
    function dealOnSpot(address token, address user, uint256 amount) internal {
        NODE_LINK.cheat("dex_dealOnSpot", _list(_quoted(token), _quoted(user), _quoted(amount)));
    }

    /// Gives `user` so much collateral on the perpetuals exchange, on top of what they have.
    function dealOnPerp(address user, uint256 amount) internal {
        NODE_LINK.cheat("dex_dealOnPerp", _list(_quoted(user), _quoted(amount)));
    }

    /// Sets the oracle's price of a perpetual market.
    function setOraclePrice(address market, uint256 price) internal {
        NODE_LINK.cheat("dex_setOraclePrice", _list(_quoted(market), _quoted(price)));
    }

    /// Makes a block on the node, `time` seconds after its last; the keeper goes first in it.
    function mineOnNode(uint256 time) internal {
        NODE_LINK.cheat("evm_increaseTime", _list(_quoted(time)));
        NODE_LINK.cheat("evm_mine", "[]");
    }

    function _bridge(address target) private {
        LINK_CHEATS.etch(target, type(ExchangeBridge).runtimeCode);
    }

    function _quoted(address value) private pure returns (string memory) {
        return string.concat('"', LINK_CHEATS.toString(value), '"');
    }

    function _quoted(uint256 value) private pure returns (string memory) {
        return string.concat('"', LINK_CHEATS.toString(bytes32(value)), '"');
    }

    function _list(string memory one) private pure returns (string memory) {
        return string.concat("[", one, "]");
    }

    function _list(string memory one, string memory two) private pure returns (string memory) {
        return string.concat("[", one, ",", two, "]");
    }

    function _list(string memory one, string memory two, string memory three)
        private
        pure
        returns (string memory)
    {
        return string.concat("[", one, ",", two, ",", three, "]");
    }
}

/// @title Stands at the address of an exchange or a token in forge's EVM, and calls it on the node.
contract ExchangeBridge {
    /// Takes the wei that other bridges' calls bring.
    receive() external payable {}

    /// Returns or reverts with exactly the node's bytes, emits the node's events, and pays out
    /// what the node paid.
    fallback(bytes calldata input) external payable returns (bytes memory) {
        NodeOutcome memory outcome = NODE_LINK.call(msg.sender, msg.value, input, !_mayChange());
        bytes memory output = outcome.output;
        if (!outcome.succeeded) {
            assembly ("memory-safe") {
                revert(add(output, 32), mload(output))
            }
        }
        for (uint256 i; i < outcome.logs.length; i++) {
            NodeLog memory log = outcome.logs[i];
            if (log.emitter == address(this)) _emit(log.topics, log.data);
            else ExchangeBridge(payable(log.emitter)).emitForBridge(log.topics, log.data);
        }
        if (outcome.paid > 0) {
            NODE_LINK.fund(outcome.paid);
            (bool taken,) = msg.sender.call{value: outcome.paid}("");
            require(taken, "the caller takes no wei");
        }
        return output;
    }

    /// Emits an event of this address that a call to another bridge gave rise to.
    function emitForBridge(bytes32[] calldata topics, bytes calldata data) external {
        require(msg.sender.codehash == address(this).codehash, "only bridges emit for another");
        _emit(topics, data);
    }

    function _mayChange() private returns (bool may) {
        (may,) = address(NODE_LINK).call{gas: 30_000}(abi.encodeCall(NodeLink.touch, ()));
    }

    function _emit(bytes32[] memory topics, bytes memory data) private {
        assembly ("memory-safe") {
            let from := add(data, 32)
            let size := mload(data)
            let topic := add(topics, 32)
            switch mload(topics)
            case 0 { log0(from, size) }
            case 1 { log1(from, size, mload(topic)) }
            case 2 { log2(from, size, mload(topic), mload(add(topic, 32))) }
            case 3 {
                log3(from, size, mload(topic), mload(add(topic, 32)), mload(add(topic, 64)))
            }
            default {
                log4(
                    from,
                    size,
                    mload(topic),
                    mload(add(topic, 32)),
                    mload(add(topic, 64)),
                    mload(add(topic, 96))
                )
            }
        }
    }
}

/// @title Speaks to the node, and remembers which of its blocks forge's EVM is at.
/// @dev Forge takes that back with all else after a test or a call that reverted, and so the node
/// goes back to there before the next call.
contract NodeLink {
    string private url;
    bytes32 private blockHash;
    uint256 private touched;

    /// Goes to where the node is, less what tests before have done; its tokens.
    function connect(string calldata url_) external returns (address[] memory tokens) {
        url = url_;
        (blockHash, tokens) = abi.decode(_ask("dex_bridgeConnect", "[]"), (bytes32, address[]));
    }

    /// Calls whoever calls this, on the node, in the name of `caller`.
    function call(address caller, uint256 value, bytes calldata input, bool isView)
        external
        returns (NodeOutcome memory outcome)
    {
        bytes memory request =
            abi.encode(blockHash, block.timestamp, isView, caller, msg.sender, value, input);
        string memory params = string.concat('["', LINK_CHEATS.toString(request), '"]');
        outcome = abi.decode(_ask("dex_bridgeCall", params), (NodeOutcome));
        if (outcome.blockHash != blockHash) blockHash = outcome.blockHash;
    }

    /// Calls a method of the node that only test chains have.
    function cheat(string calldata method, string calldata params) external {
        string memory place = string.concat('["', LINK_CHEATS.toString(blockHash), '","', method, '",');
        bytes memory answer = _ask("dex_bridgeCheat", string.concat(place, params, "]"));
        (blockHash,) = abi.decode(answer, (bytes32, uint256));
    }

    /// Sees to it that whoever calls this has so much to pay out.
    function fund(uint256 needed) external {
        if (msg.sender.balance < needed) LINK_CHEATS.deal(msg.sender, needed);
    }

    /// Fails where nothing may be changed.
    function touch() external {
        touched = 1;
    }

    function _ask(string memory method, string memory params) private returns (bytes memory) {
        return LINK_CHEATS.rpc(url, method, params);
    }
}
