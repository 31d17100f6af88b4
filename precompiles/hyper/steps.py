"""HyperCore's part of a block: before its transactions, and after them.

Before: orders and vault transfers whose delay is over, and liquidations. After: what the EVM
sent to HyperCore, then the actions that CoreWriter logged, in the order of the logs. So all
transactions of a block see HyperCore as it was when the block was begun.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from msgspec import Struct

from precompiles.abi.event import Event
from precompiles.errors import ContractError, InsufficientBalance
from precompiles.execution import Execution
from precompiles.hyper import encoding, staking, users
from precompiles.hyper.actions import Result, carry_out, note_trades
from precompiles.hyper.attempts import all_or_nothing
from precompiles.hyper.core import BlockMoment, Core
from precompiles.hyper.deploy import hyperliquidity
from precompiles.hyper.dexs import FIRST_DEX, acting_on
from precompiles.hyper.encoding import action_id, decode_action
from precompiles.hyper.errors import AmountWithinActivationFee, LessThanOneUnit, UnknownUser
from precompiles.hyper.receipts import DEPOSIT, ActionReceipt, Outcome
from precompiles.hyper.signed.authority import acting_account
from precompiles.hyper.signed.brackets import settle_brackets
from precompiles.hyper.signed.carry_out import carry_out_signed
from precompiles.hyper.signed.digest import Envelope
from precompiles.hyper.signed.errors import MultiSigRequired
from precompiles.hyper.signed.nonces import use_nonce
from precompiles.hyper.signed.orders import attempt, place_one
from precompiles.hyper.signed.twaps import begin_parts, is_due
from precompiles.hyper.signed.wire import NUMBERS
from precompiles.hyper.system_addresses import CORE_ADDRESS, ORACLE, USDC, perp_address
from precompiles.hyper.trades import note_perp_trades, note_received
from precompiles.hyper.unified import sweep
from precompiles.hyper.units import CORE_GAS_DECIMALS, core_amount
from precompiles.ledger.hyper.records import CoreToken, DelayedAction
from precompiles.ledger.hyper.tables import due_key
from precompiles.ledger.ledger import Ledger
from precompiles.orders.builder_fees import forget_builders
from precompiles.perp import keeper
from precompiles.perp.oracle import set_price
from precompiles.perp.orders import perp_orders
from precompiles.spot.orders import spot_orders
from precompiles.types import PERP_ADDRESS, SPOT_ADDRESS, ZERO_ADDRESS, Address

MOST_KEPT = 100
"""Triggers and liquidations of one block."""
_DELAYED = (encoding.LimitOrder, encoding.VaultTransfer)


class Credit(NamedTuple):
    """A transfer from the EVM to HyperCore."""

    user: Address
    token: int
    amount: int
    """In the EVM's smallest units."""
    source: bytes
    """Hash of the transaction."""


class Sent(NamedTuple):
    """An action that CoreWriter logged."""

    user: Address
    data: bytes
    source: bytes
    """Hash of the transaction."""


class CoreLog(NamedTuple):
    """Something that happened, and at which address."""

    address: Address
    event: Event | ActionReceipt


