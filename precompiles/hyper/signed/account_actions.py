"""Signed actions about accounts: transfers, margin, agents, sub-accounts, staking, vaults."""

from __future__ import annotations

import re

from eth_hash.auto import keccak

from precompiles.errors import AmountZero, PositionNotFound
from precompiles.hyper import encoding, permissions, staking, trading, transfers, vaults
from precompiles.hyper.actions import Result
from precompiles.hyper.asset_ids import AssetKind, parse_asset_id
from precompiles.hyper.core import Core
from precompiles.hyper.dexs import FIRST_DEX, acting_on
from precompiles.hyper.errors import UnknownAsset, VaultDepositTooSmall
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.signed import order_wires, typed_actions, wire
from precompiles.hyper.signed.decimals import parse_decimal
from precompiles.hyper.signed.errors import (
    InvalidAmount,
    NameInUse,
    ScheduleTooSoon,
    TooManySubAccounts,
    UnknownDexName,
    UnknownSubAccount,
    UnknownTokenName,
    VaultNotPayable,
    WithdrawalBelowFee,
)
from precompiles.hyper.signed.recipients import parse_recipient
from precompiles.hyper.system_addresses import FEES, USDC, perp_address
from precompiles.hyper.token_ids import token_id
from precompiles.hyper.units import COLLATERAL_DECIMALS, SPOT_WEI_PER_USD
from precompiles.ledger.hyper.records import CorePerp, CoreToken, CoreUser, OutgoingCall, Vault
from precompiles.ledger.hyper.signed_records import ScheduledCancel, SubAccount
from precompiles.ledger.ledger import Ledger
from precompiles.perp import collateral
from precompiles.perp.collateral import withdrawable_cash
from precompiles.types import ZERO_ADDRESS, Address

MOST_SUB_ACCOUNTS = 10
WITHDRAWAL_FEE = 10**COLLATERAL_DECIMALS
"""Source: Hyperliquid documentation, "Bridge": one USDC, out of what is withdrawn."""
LEAST_VAULT = 100 * 10**COLLATERAL_DECIMALS
"""Source: Hyperliquid documentation, "For vault leaders"."""
VAULT_LOCK = 24 * 3_600
LEAST_SCHEDULE = 5
"""Seconds."""
_SPOT = "spot"
_RATE_PLACES = 3
"""Of a percentage, in tenths of a basis point."""


# Transfers


def usd_send(core: Core, action: typed_actions.UsdSendAction) -> None:
    """Send collateral of the first dex to another account's."""
    _between(core, action.destination, 0, 0, _usd(action.amount))


def spot_send(core: Core, action: typed_actions.SpotSendAction) -> None:
    """Send a token to another account, or to the EVM."""
    token = _token(core, action.token)
    wei = _amount(action.amount, token.wei_decimals)
    to = order_wires.address_of(action.destination)
    transfers.spot_send(core, encoding.SpotSend(to, token.index, wei))


def class_transfer(core: Core, action: typed_actions.UsdClassTransferAction) -> None:
    """Move USDC between the spot wallet and the first dex, of the signer or of its sub-account."""
    text, _, sub_account = action.amount.partition(" subaccount:")
    acting = _acting_for(core, sub_account)
    transfers.class_transfer(acting, encoding.UsdClassTransfer(_usd(text), action.to_perp))


def send_asset(core: Core, action: typed_actions.SendAssetAction) -> None:
    """Move a token between wallets, of whomever."""
    token = _token(core, action.token)
    acting = _acting_for(core, action.from_sub_account)
    sent = encoding.SendAsset(
        order_wires.address_of(action.destination),
        ZERO_ADDRESS,
        _dex(core, action.source_dex),
        _dex(core, action.destination_dex),
        token.index,
        _amount(action.amount, token.wei_decimals),
    )
    transfers.send_asset(acting, sent)


def withdraw(core: Core, action: typed_actions.WithdrawAction) -> None:
    """Send collateral to an account on the EVM, less the fee, which pays for its gas.

    A unified account's is in its spot wallet.
    """
    usd = _usd(action.amount)
    if usd <= WITHDRAWAL_FEE:
        raise WithdrawalBelowFee(usd, WITHDRAWAL_FEE)
    if not core.tables.is_unified(core.user):
        transfers.class_transfer(core, encoding.UsdClassTransfer(usd, to_perp=False))
    usdc = core.token(USDC)
    transfers.move(core, usdc, FEES, WITHDRAWAL_FEE * SPOT_WEI_PER_USD)
    left = (usd - WITHDRAWAL_FEE) * SPOT_WEI_PER_USD
    transfers.send_to_evm(core, usdc, left, order_wires.address_of(action.destination))


def send_to_evm_with_data(core: Core, action: typed_actions.SendToEvmWithDataAction) -> None:
    """Hand a token to the contract that is linked to it, for whom its data says.

    The user pays for the gas that the contract is called with.
    """
    token, source = _token(core, action.token), _dex(core, action.source_dex)
    wei = _amount(action.amount, token.wei_decimals)
    recipient = parse_recipient(action.destination_recipient, action.address_encoding)
    call = OutgoingCall(
        recipient,
        action.destination_chain_id,
        action.gas_limit,
        action.nonce,
        bytes.fromhex(action.data[2:]),
    )
    transfers.call_evm(core, token, wei, source, call)


