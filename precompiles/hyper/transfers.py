"""Moving tokens on HyperCore: between users, between a user's wallets, and out to the EVM."""

from __future__ import annotations

from precompiles.engine.amounts import ceil_divide
from precompiles.errors import AmountZero, InsufficientBalance
from precompiles.hyper import users
from precompiles.hyper.core import TRANSFER_GAS, Core
from precompiles.hyper.deploy.freezing import require_free
from precompiles.hyper.dexs import FIRST_DEX, collateral_of, credit, debit
from precompiles.hyper.encoding import SPOT_DEX, SendAsset, SpotSend, UsdClassTransfer
from precompiles.hyper.errors import (
    BalancesAreUnified,
    BridgeShort,
    LessThanOneUnit,
    NotCollateral,
    SendToSelf,
    SubAccountNotSupported,
    TokenNotLinked,
    TransferFeeNotPayable,
)
from precompiles.hyper.system_addresses import FEES, USDC, token_of_address
from precompiles.hyper.trades import note_received, note_sent
from precompiles.hyper.unified import gather
from precompiles.hyper.units import (
    CORE_GAS_DECIMALS,
    SPOT_WEI_PER_USD,
    evm_amount,
    power_of_ten,
)
from precompiles.ledger.hyper.records import CoreToken, Outgoing, OutgoingCall
from precompiles.ledger.hyper.tables import index_key
from precompiles.types import ZERO_ADDRESS, Address


def spot_send(core: Core, action: SpotSend) -> None:
    """Send a token to another account, or to the EVM where that is the token's system address."""
    _require_standard(core)
    token = core.token(action.token)
    if token_of_address(core.settings, action.destination) == token.index:
        withdraw(core, token, action.wei)
        return
    _send(core, token, action.destination, action.wei)


def class_transfer(core: Core, action: UsdClassTransfer) -> None:
    """Move USDC between the user's spot wallet and the first perpetuals dex."""
    _require_standard(core)
    if action.to_perp:
        _into_perp(core, FIRST_DEX, core.user, action.ntl)
    else:
        _out_of_perp(core, FIRST_DEX, core.user, action.ntl)


