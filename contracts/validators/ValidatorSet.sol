// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title The validators of a chain, who vote on who is one.
/// @dev The genesis puts the first ones into its storage. Each validator reads the list after every
/// block that changed it, and tells its consensus engine what differs.
contract ValidatorSet {
    struct Validator {
        /// @dev The ed25519 key that signs its votes on blocks.
        bytes32 key;
        /// @dev The account that votes here.
        address account;
    }

    uint256 private constant MOST = 100;

    Validator[] private list;
    /// @notice Changes so far. Votes are for one round: with each change, open ones are void.
    uint256 public round;
    mapping(bytes32 change => uint256) private count;
    mapping(bytes32 change => mapping(address account => bool)) private hasVoted;

    /// @notice A validator voted that `key` be one, or, without an account, that it be one no more.
    event Voted(address indexed voter, bytes32 indexed key, address account, uint256 votes);
    /// @notice More than two thirds voted so: from the next block but one on it is, or is not, one.
    event Changed(bytes32 indexed key, address account);

    error NotAValidator(address caller);
    error InvalidValidator();
    error AlreadyThere();
    error NotThere();
    error LastValidator();
    error TooManyValidators();
    error VotedAlready();
    error NotPaidOn();

    /// @notice Votes that a key be a validator's, whose account votes here from then on. What is
    /// sent along goes to that account, for the gas of its own votes.
    /// @custom:reverts NotAValidator, InvalidValidator, AlreadyThere, TooManyValidators,
    /// VotedAlready, NotPaidOn
    function add(bytes32 key, address account) external payable {
        if (key == 0 || account == address(0)) revert InvalidValidator();
        uint256 length = list.length;
        if (length == MOST) revert TooManyValidators();
        for (uint256 index = 0; index < length; ++index) {
            if (list[index].key == key || list[index].account == account) revert AlreadyThere();
        }
        if (_vote(key, account)) list.push(Validator(key, account));
        if (msg.value != 0) {
            (bool isPaid,) = account.call{value: msg.value}("");
            if (!isPaid) revert NotPaidOn();
        }
    }

    /// @notice Votes that a validator be one no more.
    /// @custom:reverts NotAValidator, NotThere, LastValidator, VotedAlready
    function remove(bytes32 key) external {
        uint256 length = list.length;
        uint256 place = length;
        for (uint256 index = 0; index < length; ++index) {
            if (list[index].key == key) place = index;
        }
        if (place == length) revert NotThere();
        if (length == 1) revert LastValidator();
        if (_vote(key, address(0))) {
            list[place] = list[length - 1];
            list.pop();
        }
    }

    /// @notice The validators as of this block.
    function validators() external view returns (Validator[] memory) {
        return list;
    }

    /// @notice Votes so far that a key be a validator's, or, without an account, be none.
    function votes(bytes32 key, address account) external view returns (uint256) {
        return count[_change(key, account)];
    }

    /// @dev Counts the caller's vote; true, and the next round, where more than two thirds agree.
    function _vote(bytes32 key, address account) private returns (bool isDecided) {
        uint256 length = list.length;
        bool isValidator;
        for (uint256 index = 0; index < length; ++index) {
            if (list[index].account == msg.sender) isValidator = true;
        }
        if (!isValidator) revert NotAValidator(msg.sender);
        bytes32 change = _change(key, account);
        if (hasVoted[change][msg.sender]) revert VotedAlready();
        hasVoted[change][msg.sender] = true;
        uint256 agreed = ++count[change];
        emit Voted(msg.sender, key, account, agreed);
        isDecided = 3 * agreed > 2 * length;
        if (isDecided) {
            ++round;
            emit Changed(key, account);
        }
    }

    function _change(bytes32 key, address account) private view returns (bytes32) {
        return keccak256(abi.encode(round, key, account));
    }
}
