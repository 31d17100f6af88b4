"""Filling a block: the keeper's transaction, then those that wait and fit.

Triggers that are due and accounts that can be liquidated wait for anyone who calls `keep`. With a
keeper the chain does it: an ordinary transaction of an account that the genesis funds, so that
its logs, its gas and its replay are those of any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import msgspec
from eth_hash.auto import keccak
from eth_utils.exceptions import ValidationError

from evm_dex.blocks.dev_accounts import KeyPair
from evm_dex.blocks.gas import blob_base_fee
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction, sign
from evm_dex.chain.block_kinds import BlockKinds
from evm_dex.chain.core_inputs import CoreInput
from evm_dex.chain.core_steps import CoreSteps
from evm_dex.chain.mempool import Dropped, Mempool
from evm_dex.chain.sealing import Sealer
from evm_dex.evm.machine import State
from precompiles.ledger.ledger import Ledger
from precompiles.perp.interface.position_methods import PositionMethods
from precompiles.perp.keeper import pending_work
from precompiles.types import PERP_ADDRESS

KEEPER = KeyPair(keccak(b"evm-dex keeper"))
KEEPER_BALANCE = 10**24
_KEEP = next(
    method for method in PositionMethods.methods.values() if method.signature.name == "keep"
)


class MinedBlock(msgspec.Struct, frozen=True):
    """A block that was just made durable, and what was dropped while it was filled."""

    header: Header
    transaction_hashes: tuple[bytes, ...]
    dropped: tuple[Dropped, ...]


def fill_block(
    sealer: Sealer,
    mempool: Mempool,
    steps: CoreSteps,
    keep_limit: int,
    last: Transaction | None = None,
    inputs: Iterable[CoreInput] = (),
) -> tuple[Dropped, ...]:
    """Put everything into a block that has been opened; what had become invalid is dropped.

    Those of its sender's after `last` wait for another block.
    """
    steps.begin(sealer, inputs)
    dropped = (
        *include_keeper(sealer, steps.ledger, steps.chain_id, keep_limit),
        *include_waiting(sealer, mempool, steps.kinds, last),
    )
    steps.end(sealer)
    return dropped


def include_waiting(
    sealer: Sealer, mempool: Mempool, kinds: BlockKinds, last: Transaction | None = None
) -> Iterator[Dropped]:
    """Apply what waits to the block in work, as `fill_block` does; those that had become invalid.

    In order of what they pay per gas beside the base fee, among equals of their arrival, each
    sender's in order of nonce.
    """

    def fits(transaction: Transaction) -> bool:
        is_after = last is not None and transaction.sender == last.sender
        if is_after and last is not None and transaction.nonce > last.nonce:
            return False
        return _fits(sealer, kinds, transaction)

    base_fee = sealer.header.base_fee_per_gas
    for transaction in mempool.best_first(base_fee, sealer.state.get_nonce, fits):
        try:
            sealer.apply(transaction)
        except ValidationError as error:
            yield Dropped(transaction.hash, str(error))
        except BaseException:
            # One that brings up a bug must not do so in every block; the others wait on.
            mempool.remove(transaction.hash)
            raise


def include_added(
    sealer: Sealer, mempool: Mempool, kinds: BlockKinds, added: Sequence[Transaction]
) -> bool:
    """Apply what was added to the pool since a block was filled, as far as its turn has come.

    False, with nothing changed, where some of it would not come after all else in the block.
    """
    base_fee = sealer.header.base_fee_per_gas
    names = {transaction.hash for transaction in added}
    others = (it for it in mempool.pending() if it.hash not in names)
    tips = [_tip(it, base_fee) for it in others if it.max_fee_per_gas >= base_fee]
    ready = [it for it in added if it.nonce < mempool.next_nonce(it.sender)]
    for index, transaction in enumerate(ready):
        tips.append(_tip(transaction, base_fee))
        following = mempool.at_nonce(transaction.sender, transaction.nonce + 1)
        is_last = following is None or following in ready[index + 1 :]
        if not is_last or tips[-1] > min(tips):
            return False
    for transaction in ready:
        is_next = sealer.state.get_nonce(transaction.sender) == transaction.nonce
        if is_next and transaction.max_fee_per_gas >= base_fee:
            with suppress(ValidationError):
                if _fits(sealer, kinds, transaction):
                    sealer.apply(transaction)
    return True


def _tip(transaction: Transaction, base_fee: int) -> int:
    return transaction.effective_gas_price(base_fee) - base_fee


def _fits(sealer: Sealer, kinds: BlockKinds, transaction: Transaction) -> bool:
    """Tell whether a block has room for a transaction, and is one that it goes into."""
    if not kinds.takes(sealer.header, transaction.sender):
        return False
    if transaction.blob_versioned_hashes:
        blob_fee = blob_base_fee(sealer.header.excess_blob_gas)
        if transaction.max_fee_per_blob_gas < blob_fee:
            return False
    return sealer.fits(transaction)


def include_keeper(sealer: Sealer, ledger: Ledger, chain_id: int, limit: int) -> Iterator[Dropped]:
    """Let the keeper go first, unless `limit` is 0; dropped where it cannot pay for its gas.

    HyperCore keeps itself.
    """
    if not limit or ledger.core.settings is not None:
        return
    transaction = keeper_transaction(ledger, sealer.state, sealer.header, chain_id, limit)
    if transaction is not None:
        try:
            sealer.apply(transaction)
        except ValidationError as error:
            yield Dropped(transaction.hash, str(error))


def keeper_transaction(
    ledger: Ledger, state: State, header: Header, chain_id: int, limit: int
) -> Transaction | None:
    """Return the keeper's transaction for the beginning of a block; None where nothing is due.

    Half of the block's gas at most goes to it; what that does not cover is done in the next.
    """
    if not pending_work(ledger, header.timestamp, 1):
        return None
    fields = {
        "chain_id": chain_id,
        "nonce": state.get_nonce(KEEPER.address),
        "gas": header.gas_limit // 2,
        "to": PERP_ADDRESS,
        "value": 0,
        "data": _KEEP.signature.selector + _KEEP.inputs.encode((limit,)),
        "max_fee_per_gas": 2 * header.base_fee_per_gas,
        "max_priority_fee_per_gas": 0,
        "access_list": (),
    }
    return sign(KEEPER.signer, 2, fields)
