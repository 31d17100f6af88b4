"""The keeper: a transaction of its own, first in a block, whenever a price has made work.

Triggers that are due and accounts that can be liquidated wait for anyone who calls `keep`. With a
keeper the chain does it: an ordinary transaction of an account that the genesis funds, so that
its logs, its gas and its replay are those of any other.
"""

from __future__ import annotations

from eth_hash.auto import keccak

from evm_dex.blocks.dev_accounts import Account
from evm_dex.blocks.header import Header
from evm_dex.blocks.transaction import Transaction, sign
from evm_dex.evm.machine import State
from precompiles.ledger.ledger import Ledger
from precompiles.perp.keeping import find_due
from precompiles.perp.methods.position_methods import PositionMethods
from precompiles.types import PERP_ADDRESS

KEEPER = Account(keccak(b"evm-dex keeper"))
KEEPER_BALANCE = 10**24
_KEEP = next(
    method for method in PositionMethods.methods.values() if method.signature.name == "keep"
)


def keeper_transaction(
    ledger: Ledger, state: State, header: Header, chain_id: int, limit: int
) -> Transaction | None:
    """What the keeper sends at the beginning of a block; None where nothing is due.

    Half of the block's gas at most goes to it; what that does not cover is done in the next.
    """
    if not find_due(ledger, header.timestamp, 1):
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
