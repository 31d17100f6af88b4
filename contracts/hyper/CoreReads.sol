// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title What a contract reads of HyperCore, from the precompiles at 0x0800 to 0x0814.
/// @notice Every transaction of a block sees HyperCore as it was when the block was begun. A read
/// costs 2,000 gas and 65 for each byte that goes in and comes out; one that fails takes all the
/// gas it is given, so each is given no more than `GAS_LIMIT`.
library CoreReads {
    uint256 private constant GAS_LIMIT = 200_000;

    /// @notice A position. Size is signed and in szDecimals, the others have six decimals.
    struct Position {
        int64 szi;
        uint64 entryNtl;
        int64 isolatedRawUsd;
        uint32 leverage;
        bool isIsolated;
    }

    /// @notice `hold` is what resting orders may spend.
    struct SpotBalance {
        uint64 total;
        uint64 hold;
        uint64 entryNtl;
    }

    /// @notice Equity has six decimals, the time is in milliseconds.
    struct VaultEquity {
        uint64 equity;
        uint64 lockedUntilTimestamp;
    }

    /// @notice Stake with one validator, eight decimals, until a time in milliseconds.
    struct Delegation {
        address validator;
        uint64 amount;
        uint64 lockedUntilTimestamp;
    }

    /// @notice HYPE with eight decimals.
    struct DelegatorSummary {
        uint64 delegated;
        uint64 undelegated;
        uint64 totalPendingWithdrawal;
        uint64 nPendingWithdrawals;
    }

    struct PerpAssetInfo {
        string coin;
        uint32 marginTableId;
        uint8 szDecimals;
        uint8 maxLeverage;
        bool onlyIsolated;
    }

    /// @notice Base and quote token.
    struct SpotInfo {
        string name;
        uint64[2] tokens;
    }

    struct TokenInfo {
        string name;
        uint64[] spots;
        uint64 deployerTradingFeeShare;
        address deployer;
        address evmContract;
        uint8 szDecimals;
        uint8 weiDecimals;
        int8 evmExtraWeiDecimals;
    }

    struct UserBalance {
        address user;
        uint64 balance;
    }

    struct TokenSupply {
        uint64 maxSupply;
        uint64 totalSupply;
        uint64 circulatingSupply;
        uint64 futureEmissions;
        UserBalance[] nonCirculatingUserBalances;
    }

    /// @notice Decimals as of mark and spot prices.
    struct BestPrices {
        uint64 bid;
        uint64 ask;
    }

    /// @notice `rawUsd` is the cash that is left when every entry is paid for.
    struct AccountMarginSummary {
        int64 accountValue;
        uint64 marginUsed;
        uint64 ntlPos;
        int64 rawUsd;
    }

    struct BasisAndValue {
        uint64 basis;
        uint64 value;
    }

    struct LoanState {
        BasisAndValue borrow;
        BasisAndValue supply;
    }

    struct ReserveState {
        uint64 borrowYearlyRateBps;
        uint64 supplyYearlyRateBps;
        uint64 balance;
        uint64 utilizationBps;
        uint64 oraclePx;
        uint64 ltvBps;
        uint64 totalSupplied;
        uint64 totalBorrowed;
    }

    /// @notice Status 0 never there, 1 active, 2 settled, 3 forgotten; question 2^32 - 1 is none.
    struct OutcomeStatus {
        uint8 status;
        uint64 settledValue;
        uint32 question;
    }

    /// @notice A read failed: of an asset, token or vault that is not there, or short of gas.
    error ReadFailed(address precompile);

    /// @notice A user's position in a perpetual; zeros where there is none.
    function position(address user, uint32 perp) internal view returns (Position memory) {
        return abi.decode(_read(0x813, abi.encode(user, perp)), (Position));
    }

    /// @notice A user's spot balance, in the token's weiDecimals.
    function spotBalance(address user, uint64 token) internal view returns (SpotBalance memory) {
        return abi.decode(_read(0x801, abi.encode(user, token)), (SpotBalance));
    }

    /// @notice A user's share of a vault.
    function userVaultEquity(address user, address vault)
        internal
        view
        returns (VaultEquity memory)
    {
        return abi.decode(_read(0x802, abi.encode(user, vault)), (VaultEquity));
    }

    /// @notice What a user may take out of the first perpetuals dex, with six decimals.
    function withdrawable(address user) internal view returns (uint64) {
        return abi.decode(_read(0x803, abi.encode(user)), (uint64));
    }

    /// @notice A user's delegations, one for each validator.
    function delegations(address user) internal view returns (Delegation[] memory) {
        return abi.decode(_read(0x804, abi.encode(user)), (Delegation[]));
    }

    /// @notice A user's stake.
    function delegatorSummary(address user) internal view returns (DelegatorSummary memory) {
        return abi.decode(_read(0x805, abi.encode(user)), (DelegatorSummary));
    }

    /// @notice A perpetual's mark price, with 6 - szDecimals decimals.
    function markPx(uint32 perp) internal view returns (uint64) {
        return abi.decode(_read(0x806, abi.encode(perp)), (uint64));
    }

    /// @notice A perpetual's oracle price, with 6 - szDecimals decimals.
    function oraclePx(uint32 perp) internal view returns (uint64) {
        return abi.decode(_read(0x807, abi.encode(perp)), (uint64));
    }

    /// @notice A spot pair's price, with 8 - szDecimals decimals of its base.
    function spotPx(uint32 spot) internal view returns (uint64) {
        return abi.decode(_read(0x808, abi.encode(spot)), (uint64));
    }

    /// @notice The block of HyperCore.
    function l1BlockNumber() internal view returns (uint64) {
        return abi.decode(_read(0x809, ""), (uint64));
    }

    /// @notice The rules of a perpetual.
    function perpAssetInfo(uint32 perp) internal view returns (PerpAssetInfo memory) {
        return abi.decode(_read(0x80a, abi.encode(perp)), (PerpAssetInfo));
    }

    /// @notice Name and tokens of a spot pair.
    function spotInfo(uint32 spot) internal view returns (SpotInfo memory) {
        return abi.decode(_read(0x80b, abi.encode(spot)), (SpotInfo));
    }

    /// @notice Decimals, pairs and link of a token.
    function tokenInfo(uint32 token) internal view returns (TokenInfo memory) {
        return abi.decode(_read(0x80c, abi.encode(token)), (TokenInfo));
    }

    /// @notice Supply of a token, and who holds what of it without circulating.
    function tokenSupply(uint32 token) internal view returns (TokenSupply memory) {
        return abi.decode(_read(0x80d, abi.encode(token)), (TokenSupply));
    }

    /// @notice Best bid and ask of a perpetual or, from 10000 on, of a spot pair; 0 where a side is
    /// empty.
    function bbo(uint32 asset) internal view returns (BestPrices memory) {
        return abi.decode(_read(0x80e, abi.encode(asset)), (BestPrices));
    }

    /// @notice A user's account on a perpetuals dex, with six decimals.
    function accountMarginSummary(uint32 dex, address user)
        internal
        view
        returns (AccountMarginSummary memory)
    {
        return abi.decode(_read(0x80f, abi.encode(dex, user)), (AccountMarginSummary));
    }

    /// @notice Whether an account ever received anything on HyperCore.
    function coreUserExists(address user) internal view returns (bool) {
        return abi.decode(_read(0x810, abi.encode(user)), (bool));
    }

    /// @notice A user's loan in a token; fails for a user who never had one.
    function borrowLendUserState(address user, uint64 token)
        internal
        view
        returns (LoanState memory)
    {
        return abi.decode(_read(0x811, abi.encode(user, token)), (LoanState));
    }

    /// @notice The reserve that loans in a token come from.
    function borrowLendReserveState(uint64 token) internal view returns (ReserveState memory) {
        return abi.decode(_read(0x812, abi.encode(token)), (ReserveState));
    }

    /// @notice What became of an outcome.
    function outcomeStatus(uint32 outcome) internal view returns (OutcomeStatus memory) {
        return abi.decode(_read(0x814, abi.encode(outcome)), (OutcomeStatus));
    }

    function _read(uint160 number, bytes memory input) private view returns (bytes memory output) {
        address precompile = address(number);
        bool answered;
        (answered, output) = precompile.staticcall{gas: GAS_LIMIT}(input);
        if (!answered) revert ReadFailed(precompile);
    }
}
