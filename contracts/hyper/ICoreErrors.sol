// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// @title Why an action did nothing, beside the errors of ISpot and IPerp.
/// @notice Nothing reverts with them: an action that is dropped has been logged already. They are
/// the reasons in its receipt.
interface ICoreErrors {
    // The action itself

    /// The bytes are no encoding of the action's fields; `offset` is the byte that shows it.
    error MalformedAction(uint256 offset);
    /// Only version 1 is known.
    error UnknownActionVersion(uint8 version);
    /// There is no action of that id.
    error UnknownAction(uint24 action);
    /// HyperCore knows the action, this chain does not carry it out.
    error UnsupportedAction(uint24 action);
    /// Who acts did not exist before the block: it has to have received something earlier.
    error UnknownUser(address user);

    // Markets

    /// Neither a perpetual nor a spot pair has that asset id.
    error UnknownAsset(uint256 asset);
    /// No token has that index.
    error UnknownToken(uint256 token);
    /// No perpetuals dex has that number.
    error UnknownDex(uint256 dex);
    /// Nothing is traded there any more.
    error MarketDelisted(uint256 asset);
    /// Nothing is traded there at present.
    error MarketHalted(uint256 asset);

    // Orders

    /// More than five significant figures, or more than `maxDecimals`. Price times 1e8.
    error InvalidPrice(uint256 price, uint256 maxDecimals);
    /// Zero, or finer than `sizeDecimals`. Size times 1e8.
    error InvalidSize(uint256 size, uint256 sizeDecimals);
    /// The price is a hundredth of what it should be: prices are times 1e8, not 1e6.
    error PriceNotTimes1e8(uint256 price, uint256 market);
    /// An immediate order met nothing; `best` is the other side's price, 0 where it is empty.
    error NothingToMatch(uint256 price, uint256 best);
    /// What is missing is in the other wallet: move it with action 7 first.
    error FundsInOtherWallet(int256 available, uint256 needed, uint256 inOtherWallet);

    // Transfers

    /// A transfer to oneself.
    error SendToSelf();
    /// There are no sub-accounts here.
    error SubAccountNotSupported(address subAccount);
    /// The dex has another collateral.
    error NotCollateral(uint256 token, uint256 dex);
    /// There is no such account, and sends by contracts make none here.
    error ReceiverNotActivated(address receiver);
    /// The account of `user` is new, and its fee can't be paid.
    error ActivationFeeNotPayable(address user, uint256 fee);
    /// A deposit for a new account has to be more than the fee of one.
    error AmountWithinActivationFee(uint256 amount, uint256 fee);
    /// The gas on the EVM is paid for in HYPE or else in USDC, beside what is sent; `fee` in USDC.
    error TransferFeeNotPayable(uint256 available, uint256 fee);
    /// The token has no contract on the EVM.
    error TokenNotLinked(uint256 token);
    /// The EVM's side can't pay it out. In the EVM's smallest units.
    error BridgeShort(uint256 token, uint256 available, uint256 needed);
    /// Too little to be anything on the other side.
    error LessThanOneUnit(uint256 amount);

    // Vaults. USD amounts have six decimals, times are in seconds.

    /// There is no vault at that address.
    error UnknownVault(address vault);
    /// A deposit has to be worth something.
    error VaultDepositTooSmall(uint256 usd, uint256 minimum);
    /// The last deposit is too recent.
    error VaultLocked(address vault, uint256 until);
    /// More than the account's part of the vault is worth.
    error InsufficientVaultEquity(uint256 available, uint256 needed);

    /// A vault's leader keeps a twentieth of it while there are others.
    error LeaderShareTooSmall(uint256 shares, uint256 least);

    // Staking. Amounts are in HYPE's eight decimals.

    /// Nobody can delegate to that account.
    error UnknownValidator(address validator);
    /// More than is staked, or staked with that validator.
    error InsufficientStake(uint256 available, uint256 needed);
    /// The last delegation to it is too recent.
    error DelegationLocked(address validator, uint256 until);
    /// So many withdrawals are on their way already.
    error TooManyPendingWithdrawals(uint256 max);

    // Who may act and charge

    /// So many named wallets may act for an account already.
    error TooManyApiWallets(uint256 max);
    /// More than a builder may charge. In tenths of a basis point.
    error BuilderFeeTooHigh(uint256 rate, uint256 max);

    // Account modes

