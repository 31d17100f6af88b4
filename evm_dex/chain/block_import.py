"""Blocks as they travel from chain to chain: RLP of header, transactions, uncles, withdrawals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import dropwhile, pairwise
from typing import Any

import msgspec
from eth_utils.exceptions import ValidationError

from checkpoint.trie import rlp
from evm_dex.blocks.body import Body
from evm_dex.blocks.header import Header, decode_header
from evm_dex.blocks.transaction import Transaction, decode, is_system_transaction
from evm_dex.chain.block_store import BlockStore
from evm_dex.chain.chain_settings import (
    CHOSEN_FIELDS,
    CHOSEN_HEADER,
    MARKS,
    WRITTEN_STATE,
    written_header,
)
from evm_dex.chain.core_inputs import inputs_in
from evm_dex.chain.core_steps import CoreSteps
from evm_dex.chain.sealing import SealedBlock, Sealer
from evm_dex.chain.written_state import WrittenState
from evm_dex.errors import (
    BranchNotLonger,
    InvalidBlock,
    InvalidSignature,
    TransactionRejected,
    UnknownBlock,
)
from precompiles.ledger.storage import UntrustedStorage

_PARTS = 4
_PARTS_AS_MADE = 5
"""With the state that a cheat wrote."""

Admit = Callable[[Transaction, Header, int], None]
"""Refuses a transaction that may not be in the block of a header; its sender's next nonce."""


class BranchBlock(msgspec.Struct, frozen=True):
    """A block of a branch, decoded but not yet executed."""

    header: Header
    transactions: tuple[Transaction, ...]
    written: WrittenState | None = None
    """The state that a cheat wrote, where that came with it."""


def encode_block(header: Header, body: Body, written: WrittenState | None = None) -> bytes:
    """Encode a block (EIP-2718, EIP-4895): typed transactions as strings, legacy ones as lists.

    With what a cheat wrote it has a fifth part.
    """
    transactions = [_item(stored.raw) for stored in body.transactions]
    parts = [rlp.decode(header.encoded), transactions, [], []]
    return rlp.encode(parts if written is None else [*parts, written.as_rlp()])


def decode_branch(encoded: Iterable[bytes], as_made: bool = False) -> list[BranchBlock]:
    """Decode blocks in a row, each the parent of the next; `as_made` with what cheats wrote.

    Raises InvalidBlock for one that does not decode or does not follow, and for none at all.
    """
    blocks = [_decode_block(block, place, as_made) for place, block in enumerate(encoded)]
    if not blocks:
        raise InvalidBlock("a branch must have at least one block")
    for parent, child in pairwise(blocks):
        if child.header.parent_hash != parent.header.hash:
            raise InvalidBlock(f"{child.header} is not a child of {parent.header} before it")
    return blocks


def common_ancestor(
    branch: list[BranchBlock], stored: BlockStore, head: Header
) -> tuple[Header, list[BranchBlock]]:
    """Return the block of the chain that a branch grows from, and its blocks after that.

    Raises UnknownBlock, and BranchNotLonger where it does not end above the head.
    """
    new = list(dropwhile(lambda block: stored.is_on_chain(block.header.hash), branch))
    parent = new[0].header.parent_hash if new else branch[-1].header.hash
    if not stored.is_on_chain(parent):
        raise UnknownBlock(
            f"the branch begins on block 0x{parent.hex()}, which is not on this chain: give its "
            "blocks from a common one on, of a chain with the same genesis"
        )
    fork = stored.header(parent, head.block_number)
    end = fork.block_number + len(new)
    if end <= head.block_number:
        raise BranchNotLonger(
            f"the branch ends at height {end}, the head is at {head.block_number}: only a longer "
            "branch is taken over"
        )
    return fork, new


