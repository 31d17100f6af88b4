// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {PERP} from "../IPerp.sol";
import {SPOT} from "../ISpot.sol";

/// @title The part of forge's cheatcodes that the bridge uses.
interface BridgeCheats {
    function etch(address target, bytes calldata code) external;

    function allowCheatcodes(address account) external;

    function rpc(string calldata method, string calldata params) external returns (bytes memory);

    function toString(address value) external pure returns (string memory);

    function toString(bytes calldata value) external pure returns (string memory);
}

BridgeCheats constant BRIDGE_CHEATS =
    BridgeCheats(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @notice Lets `forge script` and `forge test` call the exchanges of the node they are connected
/// to: forge runs contracts in an EVM of its own, which has no exchanges. Call it first in `run`
/// or `setUp`; scripts need `--skip-simulation`.
/// @dev What a call would do to the node is told but not kept: see docs/clients.md.
function bridgeExchanges() {
    address[2] memory exchanges = [address(SPOT), address(PERP)];
    for (uint256 i; i < exchanges.length; i++) {
        BRIDGE_CHEATS.etch(exchanges[i], type(PrecompileBridge).runtimeCode);
        BRIDGE_CHEATS.allowCheatcodes(exchanges[i]);
    }
}

/// @title Stands at an exchange's address in forge, and asks the node in its caller's name.
contract PrecompileBridge {
    /// Returns or reverts with exactly the node's bytes.
    fallback(bytes calldata input) external payable returns (bytes memory) {
        bytes memory relayed = abi.encode(this, msg.value, input);
        bytes memory answer = BRIDGE_CHEATS.rpc("eth_call", _question(relayed));
        (bool success, bytes memory output) = abi.decode(answer, (bool, bytes));
        if (success) return output;
        assembly ("memory-safe") {
            revert(add(output, 32), mload(output))
        }
    }

    /// A call of the caller's address, which for as long as it lasts has the relay's code. A plain
    /// call to the exchange would do, but forge makes text of the revert data of one that fails.
    function _question(bytes memory data) private view returns (string memory) {
        string memory caller = BRIDGE_CHEATS.toString(msg.sender);
        string memory code = BRIDGE_CHEATS.toString(type(Relay).runtimeCode);
        string memory request = string.concat(
            '{"to":"', caller, '","data":"', BRIDGE_CHEATS.toString(data), '"}'
        );
        string memory pretence = string.concat('{"', caller, '":{"code":"', code, '"}}');
        return string.concat("[", request, ',"latest",', pretence, "]");
    }
}

/// @title Calls, and returns also what a call that failed reverted with.
contract Relay {
    /// Takes what the exchange pays out.
    receive() external payable {}

    fallback(bytes calldata input) external returns (bytes memory) {
        (address target, uint256 value, bytes memory data) =
            abi.decode(input, (address, uint256, bytes));
        (bool success, bytes memory output) = target.call{value: value}(data);
        return abi.encode(success, output);
    }
}
