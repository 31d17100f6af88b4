"""The contracts that stand on HyperEVM, on a chain without HyperCore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account as EthAccount
from eth_hash.auto import keccak

import evm_dex
from evm_dex.abi.artifact import code_of, load_artifact
from evm_dex.blocks.addresses import checksum, to_address
from evm_dex.client.contract import Contract
from evm_dex.client.dex import Dex
from evm_dex.evm.calls import Call
from precompiles.types import Address

CORE_WRITER, HYPE_SYSTEM, WHYPE = (Address(bytes((byte,)) * 20) for byte in (0x33, 0x22, 0x55))
WALLET = Address(b"\x6b" * 20)
SYSTEM = Address(b"\x20".ljust(20, b"\0"))
SPOT = 2**32 - 1
USDC = 10**6


@pytest.fixture(scope="module")
def dex() -> Iterator[Dex]:
    with evm_dex.open() as opened:
        yield opened


def place(dex: Dex, address: Address, name: str) -> Contract:
    dex.cheats.set_code(address, code_of(load_artifact(name), "deployedBytecode"))
    return dex.contract(address, name)


def execution_gas(dex: Dex, data: bytes, value: int = 0) -> tuple[int, str | None]:
    call = Call(sender=to_address(dex.accounts[0]), to=CORE_WRITER, data=data, value=value)
    attempt = dex.chain.attempt(call)
    zeros = data.count(0)
    return attempt.gas_used - 21_000 - 4 * zeros - 16 * (len(data) - zeros), attempt.problem


def test_an_action_costs_what_it_costs_on_hyperevm(dex: Dex) -> None:
    writer = place(dex, CORE_WRITER, "CoreWriter")
    assert execution_gas(dex, writer.encode("sendRawAction", b""))[0] == 24_913
    for words, gas in enumerate((25_175, 25_437, 25_699, 25_961, 26_223, 26_485, 26_747, 27_009)):
        data = writer.encode("sendRawAction", b"\x01\x00\x00\x01" + b"\x07" * 32 * words)
        assert execution_gas(dex, data) == (gas, None)


def test_an_action_takes_no_value(dex: Dex) -> None:
    writer = place(dex, CORE_WRITER, "CoreWriter")
    assert execution_gas(dex, writer.encode("sendRawAction", b""), 1) == (43, "reverted")


def test_any_bytes_are_logged(dex: Dex) -> None:
    writer = place(dex, CORE_WRITER, "CoreWriter")
    for data in (b"", b"\xff", b"\x01\x00\x00\x01" + bytes(7)):
        (event,) = writer.events(writer.send("sendRawAction", data))
        assert (event.name, event.args["data"]) == ("RawAction", data)
        assert event.args["user"] == dex.accounts[0].address


def test_hype_that_is_sent_is_logged(dex: Dex) -> None:
    system = place(dex, HYPE_SYSTEM, "HypeSystem")
    (event,) = system.events(dex.send(to=HYPE_SYSTEM, value=5))
    assert (event.name, event.args["amount"]) == ("Received", 5)
    assert event.args["user"] == dex.accounts[0].address


def test_hype_is_wrapped_and_unwrapped(dex: Dex) -> None:
    whype = place(dex, WHYPE, "WHYPE")
    alice, bob = dex.accounts[:2]
    whype.send("deposit", value=10)
    dex.send(to=WHYPE, value=5)
    assert whype.call("balanceOf", alice) == whype.call("totalSupply") == 15
    whype.send("transfer", bob, 4)
    whype.send("approve", bob, 3)
    whype.send("transferFrom", alice, bob, 3, sender=bob)
    with pytest.raises(evm_dex.Reverted, match="InsufficientAllowance"):
        whype.call("transferFrom", alice, bob, 1, sender=bob)
    with pytest.raises(evm_dex.Reverted, match="InsufficientBalance"):
        whype.call("withdraw", 8, sender=bob)
    whype.send("withdraw", 7, sender=bob)
    assert whype.call("balanceOf", bob) == 0
    assert whype.call("totalSupply") == dex.balance(WHYPE) == 8
    assert [whype.call(name) for name in ("name", "symbol", "decimals")] == [
        "Wrapped HYPE", "WHYPE", 18,
    ]  # fmt: skip


@pytest.fixture
def wallet(dex: Dex) -> Contract:
    place(dex, CORE_WRITER, "CoreWriter")
    deployed = dex.deploy("CoreDepositWallet", dex.tokens["USDC"], 10**8)
    dex.tokens["USDC"].send("approve", deployed, 10**12)
    return deployed


def transfers(wallet: Contract, receipt: Any) -> list[tuple[str, str, int]]:
    args = [event.args for event in wallet.events(receipt) if event.name == "Transfer"]
    return [(it["from"], it["to"], it["value"]) for it in args]


def test_a_deposit_into_spot_is_a_transfer_to_the_system_address(
    dex: Dex, wallet: Contract
) -> None:
    bob = dex.accounts[1]
    receipt = wallet.send("depositFor", bob, 5 * USDC, SPOT)
    system = checksum(SYSTEM)
    assert transfers(wallet, receipt) == [(bob.address, system, 5 * USDC)]
    assert dex.tokens["USDC"].call("balanceOf", wallet) == 5 * USDC


def test_a_deposit_into_perpetuals_is_passed_on_less_the_fee_of_a_new_account(
    dex: Dex, wallet: Contract
) -> None:
    """Nobody exists here, as there is no HyperCore."""
    alice = dex.accounts[0]
    receipt = wallet.send("deposit", 5 * USDC, 0)
    system = checksum(SYSTEM)
    assert transfers(wallet, receipt) == [(wallet.address, system, 5 * USDC)]
    writer = dex.contract(CORE_WRITER, "CoreWriter")
    (action,) = writer.events(receipt)
    fields = encode(
        ["address", "address", "uint32", "uint32", "uint64", "uint64"],
        [alice.address, bytes(20), SPOT, 0, 0, 400_000_000],
    )
    assert action.args["user"] == wallet.address
    assert action.args["data"] == b"\x01\x00\x00\x0d" + fields


@pytest.mark.parametrize(
    ("amount", "destination", "error"),
    [
        (0, SPOT, "AmountOutOfRange"),
        (2**64 // 100 + 1, SPOT, "AmountOutOfRange"),
        (USDC, 0, "AmountWithinAccountFee"),
        (5 * USDC, 1, "DexNotEnabled"),
    ],
)
def test_a_deposit_that_would_be_lost_reverts(
    wallet: Contract, amount: int, destination: int, error: str
) -> None:
    with pytest.raises(evm_dex.Reverted, match=error):
        wallet.call("deposit", amount, destination)


def test_only_the_system_address_is_paid_out(dex: Dex, wallet: Contract) -> None:
    wallet.send("deposit", 5 * USDC, SPOT)
    with pytest.raises(evm_dex.Reverted, match="NotSystemAddress"):
        wallet.call("transfer", dex.accounts[0], USDC)
    assert wallet.call("transfer", dex.accounts[0], USDC, sender=SYSTEM) is True


def selector(error: str) -> str:
    """Of an error of the token's, which the wallet passes on."""
    return keccak(error.encode())[:4].hex()


