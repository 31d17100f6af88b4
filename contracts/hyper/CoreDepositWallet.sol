// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {IERC20} from "../IERC20.sol";
import {ICoreDepositWallet} from "./ICoreDepositWallet.sol";
import {AuthorizedToken} from "./AuthorizedToken.sol";
import {ICoreWriter} from "./ICoreWriter.sol";

/// @title A double of the contract that is linked to USDC, token 0.
/// @dev It has no owner: every dex of `isEnabled` and the fee are written by the genesis, which can
/// place `deployedBytecode` at an address:
///
///   slot 0  token              address of USDC
///   slot 1  newCoreAccountFee  uint256, in USDC of eight decimals
///   slot 2  isEnabled          mapping of dex to bool
contract CoreDepositWallet is ICoreDepositWallet {
    uint32 private constant SPOT = type(uint32).max;
    uint64 private constant CORE_PER_EVM = 100;
    address private constant SYSTEM = 0x2000000000000000000000000000000000000000;
    address private constant CORE_USER_EXISTS = 0x0000000000000000000000000000000000000810;
    ICoreWriter private constant CORE_WRITER =
        ICoreWriter(0x3333333333333333333333333333333333333333);
    bytes4 private constant SEND_ASSET = 0x0100000d;

    IERC20 public token;
    uint256 public newCoreAccountFee;
    mapping(uint32 dex => bool) public isEnabled;

    address private constant OTHER_CHAINS = 0x000000000000000000000000000000000000dEaD;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event CrossChainWithdraw(
        address indexed from,
        bytes32 indexed destinationRecipient,
        uint256 amount,
        uint32 destinationChainId,
        uint64 coreNonce
    );

    error AmountOutOfRange(uint256 amount);
    error DexNotEnabled(uint32 dex);
    error AmountWithinAccountFee(uint256 amount, uint256 fee);
    error NotSystemAddress(address caller);
    error TokenRefused();

    constructor(IERC20 token_, uint256 newCoreAccountFee_) {
        token = token_;
        newCoreAccountFee = newCoreAccountFee_;
        isEnabled[0] = true;
    }

    /// @inheritdoc ICoreDepositWallet
    function deposit(uint256 amount, uint32 destinationDex) external {
        _pull(amount);
        _deposit(msg.sender, amount, destinationDex);
    }

    /// @inheritdoc ICoreDepositWallet
    function depositFor(address recipient, uint256 amount, uint32 destinationDex) external {
        _pull(amount);
        _deposit(recipient, amount, destinationDex);
    }

    /// @inheritdoc ICoreDepositWallet
    function depositWithAuth(
        uint256 amount,
        uint256 authValidAfter,
        uint256 authValidBefore,
        bytes32 authNonce,
        uint8 v,
        bytes32 r,
        bytes32 s,
        uint32 destinationDex
    ) external {
        _check(amount);
        AuthorizedToken(address(token)).receiveWithAuthorization(
            msg.sender, address(this), amount, authValidAfter, authValidBefore, authNonce, v, r, s
        );
        _deposit(msg.sender, amount, destinationDex);
    }

    /// @inheritdoc ICoreDepositWallet
    function coreReceiveWithData(
        address from,
        bytes32 destinationRecipient,
        uint32 destinationChainId,
        uint256 amount,
        uint64 coreNonce,
        bytes calldata
    ) external {
        if (msg.sender != SYSTEM) revert NotSystemAddress(msg.sender);
        emit CrossChainWithdraw(
            from, destinationRecipient, amount, destinationChainId, coreNonce
        );
        if (!token.transfer(OTHER_CHAINS, amount)) revert TokenRefused();
    }

    /// @inheritdoc ICoreDepositWallet
    function transfer(address to, uint256 amount) external returns (bool) {
        if (msg.sender != SYSTEM) revert NotSystemAddress(msg.sender);
        emit Transfer(SYSTEM, to, amount);
        if (!token.transfer(to, amount)) revert TokenRefused();
        return true;
    }

    /// @notice What it can pay out, whoever is asked about: all of it belongs to the system address.
    function balanceOf(address) external view returns (uint256) {
        return token.balanceOf(address(this));
    }

    function _check(uint256 amount) private pure {
        if (amount == 0 || amount > type(uint64).max / CORE_PER_EVM) {
            revert AmountOutOfRange(amount);
        }
    }

    function _pull(uint256 amount) private {
        _check(amount);
        if (!token.transferFrom(msg.sender, address(this), amount)) revert TokenRefused();
    }

    function _deposit(address recipient, uint256 amount, uint32 dex) private {
        if (dex == SPOT) {
            emit Transfer(recipient, SYSTEM, amount);
            return;
        }
        if (!isEnabled[dex]) revert DexNotEnabled(dex);
        uint64 coreAmount = uint64(amount) * CORE_PER_EVM;
        if (!_existsOnCore(recipient)) {
            if (coreAmount <= newCoreAccountFee) {
                revert AmountWithinAccountFee(amount, newCoreAccountFee);
            }
            coreAmount -= uint64(newCoreAccountFee);
        }
        emit Transfer(address(this), SYSTEM, amount);
        bytes memory fields = abi.encode(recipient, address(0), SPOT, dex, uint64(0), coreAmount);
        CORE_WRITER.sendRawAction(abi.encodePacked(SEND_ASSET, fields));
    }

    function _existsOnCore(address user) private view returns (bool) {
        (bool answered, bytes memory output) = CORE_USER_EXISTS.staticcall(abi.encode(user));
        return answered && output.length == 32 && abi.decode(output, (bool));
    }
}