    /// No account mode has that number.
    error UnknownAbstraction(uint8 mode);
    /// There are no loans here, which portfolio margin is made of.
    error PortfolioMarginNotSupported();
    /// The mode was given up for unified accounts.
    error DexAbstractionDiscontinued();
    /// A unified account does not become a standard one again.
    error UnifiedForGood(address user);
    /// Vaults, and backstops of builders' dexs, are standard accounts.
    error ModeOfVault(address vault);
    /// Positions or orders are open on a dex whose account the unified one replaces.
    error OpenOnOtherDex(uint256 dex);
    /// A unified account has one wallet: `sendAsset` alone moves its tokens.
    error BalancesAreUnified(address user);

    // What users sign for /exchange

    /// An amount is no number, or has more decimals than the token.
    error InvalidAmount();
    /// The account has a sub-account of that name.
    error NameInUse();
    /// So many sub-accounts are there already.
    error TooManySubAccounts(uint256 max);
    /// It is no sub-account of the signer's.
    error UnknownSubAccount(address account);
    /// No token has that name and id.
    error UnknownTokenName();
    /// No perpetuals dex has that name.
    error UnknownDexName();
    /// All orders can be cancelled from then on at the earliest. In seconds.
    error ScheduleTooSoon(uint256 due, uint256 earliest);
    /// Triggers are for perpetuals.
    error TriggerNotSupported(uint256 asset);
    /// The builder asks for more than the account has approved, in tenths of a basis point.
    error BuilderNotApproved(address builder, uint256 approved);
    /// The signer has used the nonce.
    error NonceUsed(uint256 nonce);
    /// The nonce is below all that are remembered.
    error NonceTooLow(uint256 nonce, uint256 lowest);
    /// Others sign for the account, which its own key and contracts can't act for.
    error MultiSigRequired(address account);
    /// Nobody else signs for the account.
    error InvalidMultiSigUser(address account);
    /// Who is to sign is not named in a known form.
    error InvalidSigners();
    /// There are fewer signers than must sign, or none must.
    error InvalidMultiSigThreshold(uint256 max);
    error TooManyMultiSigSigners(uint256 max);
    /// An account can't sign for itself with others.
    error MultiSigSignerIsSelf();
    /// Who is to sign for an account has none.
    error MultiSigSignerUnknown(address signer);
    /// Who sends the action does not sign for the account, or is another than it says.
    error NotOuterSigner(address signer);
    /// The agent that sends the action has no account of its own.
    error OuterSignerNotUser(address signer);
    /// A signature inside is of nobody who signs for the account, or of something else.
    error NotInnerSigner(address signer);
    /// Fewer have signed than must.
    error ThresholdNotMet(uint256 signers, uint256 threshold);
    /// A withdrawal is no more than its fee.
    error WithdrawalBelowFee(uint256 amount, uint256 fee);
    /// A recipient on another chain is none.
    error InvalidRecipient();
    /// The account can't pay the first deposit of a vault.
    error VaultNotPayable(uint256 available, uint256 needed);
    /// A step of a deployment names something that can't be.
    error InvalidDeployment(bytes32 field);
    /// Another listed the token or runs the dex.
    error NotDeployer(address deployer);
    /// What it costs is more than was to be paid, in wei of HYPE.
    error GasAboveMost(uint256 price, uint256 max);
    /// The step comes too early, too late or a second time.
    error WrongDeployStep(uint256 token);
    /// The supply is not what all balances of the genesis add up to.
    error SupplyMismatch(uint256 requested, uint256 supply);
    /// Oracle prices were set a moment ago.
    error OracleTooSoon(uint256 earliest);
    error ValidatorExists(address validator);
    /// The account signs for no validator.
    error NotValidatorSigner(address signer);
    /// There is stake with the validator.
    error ValidatorHasDelegations(uint256 wei_);
    /// The deployer of the token has frozen the balance.
    error BalanceFrozen(address user, uint256 token);
    /// The validator takes no stake of others.
    error DelegationsDisabled(address validator);
    /// The signer does not act for that account.
    error NotActingFor(address account);
    /// An order over time is worth less than the least for its minutes. In USD of six decimals.
    error TwapTooSmall(uint256 notional, uint256 minimum);
    /// An order over time must take so many minutes.
    error TwapDuration(uint256 minutes_, uint256 least, uint256 most);
    /// There is no such order over time of the user's.
    error UnknownTwap(uint256 twap);
    /// All but the first order of a bracket must be triggers.
    error NotBracket();
}