def test_a_deposit_may_be_signed_instead_of_approved() -> None:
    """By EIP-3009, in the domain of USDC; once, by its holder, and in its time."""
    with evm_dex.open(profile="hyperevm") as dex:
        holder, usdc = dex.accounts[0], dex.tokens["USDC"]
        wallet = dex.contract("0x6B9E773128f453f5c2C60935Ee2DE2CBc5390A24", "CoreDepositWallet")
        dex.core.set_delay(0)
        message = {
            "from": holder.address, "to": wallet.address, "value": 5 * USDC,
            "validAfter": 0, "validBefore": 2**32, "nonce": b"\x07" * 32,
        }  # fmt: skip
        types = {
            "ReceiveWithAuthorization": [
                {"name": "from", "type": "address"},
                {"name": "to", "type": "address"},
                {"name": "value", "type": "uint256"},
                {"name": "validAfter", "type": "uint256"},
                {"name": "validBefore", "type": "uint256"},
                {"name": "nonce", "type": "bytes32"},
            ]
        }
        domain = {
            "name": "USDC", "version": "2", "chainId": 999, "verifyingContract": usdc.address,
        }  # fmt: skip
        signed = EthAccount.sign_typed_data(holder.key, domain, types, message)
        fields = (0, 2**32, b"\x07" * 32, signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32))
        with pytest.raises(evm_dex.Reverted, match=selector("WrongSignature(address)")):
            wallet.call("depositWithAuth", 6 * USDC, *fields, SPOT, sender=holder)
        with pytest.raises(evm_dex.Reverted, match=selector("WrongSignature(address)")):
            wallet.call("depositWithAuth", 5 * USDC, *fields, SPOT, sender=dex.accounts[1])
        receipt = wallet.send("depositWithAuth", 5 * USDC, *fields, 0, sender=holder)
        done = dex.core.assert_all_done(receipt)
        assert [action.name for action in done] == ["deposit", "sendAsset"]
        with pytest.raises(evm_dex.Reverted, match=selector("AuthorizationIsUsed(bytes32)")):
            wallet.call("depositWithAuth", 5 * USDC, *fields, SPOT, sender=holder)
        assert dex.self_check() == []


def test_what_goes_on_to_another_chain_is_gone(dex: Dex, wallet: Contract) -> None:
    wallet.send("deposit", 5 * USDC, SPOT)
    gone = (dex.accounts[0].address, b"\x01" * 32, 6, 2 * USDC, 9, b"hi")
    with pytest.raises(evm_dex.Reverted, match="NotSystemAddress"):
        wallet.call("coreReceiveWithData", *gone)
    dex.cheats.set_balance(checksum(SYSTEM), 10**18)
    with dex.cheats.acting_as(checksum(SYSTEM)):
        receipt = wallet.send("coreReceiveWithData", *gone, sender=checksum(SYSTEM))
    (told,) = wallet.events(receipt)
    assert (told.name, told.args["amount"], told.args["coreNonce"]) == (
        "CrossChainWithdraw", 2 * USDC, 9,
    )  # fmt: skip
    assert dex.tokens["USDC"].call("balanceOf", wallet) == 3 * USDC