class Step(Struct):
    """One of the two steps in work."""

    ledger: Ledger
    moment: BlockMoment
    logs: list[CoreLog]
    """Logs so far, in order."""

    def begin_block(self) -> None:
        """Carry out what is due, then look for triggers and liquidations."""
        tables = self.ledger.core
        for key in sorted(key for key in tables.delayed.rows if key < due_key(self._now + 1, 0)):
            waiting = tables.delayed.rows[key]
            tables.delayed.put(key, None)
            self._carry_out(Sent(waiting.user, waiting.data, waiting.source), waiting.sequence)
        begun = self.ledger.journal.mark()
        staking.pay_unstaked(self.ledger, self._now)
        staking.pay_rewards(self.ledger, self._now)
        self._do_on_time()
        sweep(self.ledger, begun)
        for key in sorted(tables.outgoing.rows):
            tables.outgoing.put(key, None)
            if tables.outgoing_calls.get(key) is not None:
                tables.outgoing_calls.put(key, None)
        execution = Execution(self.ledger, CORE_ADDRESS, self.moment.block_number, self._now)
        if _is_kept(self.ledger, self._now):
            keeper.run_keeper(execution, MOST_KEPT)
            note_perp_trades(self.ledger, execution.events, self._now)
            self._note(PERP_ADDRESS, execution.events)
        self._settle_brackets(CORE_ADDRESS)

    def end_block(self, deposits: Iterable[Credit], actions: Iterable[Sent]) -> None:
        """Credit what came from the EVM, then carry out or queue the actions of its users.

        Who did not exist before can't act yet, and an account that others sign for not from there.
        """
        sent = list(actions)
        existing = {it.user for it in sent if self.ledger.core.user(it.user) is not None}
        for credit in deposits:
            self._credit(credit)
        for action in sent:
            sequence = self.ledger.next_action_sequence()
            refused: ContractError | None = None
            if action.user not in existing:
                refused = UnknownUser(action.user)
            elif self.ledger.core.multi_sigs.get(action.user) is not None:
                refused = MultiSigRequired(action.user)
            if refused is not None:
                result = Result(Outcome.DROPPED, 0, refused)
                self._receipt(action, sequence, action_id(action.data), result)
            elif self._is_delayed(action.data):
                self._queue(action, sequence)
            else:
                self._carry_out(action, sequence)

    def set_prices(self, prices: Iterable[tuple[int, int, int]]) -> None:
        """Set oracle prices; one of a perpetual that is not listed, or of nothing, is left out."""
        execution = Execution(self.ledger, ORACLE, self.moment.block_number, self._now)
        for perp_id, price, external in prices:
            if self.ledger.core.perp(perp_id) is not None:
                with suppress(ContractError):
                    set_price(execution, perp_address(perp_id), price, external)
        self._note(PERP_ADDRESS, execution.events)

    def carry_out_signed(
        self,
        signer: Address,
        envelope: Envelope,
        source: bytes,
        inner_signers: tuple[Address, ...] = (),
    ) -> None:
        """Carry out what a user has signed; its nonce is used up whatever comes of it.

        A user whose action is refused as a whole has one receipt, of the signer.
        """
        number = NUMBERS[type(envelope.carried)]
        try:
            use_nonce(self.ledger, signer, envelope.nonce)
            user = acting_account(self.ledger, signer, envelope, inner_signers)
        except ContractError as error:
            refused = Sent(signer, b"", source)
            sequence = self.ledger.next_action_sequence()
            self._receipt(refused, sequence, number, Result(Outcome.DROPPED, 0, error))
            return
        core = Core(self.ledger, user, self.moment)
        results = carry_out_signed(core, envelope.carried)
        note_trades(core)
        self._note_core(core)
        for result in results:
            sequence = self.ledger.next_action_sequence()
            self._receipt(Sent(user, b"", source), sequence, number, result)
        self._settle_brackets(user)

    def _do_on_time(self) -> None:
        """Cancel orders that were to be, and place parts of orders over time."""
        tables = self.ledger.core
        for user, row in sorted(tables.scheduled_cancels.rows.items()):
            if row.due <= self._now:
                tables.scheduled_cancels.put(user, None)
                core = Core(self.ledger, Address(user), self.moment)
                spot_orders.cancel_all(core.spot, ZERO_ADDRESS)
                for dex in (FIRST_DEX, *(it.index for it in tables.dexs)):
                    perp_orders.cancel_all(acting_on(core, dex), ZERO_ADDRESS)
                self._note_core(core)
        for pair in list(hyperliquidity.due_pairs(self.ledger, self._now)):
            core = Core(self.ledger, CORE_ADDRESS, self.moment)
            hyperliquidity.update(core, pair)
            note_trades(core)
            self._note_core(core)
        if tables.twaps.rows:
            core = Core(self.ledger, CORE_ADDRESS, self.moment)
            begin_parts(core)
            note_trades(core)
            self._note_core(core)

    def _settle_brackets(self, user: Address) -> None:
        """Place and cancel triggers that belong to orders and positions."""
        if self.ledger.core.brackets.rows or self.ledger.core.trigger_groups.rows:
            core = Core(self.ledger, user, self.moment)
            settle_brackets(core, attempt, place_one)
            note_trades(core)
            self._note_core(core)

    def _note_core(self, core: Core) -> None:
        self._note(SPOT_ADDRESS, core.spot.events)
        self._note(PERP_ADDRESS, core.perp.events)

    @property
    def _now(self) -> int:
        return self.moment.now

    @property
    def _delay(self) -> int:
        settings = self.ledger.core.settings
        assert settings is not None, "HyperCore has begun"
        return settings.order_delay

    def _is_delayed(self, data: bytes) -> bool:
        """Whether some bytes are an action that waits; malformed ones are dropped at once."""
        try:
            return self._delay > 0 and isinstance(decode_action(data), _DELAYED)
        except ContractError:
            return False

    def _queue(self, action: Sent, sequence: int) -> None:
        waiting = DelayedAction(sequence, action.user, action.data, action.source)
        self.ledger.core.delayed.put(due_key(self._now + self._delay, sequence), waiting)
        self._receipt(action, sequence, action_id(action.data), Result(Outcome.QUEUED))

    def _carry_out(self, action: Sent, sequence: int) -> None:
        core = Core(self.ledger, action.user, self.moment)
        result = carry_out(core, action.data)
        self._note_core(core)
        self._receipt(action, sequence, action_id(action.data), result)

    def _credit(self, credit: Credit) -> None:
        """Pay a user what it sent from the EVM, out of what the system address has here."""
        core = Core(self.ledger, credit.user, self.moment)
        token = core.token(credit.token)
        sequence = self.ledger.next_action_sequence()
        try:
            with all_or_nothing(core):
                _take_in(core, token, credit.amount)
            result = Result(Outcome.DONE)
        except ContractError as error:
            result = Result(Outcome.DROPPED, 0, error)
        self._receipt(Sent(credit.user, b"", credit.source), sequence, DEPOSIT, result)

    def _receipt(self, action: Sent, sequence: int, number: int, result: Result) -> None:
        reason = b"" if result.error is None else result.error.encode()
        receipt = ActionReceipt(
            action.user, sequence, action.source, number, result.outcome, result.order_id, reason
        )
        self.logs.append(CoreLog(CORE_ADDRESS, receipt))

    def _note(self, address: Address, events: list[Event]) -> None:
        self.logs.extend(CoreLog(address, event) for event in events)
        forget_builders(self.ledger, events)