def vault_transfer(core: Core, action: wire.VaultTransferAction) -> None:
    """Pay into a vault, or take out of it."""
    vault = order_wires.address_of(action.vault_address)
    vaults.transfer(core, encoding.VaultTransfer(vault, action.is_deposit, action.usd))


# Margin


def update_leverage(core: Core, action: wire.UpdateLeverageAction) -> None:
    """Choose leverage and margin mode of a perpetual. What a position has counts where it falls."""
    perp = _perp(core, action.asset)
    acting, address = acting_on(core, perp.dex), perp_address(perp.perp_id)
    collateral.set_leverage(
        acting, address, action.leverage, is_cross=action.is_cross, may_rise_freely=True
    )


def update_isolated_margin(core: Core, action: wire.UpdateIsolatedMarginAction) -> None:
    """Move collateral into an isolated position, or out of it."""
    perp = _perp(core, action.asset)
    acting = acting_on(core, perp.dex)
    position = core.ledger.perp.netting_position(acting.caller, perp_address(perp.perp_id))
    if position is None:
        raise PositionNotFound(0)
    if action.ntli >= 0:
        collateral.add_margin(acting, position.id, action.ntli)
    else:
        collateral.remove_margin(acting, position.id, -action.ntli)


def schedule_cancel(core: Core, action: wire.ScheduleCancelAction) -> None:
    """Cancel all orders at a time, or no longer. Raises ScheduleTooSoon."""
    if not isinstance(action.time, int):
        core.tables.scheduled_cancels.put(core.user, None)
        return
    due, least = action.time // 1_000, core.moment.now + LEAST_SCHEDULE
    if due < least:
        raise ScheduleTooSoon(due, least)
    core.tables.scheduled_cancels.put(core.user, ScheduledCancel(due))


# Who may act


def approve_agent(core: Core, action: typed_actions.ApproveAgentAction) -> None:
    """Let a wallet sign for the signer."""
    wallet = order_wires.address_of(action.agent_address)
    name = (action.agent_name or "").partition(" valid_until")[0].encode()
    permissions.add_api_wallet(core, encoding.AddApiWallet(wallet, name))


def approve_builder_fee(core: Core, action: typed_actions.ApproveBuilderFeeAction) -> None:
    """Let a builder charge the signer up to a rate."""
    rate = parse_decimal(action.max_fee_rate.removesuffix("%"), _RATE_PLACES)
    if rate is None or rate >> 32:
        raise InvalidAmount
    builder = order_wires.address_of(action.builder)
    permissions.approve_builder_fee(core, encoding.ApproveBuilderFee(rate, builder))


def create_sub_account(core: Core, action: wire.CreateSubAccountAction) -> Result:
    """Begin an account that the signer acts for; its number is the result's order id.

    Its address follows from the signer's.
    """
    own = sub_accounts_of(core.ledger, core.user)
    if any(record.name == action.name for _, record in own):
        raise NameInUse
    if len(own) >= MOST_SUB_ACCOUNTS:
        raise TooManySubAccounts(MOST_SUB_ACCOUNTS)
    address = sub_account_address(core.user, len(own))
    core.tables.sub_accounts.put(core.user + address, SubAccount(action.name))
    core.tables.put_user(address, CoreUser(is_activated=True, uses_big_blocks=False))
    return Result(Outcome.DONE, len(own))


def sub_account_modify(core: Core, action: wire.SubAccountModifyAction) -> None:
    """Give an own sub-account another name."""
    address = order_wires.address_of(action.sub_account_user)
    require_sub_account(core.ledger, core.user, address)
    if any(record.name == action.name for _, record in sub_accounts_of(core.ledger, core.user)):
        raise NameInUse
    core.tables.sub_accounts.put(core.user + address, SubAccount(action.name))


def create_vault(core: Core, action: wire.CreateVaultAction) -> Result:
    """Begin a vault that the signer leads, with a first deposit; its address is in its receipt.

    The vault's number is the result's order id.
    """
    if action.initial_usd < LEAST_VAULT:
        raise VaultDepositTooSmall(action.initial_usd, LEAST_VAULT)
    available = max(0, withdrawable_cash(core.ledger, core.user, core.moment.now))
    if not core.tables.is_unified(core.user) and available < action.initial_usd:
        raise VaultNotPayable(available, action.initial_usd)
    number = len(core.tables.vaults.rows)
    address = vault_address(core.user, number)
    record = Vault(action.name, core.user, 0, VAULT_LOCK)
    core.tables.vaults.put(address, record)
    core.tables.put_user(address, CoreUser(is_activated=True, uses_big_blocks=False))
    deposit = encoding.VaultTransfer(address, is_deposit=True, usd=action.initial_usd)
    vaults.transfer(core, deposit)
    return Result(Outcome.DONE, number)


