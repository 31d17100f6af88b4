// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {TestToken} from "../TestToken.sol";

/// @title A test token whose transfers may be signed by the holder and sent by the receiver (EIP-3009).
/// @notice Stands in for native USDC on HyperEVM: its EIP-712 domain is the token's name, version "2".
/// @dev The state of TestToken, and in slot 6 the authorizations that were used.
contract AuthorizedToken is TestToken {
    bytes32 private constant DOMAIN_TYPE = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 public constant RECEIVE_WITH_AUTHORIZATION_TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,"
        "uint256 validBefore,bytes32 nonce)"
    );
    /// Half the order of the curve: the other half of signatures says the same again.
    uint256 private constant MAX_S =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    mapping(address authorizer => mapping(bytes32 nonce => bool)) public authorizationState;

    event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);

    error NotTheReceiver(address caller);
    error AuthorizationNotYetValid(uint256 validAfter);
    error AuthorizationExpired(uint256 validBefore);
    error AuthorizationIsUsed(bytes32 nonce);
    error WrongSignature(address signer);

    constructor(string memory name_, string memory symbol_, uint8 decimals_)
        TestToken(name_, symbol_, decimals_)
    {}

    /// @notice The EIP-712 domain that authorizations are signed in.
    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        bytes32 hashedName = keccak256(bytes(name));
        return keccak256(
            abi.encode(DOMAIN_TYPE, hashedName, keccak256("2"), block.chainid, address(this))
        );
    }

    /// @notice Take what its holder has signed over to the caller.
    /// @param validAfter The time after which it may be used, in seconds.
    /// @param validBefore The time before which it must be.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        if (to != msg.sender) revert NotTheReceiver(msg.sender);
        if (block.timestamp <= validAfter) revert AuthorizationNotYetValid(validAfter);
        if (block.timestamp >= validBefore) revert AuthorizationExpired(validBefore);
        if (authorizationState[from][nonce]) revert AuthorizationIsUsed(nonce);
        bytes32 fields = keccak256(
            abi.encode(
                RECEIVE_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR(), fields));
        address signer = uint256(s) > MAX_S ? address(0) : ecrecover(digest, v, r, s);
        if (signer == address(0) || signer != from) revert WrongSignature(signer);
        authorizationState[from][nonce] = true;
        emit AuthorizationUsed(from, nonce);
        _move(from, to, value);
    }
}