def send_asset(core: Core, action: SendAsset) -> None:
    """Move a token between wallets, to whomever; the system address stands for the EVM.

    A unified user has one wallet: what is sent leaves its spot wallet, whatever the source.
    """
    if action.sub_account != ZERO_ADDRESS:
        raise SubAccountNotSupported(action.sub_account)
    token = core.token(action.token)
    dexes = (action.source_dex, action.destination_dex)
    for dex in dexes:
        if dex != SPOT_DEX and collateral_of(core, dex) != token:
            raise NotCollateral(token.index, dex)
    is_unified = core.tables.is_unified(core.user)
    if is_unified:
        dexes = (SPOT_DEX, action.destination_dex)
    to_evm = token_of_address(core.settings, action.destination) == token.index
    if to_evm:
        if dexes[0] != SPOT_DEX:
            _out_of_perp(core, dexes[0], core.user, action.wei // SPOT_WEI_PER_USD)
        withdraw(core, token, action.wei)
        return
    if action.destination == core.user and (is_unified or dexes[0] == dexes[1]):
        raise SendToSelf
    usd = action.wei // SPOT_WEI_PER_USD
    match dexes:
        case (source, destination) if source == destination == SPOT_DEX:
            _send(core, token, action.destination, action.wei)
        case (source, destination) if source == SPOT_DEX:
            _activate(core, token, action.destination, action.wei)
            _into_perp(core, destination, action.destination, usd)
        case (source, destination) if destination == SPOT_DEX:
            _activate(core, token, action.destination, 0)
            _out_of_perp(core, source, action.destination, usd)
        case _:
            _activate(core, token, action.destination, 0)
            _between_perps(core, dexes, action.destination, usd)


def withdraw(core: Core, token: CoreToken, wei: int) -> None:
    """Send a token to the user's account on the EVM, where it arrives in the next block.

    Its gas is paid for here, in HYPE or else in USDC. Raises AmountZero, LessThanOneUnit,
    TokenNotLinked, InsufficientBalance, TransferFeeNotPayable or BridgeShort.
    """
    send_to_evm(core, token, wei, core.user)
    _pay_transfer(core)


def call_evm(core: Core, token: CoreToken, wei: int, source: int, call: OutgoingCall) -> None:
    """Send a token from the user's wallet to its contract on the EVM, and call that contract.

    The gas of the call is paid for here. Raises like `withdraw`, and NotCollateral; HYPE has no
    contract.
    """
    if token.index == core.settings.hype:
        raise TokenNotLinked(token.index)
    if source != SPOT_DEX and collateral_of(core, source) != token:
        raise NotCollateral(token.index, source)
    if source != SPOT_DEX and not core.tables.is_unified(core.user):
        _out_of_perp(core, source, core.user, wei // SPOT_WEI_PER_USD)
    sequence = send_to_evm(core, token, wei, core.user)
    core.tables.outgoing_calls.put(index_key(sequence), call)
    _pay_transfer(core, call.gas)


def send_to_evm(core: Core, token: CoreToken, wei: int, receiver: Address) -> int:
    """Send a token to an account on the EVM, its gas paid for; return the transfer's number.

    Raises like `withdraw`.
    """
    if wei == 0:
        raise AmountZero
    is_hype = token.index == core.settings.hype
    if not (is_hype or token.is_linked):
        raise TokenNotLinked(token.index)
    extra = CORE_GAS_DECIMALS if is_hype else token.evm_extra_decimals
    amount = evm_amount(wei, extra)
    if amount == 0:
        raise LessThanOneUnit(wei)
    move(core, token, core.address_of(token), wei)
    queued = (row.amount for row in core.tables.outgoing.rows.values() if row.token == token.index)
    payable = core.moment.evm_balance(token) - sum(queued)
    if payable < amount:
        raise BridgeShort(token.index, max(0, payable), amount)
    sequence = core.ledger.next_transfer_sequence()
    core.tables.outgoing.put(index_key(sequence), Outgoing(token.index, receiver, amount))
    return sequence


def _send(core: Core, token: CoreToken, destination: Address, wei: int) -> None:
    if destination == core.user:
        raise SendToSelf
    if wei == 0:
        raise AmountZero
    _require(core, token, wei)
    _activate(core, token, destination, wei)
    move(core, token, destination, wei)


def _activate(core: Core, token: CoreToken, destination: Address, leaving: int) -> None:
    if destination != core.user:
        users.activate(core, destination, token, leaving)


def _require_standard(core: Core) -> None:
    if core.tables.is_unified(core.user):
        raise BalancesAreUnified(core.user)


def _require(core: Core, token: CoreToken, wei: int) -> None:
    require_free(core.ledger, core.user, token.index)
    gather(core, token, wei)
    available = core.available(token)
    if available < wei:
        raise InsufficientBalance(core.address_of(token), available, wei)


def move(core: Core, token: CoreToken, to: Address, wei: int) -> None:
    """Move spot balance away from the user. Raises InsufficientBalance."""
    _require(core, token, wei)
    address = core.address_of(token)
    core.ledger.spot.change_balance(core.user, address, total=-wei)
    core.ledger.spot.change_balance(to, address, total=wei)
    note_sent(core.ledger, core.user, token, wei)
    note_received(core.ledger, to, token, wei)


def _pay_transfer(core: Core, gas: int = TRANSFER_GAS) -> None:
    """Take the gas of a transfer to the EVM from the user. Raises TransferFeeNotPayable."""
    hype, usdc = core.token(core.settings.hype), core.token(USDC)
    fee = core.transfer_fee(gas)
    gather(core, hype, fee)
    if core.available(hype) >= fee:
        move(core, hype, FEES, fee)
        return
    pair = next((it for it in core.tables.pairs if (it.base, it.quote) == (hype.index, USDC)), None)
    price = core.spot_price(pair) if pair else 0
    in_usdc = ceil_divide(fee * price, power_of_ten(hype.wei_decimals))
    gather(core, usdc, in_usdc)
    available = core.available(usdc)
    if not price or available < in_usdc:
        raise TransferFeeNotPayable(available, in_usdc)
    move(core, usdc, FEES, in_usdc)


def _into_perp(core: Core, dex: int, receiver: Address, usd: int) -> None:
    """Move the user's spot tokens to an account of a perpetuals dex that they are collateral of."""
    if usd == 0:
        raise AmountZero
    token, wei = collateral_of(core, dex), usd * SPOT_WEI_PER_USD
    _require(core, token, wei)
    core.ledger.spot.change_balance(core.user, core.address_of(token), total=-wei)
    core.ledger.spot.change_token_total(core.address_of(token), -wei)
    note_sent(core.ledger, core.user, token, wei)
    credit(core.perp, dex, receiver, usd)


def _out_of_perp(core: Core, dex: int, receiver: Address, usd: int) -> None:
    """Move what the user may take out of a perpetuals dex to a spot wallet."""
    if usd == 0:
        raise AmountZero
    token, wei = collateral_of(core, dex), usd * SPOT_WEI_PER_USD
    debit(core, dex, usd)
    core.ledger.spot.change_balance(receiver, core.address_of(token), total=wei)
    core.ledger.spot.change_token_total(core.address_of(token), wei)
    note_received(core.ledger, receiver, token, wei)


def _between_perps(core: Core, dexes: tuple[int, int], receiver: Address, usd: int) -> None:
    if usd == 0:
        raise AmountZero
    debit(core, dexes[0], usd)
    credit(core.perp, dexes[1], receiver, usd)