def sub_account_transfer(core: Core, action: wire.SubAccountTransferAction) -> None:
    """Move collateral to an own sub-account, or back."""
    acting, to = _with_sub_account(core, action.sub_account_user, is_deposit=action.is_deposit)
    _between(acting, f"0x{to.hex()}", 0, 0, action.usd)


def sub_account_spot_transfer(core: Core, action: wire.SubAccountSpotTransferAction) -> None:
    """Move tokens to an own sub-account, or back."""
    token = _token(core, action.token)
    acting, to = _with_sub_account(core, action.sub_account_user, is_deposit=action.is_deposit)
    wei = _amount(action.amount, token.wei_decimals)
    if wei == 0:
        raise AmountZero
    transfers.move(acting, token, to, wei)


def evm_user_modify(core: Core, action: wire.EvmUserModifyAction) -> None:
    """Choose the blocks that the signer's EVM transactions go into."""
    user = core.tables.user(core.user)
    assert user is not None, "only those who exist act"
    core.tables.put_user(core.user, CoreUser(user.is_activated, action.using_big_blocks))


# Staking


def token_delegate(core: Core, action: typed_actions.TokenDelegateAction) -> None:
    """Stake with a validator, or take back."""
    validator = order_wires.address_of(action.validator)
    staking.delegate(core, encoding.TokenDelegate(validator, action.wei, action.is_undelegate))


def staking_deposit(core: Core, action: typed_actions.StakingDepositAction) -> None:
    """Move HYPE into staking."""
    staking.deposit(core, encoding.StakingDeposit(action.wei))


def staking_withdraw(core: Core, action: typed_actions.StakingWithdrawAction) -> None:
    """Begin to move HYPE out of staking."""
    staking.withdraw(core, encoding.StakingWithdraw(action.wei))


# Looking


def sub_account_address(master: Address, number: int) -> Address:
    """Return the address of an account's sub-account; no key is known to have it."""
    return Address(keccak(b"sub-account" + master + number.to_bytes(8, "big"))[12:])


def vault_address(leader: Address, number: int) -> Address:
    """Return the address of the vault that was created after so many others."""
    return Address(keccak(b"vault" + leader + number.to_bytes(8, "big"))[12:])


def sub_accounts_of(ledger: Ledger, master: Address) -> list[tuple[Address, SubAccount]]:
    """Return an account's sub-accounts, oldest first."""
    rows = ledger.core.sub_accounts.rows
    found = []
    for number in range(MOST_SUB_ACCOUNTS):
        address = sub_account_address(master, number)
        record = rows.get(master + address)
        if record is None:
            break
        found.append((address, record))
    return found


def require_sub_account(ledger: Ledger, master: Address, address: Address) -> None:
    """Check that an account is another's sub-account. Raises UnknownSubAccount."""
    if ledger.core.sub_accounts.get(master + address) is None:
        raise UnknownSubAccount(address)


def _acting_for(core: Core, text: str) -> Core:
    """Return the same for an own sub-account, named in hex; "" is the user's own account.

    Raises UnknownSubAccount.
    """
    if not text:
        return core
    if re.fullmatch(r"0x[0-9a-fA-F]{40}", text) is None:
        raise UnknownSubAccount(ZERO_ADDRESS)
    owned = order_wires.address_of(text)
    require_sub_account(core.ledger, core.user, owned)
    return core.acting_for(owned)


def _with_sub_account(core: Core, text: str, *, is_deposit: bool) -> tuple[Core, Address]:
    """Return who pays, and who is paid."""
    address = order_wires.address_of(text)
    require_sub_account(core.ledger, core.user, address)
    return (core, address) if is_deposit else (core.acting_for(address), core.user)


def _between(core: Core, destination: str, source: int, to: int, usd: int) -> None:
    receiver = order_wires.address_of(destination)
    wei = usd * SPOT_WEI_PER_USD
    sent = encoding.SendAsset(receiver, ZERO_ADDRESS, source, to, USDC, wei)
    transfers.send_asset(core, sent)


def _usd(text: str) -> int:
    return _amount(text, COLLATERAL_DECIMALS)


def _amount(text: str, places: int) -> int:
    value = parse_decimal(text, places)
    if value is None or value >> 64:
        raise InvalidAmount
    return value


def _token(core: Core, text: str) -> CoreToken:
    """Return the token of a text like "PURR:0x…". Raises UnknownTokenName."""
    name, _, number = text.partition(":")
    for token in core.tables.tokens:
        if token.name == name and number in ("", token_id(token)):
            return token
    raise UnknownTokenName


def _dex(core: Core, name: str) -> int:
    """Return what an asset's wallet is called in actions. Raises UnknownDexName."""
    known = {_SPOT: encoding.SPOT_DEX, "": FIRST_DEX}
    known |= {dex.name: dex.index for dex in core.tables.dexs}
    if name not in known:
        raise UnknownDexName
    return known[name]


def _perp(core: Core, number: int) -> CorePerp:
    asset = parse_asset_id(number)
    market = trading.find_market(core, asset) if asset else None
    if asset is None or asset.kind is not AssetKind.PERP or not isinstance(market, CorePerp):
        raise UnknownAsset(number)
    return market