def re_execute(
    block: BranchBlock,
    parent: Header,
    sealer: Sealer,
    admit: Admit,
    steps: CoreSteps,
    as_made: bool = False,
) -> SealedBlock:
    """Execute the transactions of a block that was made elsewhere, and seal them.

    With `as_made`, fields of the header that its maker chose are taken from it, and state that a
    cheat wrote is taken as it came, proven by the header. Raises InvalidBlock when the header does
    not come out the same, field by field.
    """
    claimed = block.header
    if claimed.extra_data in MARKS and not as_made:
        raise InvalidBlock(
            f"{claimed} says {claimed.extra_data.decode()!r}, so it does not follow from its "
            "transactions: take such a chain over by `evm-dex follow`, or by `evm-dex checkpoint "
            "export` and `import`"
        )
    try:
        header = _as_its_maker_began(claimed, parent, steps)
    except ValueError as error:
        raise InvalidBlock(f"{claimed}: {error}") from error
    if claimed.extra_data == WRITTEN_STATE:
        return _take_written(block, header, sealer)
    try:
        inputs = inputs_in(block.transactions)
    except InvalidSignature as error:
        raise InvalidBlock(f"{claimed}: {error}") from error
    sealer.begin(header)
    steps.begin(sealer, inputs)
    for transaction in block.transactions:
        if header.rules.has_system_transactions and is_system_transaction(transaction):
            continue  # made here again, and compared in the end
        if not sealer.fits(transaction):
            raise InvalidBlock(f"{claimed}: {transaction} is above its gas or blob limit")
        try:
            admit(transaction, header, sealer.state.get_nonce(transaction.sender))
            sealer.apply(transaction)
        except (TransactionRejected, ValidationError) as error:
            raise InvalidBlock(f"{claimed}: {transaction}: {error}") from error
    steps.end(sealer)
    sealed = sealer.seal()
    found = first_difference(sealed.header, claimed)
    if found:
        raise InvalidBlock(f"{claimed}: {found}")
    if [it.raw for it in sealed.transactions] != [it.raw for it in block.transactions]:
        raise InvalidBlock(f"{claimed}: its body lacks transactions that its header commits to")
    return sealed


def _as_its_maker_began(claimed: Header, parent: Header, steps: CoreSteps) -> Header:
    """Return the header of a block before execution. Raises ValueError for its time."""
    if claimed.extra_data == WRITTEN_STATE:
        return written_header(parent, steps.kinds.child(parent, parent.timestamp + 1))
    is_big = steps.kinds.is_big(claimed)
    header = steps.kinds.child(parent, claimed.timestamp, is_big=is_big)
    if claimed.extra_data == CHOSEN_HEADER:
        chosen = {name: getattr(claimed, name) for name in ("extra_data", *CHOSEN_FIELDS)}
        return msgspec.structs.replace(header, **chosen)
    return header


def _take_written(block: BranchBlock, header: Header, sealer: Sealer) -> SealedBlock:
    """Take over the state that a cheat wrote, if the header proves it. Raises InvalidBlock."""
    claimed, written = block.header, block.written
    if written is None or block.transactions:
        raise InvalidBlock(f"{claimed}: it must come with the state that was written, and no more")
    try:
        sealed = sealer.adopt(header, claimed.state_root, written)
    except (ValueError, UntrustedStorage) as error:
        raise InvalidBlock(f"{claimed}: {error}") from error
    found = first_difference(sealed.header, claimed)
    if found:
        raise InvalidBlock(f"{claimed}: {found}")
    return sealed


def first_difference(made: Header, claimed: Header) -> str | None:
    """Return the first field in which a claimed header is not the one that execution makes."""
    for name in Header.__struct_fields__:
        ours, theirs = getattr(made, name), getattr(claimed, name)
        if ours != theirs:
            return f"{name} is {_text(theirs)}, execution makes it {_text(ours)}"
    return None


def _decode_block(encoded: bytes, place: int, as_made: bool) -> BranchBlock:
    name = f"block {place} of the branch"
    try:
        parts = rlp.decode(encoded)
        written = None
        if as_made and isinstance(parts, list) and len(parts) == _PARTS_AS_MADE:
            written = WrittenState.of_rlp(parts.pop())
        if not isinstance(parts, list) or len(parts) != _PARTS:
            raise ValueError("it must be a list of header, transactions, uncles and withdrawals")
        header, transactions, uncles, withdrawals = parts
        if any(not isinstance(field, bytes) for field in header):
            raise ValueError("fields of its header must be bytes, got a list")
        if uncles or withdrawals:
            raise ValueError("it must have no uncles and no withdrawals")
        items = tuple(decode(_raw(item)) for item in transactions)
        return BranchBlock(decode_header(rlp.encode(header)), items, written)
    except (ValueError, TypeError, TransactionRejected) as error:
        raise InvalidBlock(f"{name} does not decode: {error}") from error


def _item(raw: bytes) -> Any:
    return raw if raw[0] < 0x80 else rlp.decode(raw)


def _raw(item: Any) -> bytes:
    return item if isinstance(item, bytes) else rlp.encode(item)


def _text(value: int | bytes | None) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
