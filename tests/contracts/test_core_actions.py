"""CoreActions: what Solidity sends is what HyperCore decodes."""

from __future__ import annotations

import evm_dex
from evm_dex.blocks.addresses import to_address
from precompiles.hyper.encoding import (
    SPOT_DEX,
    AddApiWallet,
    CancelByClientId,
    CancelOrder,
    LimitOrder,
    SendAsset,
    SpotSend,
    StakingDeposit,
    StakingWithdraw,
    TokenDelegate,
    UsdClassTransfer,
    VaultTransfer,
    decode_action,
)
from precompiles.hyper.system_addresses import CORE_WRITER
from precompiles.types import ZERO_ADDRESS


def test_each_function_sends_its_action() -> None:
    with evm_dex.open(profile="hyperevm") as dex:
        contract = dex.deploy("AllActions")
        dex.send(to=contract, value=10**18)
        other = to_address(dex.accounts[1])
        receipt = contract.send("sendAll", other)
        sent = dex.contract(CORE_WRITER, "CoreWriter").events(receipt)
        assert [decode_action(event.args["data"]) for event in sent] == [
            LimitOrder(1, True, 2, 3, True, 3, 4),
            VaultTransfer(other, True, 5),
            TokenDelegate(other, 6, True),
            StakingDeposit(7),
            StakingWithdraw(8),
            SpotSend(other, 9, 10),
            UsdClassTransfer(11, True),
            AddApiWallet(other, b"bot"),
            CancelOrder(12, 13),
            CancelByClientId(14, 15),
            SendAsset(other, ZERO_ADDRESS, SPOT_DEX, 16, 17, 18),
        ]
        deposit, *actions = dex.core.actions(receipt)
        assert (deposit.name, deposit.outcome) == ("deposit", "done")
        assert {action.reason for action in actions} == {"UnknownUser"}  # it came with this block
        assert contract.call("systemAddress", 268) == "0x200000000000000000000000000000000000010C"
