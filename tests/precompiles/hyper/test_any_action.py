"""Actions with any fields, and any bytes: done, or dropped with a reason, never an exception."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from precompiles.errors import ContractError
from precompiles.hyper import encoding, listing
from precompiles.hyper.receipts import Outcome
from precompiles.hyper.system_addresses import FEES, HYPE_SYSTEM, STAKING, token_address
from precompiles.ledger.hyper.records import Validator, Vault
from precompiles.types import ZERO_ADDRESS, Address
from tests.precompiles.hyper.world import ALICE, BOB, HYPE, PURR, SETTINGS, USDC, Scene

VAULT = Address(b"\xdf" * 20)
ODD_ADDRESSES = (
    *(ALICE, BOB, ZERO_ADDRESS, HYPE_SYSTEM, VAULT, STAKING, FEES),
    *(token_address(SETTINGS, token) for token in (USDC, PURR)),
)
ADDRESS = st.sampled_from(ODD_ADDRESSES)
U64 = st.one_of(
    st.integers(0, 1_000),
    st.integers(0, 2**64 - 1),
    st.sampled_from((2**64 - 1, 2**63, 10**8, 10**12, 80_000 * 10**8, 83 * 10**8)),
)
U32 = st.one_of(
    st.sampled_from((0, 1, 159, 10_000, 10_107, 100_000, 110_000, 100_000_000, 2**32 - 1)),
    st.integers(0, 2**32 - 1),
)
U128 = st.integers(0, 2**128 - 1)
TOKEN = st.sampled_from((USDC, PURR, HYPE, 7, 2**64 - 1))
YES_OR_NO = st.booleans()
ACTIONS = st.one_of(
    st.builds(encoding.LimitOrder, U32, YES_OR_NO, U64, U64, YES_OR_NO, st.integers(0, 4), U128),
    st.builds(encoding.VaultTransfer, ADDRESS, YES_OR_NO, U64),
    st.builds(encoding.TokenDelegate, ADDRESS, U64, YES_OR_NO),
    st.builds(encoding.StakingDeposit, U64),
    st.builds(encoding.StakingWithdraw, U64),
    st.builds(encoding.SpotSend, ADDRESS, TOKEN, U64),
    st.builds(encoding.UsdClassTransfer, U64, YES_OR_NO),
    st.builds(encoding.AddApiWallet, ADDRESS, st.binary(max_size=40)),
    st.builds(encoding.CancelOrder, U32, U64),
    st.builds(encoding.CancelByClientId, U32, U128),
    st.builds(encoding.ApproveBuilderFee, U64, ADDRESS),
    st.builds(encoding.SendAsset, ADDRESS, ADDRESS, U32, U32, TOKEN, U64),
    st.binary(max_size=300),
)
SENT = st.lists(st.tuples(st.sampled_from((ALICE, BOB)), ACTIONS), max_size=12)


@given(SENT, st.integers(0, 2))
def test_any_action_has_an_outcome(sent: list[Any], delay: int) -> None:
    """The ledger's invariants are looked at after each step."""
    scene = Scene(delay=delay)
    listing.list_vault(scene.ledger, VAULT, Vault("a vault", BOB, 0, 0))
    scene.ledger.core.validators.put(BOB, Validator("Bob"))
    for each in sent:
        for receipt in (*scene.end_block(each), *scene.begin_block(2)):
            is_dropped = receipt.outcome == Outcome.DROPPED
            assert is_dropped == (receipt.reason[:4] in ContractError.known)