def has_work(ledger: Ledger, now: int) -> bool:
    """Tell whether a block at that time begins with work on HyperCore."""
    tables = ledger.core
    due = due_key(now + 1, 0)
    waiting = (*tables.delayed.rows, *tables.unstaking.rows)
    if tables.outgoing.rows or staking.rewards_are_due(ledger, now):
        return True
    if any(key < due for key in waiting):
        return True
    if any(row.due <= now for row in tables.scheduled_cancels.rows.values()):
        return True
    if any(is_due(twap, now) for twap in tables.twaps.rows.values()):
        return True
    return _is_kept(ledger, now) or hyperliquidity.is_due(ledger, now)


def _is_kept(ledger: Ledger, now: int) -> bool:
    """Tell whether triggers or liquidations are due; without positions there are none."""
    perp = ledger.perp
    if not perp.open_positions.count() and not perp.triggers.rows:
        return False
    return any(keeper.pending_work(ledger, now, 1))


def _take_in(core: Core, token: CoreToken, amount: int) -> None:
    is_hype = token.index == core.settings.hype
    wei = core_amount(amount, CORE_GAS_DECIMALS if is_hype else token.evm_extra_decimals)
    if wei == 0:
        raise LessThanOneUnit(amount)
    fee = users.activation_fee(token)
    if token.index == USDC and wei <= fee and not users.exists(core, core.user):
        raise AmountWithinActivationFee(wei, fee)
    address = core.address_of(token)
    available = core.ledger.spot.balance(address, address).available
    if available < wei:
        raise InsufficientBalance(address, available, wei)
    core.ledger.spot.change_balance(address, address, total=-wei)
    core.ledger.spot.change_balance(core.user, address, total=wei)
    users.welcome(core.ledger, core.user)
    note_received(core.ledger, core.user, token, wei)
