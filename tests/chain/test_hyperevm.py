"""HyperEVM as a chain: its rules, its system transactions, and what follows from its blocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eth.vm.forks.prague.transactions import Authorization

import evm_dex
from evm_dex.blocks.body import Body, StoredTransaction
from evm_dex.blocks.header import decode_header
from evm_dex.blocks.transaction import decode, is_system_transaction, sign, system_transaction
from evm_dex.chain.block_import import encode_block
from evm_dex.chain.genesis.genesis_file import PROFILES, read_genesis_file
from evm_dex.chain.traces import trace_block
from evm_dex.errors import GenesisError, InvalidBlock, TransactionRejected
from evm_dex.evm.calls import Call
from evm_dex.evm.tracer import Tracer
from precompiles.hyper.dexs import account_address
from precompiles.hyper.encoding import (
    SPOT_DEX,
    SendAsset,
    SpotSend,
    StakingDeposit,
    TokenDelegate,
    UsdClassTransfer,
    VaultTransfer,
    encode_action,
)
from precompiles.hyper.errors import UnknownUser
from precompiles.hyper.receipts import DEPOSIT, Outcome
from precompiles.hyper.system_addresses import (
    CORE_ADDRESS,
    HYPE_SYSTEM,
    SYSTEM_SENDER,
    token_address,
)
from precompiles.types import SPOT_ADDRESS, ZERO_ADDRESS, Address
from tests.bytecode import assemble, deployment
from tests.chain.hyperevm import BTC, E8, HYPE, PURR, USDC, HyperWorld, order

USDC_SYSTEM = Address(b"\x20".ljust(20, b"\0"))
PURR_SYSTEM = Address(b"\x20" + (PURR).to_bytes(19, "big"))
WALLET = bytes.fromhex("6B9E773128f453f5c2C60935Ee2DE2CBc5390A24")
NATIVE_USDC = bytes.fromhex("b88339CB7199b77E23DB6E890353E22632Ba630f")
ERC20_PURR = bytes.fromhex("9b498C3c8A0b8CD8BA1D9851d40D186F1872b44E")
READS = [number.to_bytes(20, "big") for number in range(0x800, 0x815)]
SHAPE = PROFILES["hyperevm"]


@pytest.fixture
def world() -> Iterator[HyperWorld]:
    made = HyperWorld()
    with made.dex:
        yield made
        assert made.dex.self_check() == []


# Rules


def test_headers_are_those_of_hyperevm(world: HyperWorld) -> None:
    world.mine()
    head = world.dex.chain.head
    assert (world.dex.chain.chain_id, head.gas_limit, head.base_fee_per_gas) == (
        999, 3_000_000, 10**8,
    )  # fmt: skip
    assert (head.requests_hash, head.mix_hash, head.coinbase) == (None, bytes(32), ZERO_ADDRESS)
    assert (head.extra_data, head.parent_beacon_block_root) == (b"", bytes(32))
    assert decode_header(head.encoded) == head
    assert decode_header(head.encoded).hash == head.hash


@pytest.mark.parametrize(
    ("base_fee", "filled", "following"),
    [
        (0x137BD1F3, 0.36565, 0x12D44A93),
        (0x12D44A93, 0.037172, 0x10A68CC4),
    ],
)
def test_the_base_fee_moves_as_recorded(
    world: HyperWorld, base_fee: int, filled: float, following: int
) -> None:
    """Two steps of a recorded fee history, whose ratios have five figures."""
    head = world.dex.chain.head
    used = round(filled * head.gas_limit)
    full = msgspec.structs.replace(head, base_fee_per_gas=base_fee, gas_used=used)
    assert full.child().base_fee_per_gas == pytest.approx(following, rel=2e-6)


def test_the_base_fee_has_a_floor(world: HyperWorld) -> None:
    world.mine(3)
    assert world.dex.chain.next_header().base_fee_per_gas == 10**8


def test_tips_are_burned_and_paid(world: HyperWorld) -> None:
    sender = world.dex.accounts[0]
    before = world.dex.balance(sender)
    world.dex.send(
        to=world.users[1], value=5, max_fee_per_gas=10**9, max_priority_fee_per_gas=10**6
    )
    assert before - world.dex.balance(sender) == 5 + 21_000 * (10**8 + 10**6)
    assert world.dex.balance(ZERO_ADDRESS) == 0


@pytest.mark.parametrize("type_id", [3, 4])
def test_later_types_of_transactions_are_refused(world: HyperWorld, type_id: int) -> None:
    account = world.dex.accounts[0]
    fields: dict[str, Any] = {
        "chain_id": 999, "nonce": 0, "gas": 100_000, "to": bytes(world.users[1]), "value": 0,
        "data": b"", "access_list": (), "max_fee_per_gas": 10**9, "max_priority_fee_per_gas": 0,
        "max_fee_per_blob_gas": 1, "blob_versioned_hashes": (b"\x01" * 32,),
    }  # fmt: skip
    if type_id == 4:
        fields["authorization_list"] = (Authorization(999, world.users[1], 0, 0, 1, 1),)
    with pytest.raises(TransactionRejected, match="transaction type not supported"):
        world.dex.chain.send(sign(account.signer, type_id, fields))


def test_there_is_no_floor_under_calldata(world: HyperWorld) -> None:
    receipt = world.dex.send(to=world.users[1], data=b"\x01" * 100)
    assert receipt.gas_used == 21_000 + 16 * 100


def test_there_are_no_precompiles_for_bls(world: HyperWorld) -> None:
    """An address without code takes a call and answers nothing."""
    call = Call(sender=world.users[0], to=(0x0B).to_bytes(20, "big"), data=bytes(256))
    assert world.dex.chain.attempt(call).output == b""


def test_creating_a_contract_costs_what_was_recorded(world: HyperWorld) -> None:
    """53,000, calldata, 2 per word of init code, 200 per byte of code, and what runs."""
    runtime = bytes(9_120)
    init = deployment(b"\0" + runtime[1:])
    receipt = world.dex.send(data=init)
    zeros = init.count(0)
    calldata = 4 * zeros + 16 * (len(init) - zeros)
    words = -(-len(runtime) // 32)
    memory = 3 * words + words * words // 512
    # PUSH2 PUSH2 PUSH0 CODECOPY PUSH2 PUSH0 RETURN, copying and memory.
    running = 3 + 3 + 2 + 3 + 3 * words + memory + 3 + 2
    expected = 53_000 + calldata + 2 * -(-len(init) // 32) + running + 200 * len(runtime)
    assert receipt.gas_used == expected


# Reads


def test_reads_are_warm_and_take_all_gas_when_they_fail(world: HyperWorld) -> None:
    """Through bytecode: the gas before and after a call to 0x0806 with 20,000 gas."""
    for calldata_word, taken in ((0, 6_160), (9, 20_000)):
        code = assemble(
            f"0x{calldata_word:02x} PUSH0 MSTORE GAS PUSH0 PUSH0 0x20 PUSH0 0x0806 0x4e20 "
            "STATICCALL GAS 0x20 MSTORE POP 0x20 MLOAD SWAP1 SUB PUSH0 MSTORE 0x20 PUSH0 RETURN"
        )
        contract = world.dex.deploy(
            {"abi": [], "bytecode": "0x" + deployment(code).hex()}
        ).raw_address
        output = world.dex.chain.attempt(Call(sender=world.users[0], to=contract)).output
        between = 4 * 3 - 2 * 2 + 3 + 100 + 2  # what pushes and the warm call cost beside
        assert int.from_bytes(output, "big") - taken == pytest.approx(between, abs=12)


def test_reads_answer_over_calls(world: HyperWorld) -> None:
    chain = world.dex.chain
    mark = chain.call(Call(to=READS[6], data=bytes(32)))
    assert int.from_bytes(mark, "big") == 800_000
    failed = chain.attempt(Call(to=READS[6], data=b"\x01"))
    assert failed.problem == "PrecompileError: 1 bytes of input; expected 32"
    assert failed.gas_used == 30_000_000  # a call has the room of a big block


def test_the_exchanges_are_only_looked_at(world: HyperWorld) -> None:
    spot = world.dex.contract(SPOT_ADDRESS, "ISpot")
    assert spot.call("getBestPrices", HYPE_SYSTEM) == (0, 0)
    with pytest.raises(evm_dex.Reverted, match="ActsThroughCoreWriter"):
        spot.call("cancelOrder", 1)


# System transactions


def test_a_block_without_work_has_none(world: HyperWorld) -> None:
    world.dex.send(to=world.users[1], value=1)
    assert world.transactions() == 1
    world.mine()
    assert world.transactions() == 0


def test_an_action_is_carried_out_at_the_end_of_its_block(world: HyperWorld) -> None:
    (receipt,) = world.send(SpotSend(world.users[1], HYPE, 5 * E8))
    assert (receipt.outcome, receipt.action) == (Outcome.DONE, 6)
    assert world.spot(world.users[1], HYPE_SYSTEM) == 10_005 * E8
    head = world.dex.chain.head
    sent, step = world.dex.chain.blocks.body(head.hash).transactions
    assert receipt.source == decode(sent.raw).hash
    assert is_system_transaction(decode(step.raw))
    included = world.dex.receipt(decode(step.raw).hash)
    assert (included.gas_used, included.succeeded) == (0, True)
    assert head.gas_used == world.dex.receipt(decode(sent.raw).hash).gas_used


def test_an_order_waits_three_seconds(world: HyperWorld) -> None:
    (queued,) = world.send(order(BTC, "80000", "0.01"))
    assert queued.outcome == Outcome.QUEUED
    assert world.mine(2) == []
    (done,) = world.mine()
    assert (done.outcome, done.sequence) == (Outcome.DONE, queued.sequence)
    assert world.dex.chain.ledger.perp.orders.rows[done.order_id].price == 80_000 * 10**6


def test_a_reverted_frame_sends_nothing(world: HyperWorld) -> None:
    raw = encode_action(UsdClassTransfer(1, to_perp=True))
    padded = raw.ljust(-(-len(raw) // 32) * 32, b"\0")
    data = world.writer.encode("sendRawAction", raw)
    assert padded in data
    words = [data[place : place + 32].ljust(32, b"\0") for place in range(0, len(data), 32)]
    store = " ".join(f"0x{w.hex()} 0x{32 * n:04x} MSTORE" for n, w in enumerate(words))
    call = f"PUSH0 PUSH0 0x{len(data):04x} PUSH0 PUSH0 0x{'33' * 20} GAS CALL"
    for ending, count in (("STOP", 1), ("PUSH0 PUSH0 REVERT", 0)):
        code = deployment(assemble(f"{store} {call} POP {ending}"))
        contract = world.dex.deploy({"abi": [], "bytecode": "0x" + code.hex()}).raw_address
        world.dex.send(to=contract, gas=200_000)
        receipts = world.receipts()
        assert len(receipts) == count
        assert all(it.reason == UnknownUser(contract).encode() for it in receipts)


# The bridge


def test_hype_goes_over_and_comes_back_in_the_next_block(world: HyperWorld) -> None:
    user, account = world.users[0], world.dex.accounts[0]
    world.dex.send(to=HYPE_SYSTEM, value=3 * 10**18)
    assert [(it.action, it.outcome) for it in world.receipts()] == [(DEPOSIT, Outcome.DONE)]
    assert world.spot(user, HYPE_SYSTEM) == 10_003 * E8
    world.send(SpotSend(HYPE_SYSTEM, HYPE, 3 * E8))
    before = world.dex.balance(account)
    world.mine()
    assert world.dex.balance(account) - before == 3 * 10**18
    assert world.transactions() == 2
    assert world.mine() == []
    assert world.transactions() == 0


def test_a_linked_token_goes_over_and_comes_back(world: HyperWorld) -> None:
    purr = world.dex.contract(ERC20_PURR, "TestToken")
    user = world.users[0]
    before = purr.call("balanceOf", user)
    purr.send("transfer", PURR_SYSTEM, 7 * 10**18)
    assert world.spot(user, PURR_SYSTEM) == 1_000_007 * 10**5
    world.send(SpotSend(PURR_SYSTEM, PURR, 7 * 10**5))
    world.mine()
    assert purr.call("balanceOf", user) == before
    head = world.dex.chain.head
    _, paid = world.dex.chain.blocks.body(head.hash).transactions
    assert decode(paid.raw).sender == PURR_SYSTEM


def test_usdc_goes_over_by_its_wallet(world: HyperWorld) -> None:
    usdc = world.dex.contract(NATIVE_USDC, "TestToken")
    wallet = world.dex.contract(WALLET, "CoreDepositWallet")
    user, ledger = world.users[0], world.dex.chain.ledger
    usdc.send("approve", WALLET, 10**12)
    wallet.send("deposit", 5 * 10**6, SPOT_DEX)
    assert world.spot(user, USDC_SYSTEM) == 1_000_005 * E8
    wallet.send("deposit", 5 * 10**6, 0)
    assert ledger.perp.cash(user) == 1_000_005 * 10**6
    deposited, moved = world.receipts()
    assert (deposited.user, deposited.action) == (Address(WALLET), DEPOSIT)
    assert (moved.user, moved.action, moved.outcome) == (Address(WALLET), 13, Outcome.DONE)
    before = usdc.call("balanceOf", user)
    world.send(SendAsset(USDC_SYSTEM, ZERO_ADDRESS, 0, SPOT_DEX, USDC, 5 * E8))
    world.mine()
    assert usdc.call("balanceOf", user) == before + 5 * 10**6


def test_a_new_account_on_perpetuals_costs_its_deposit_one_usdc(world: HyperWorld) -> None:
    usdc = world.dex.contract(NATIVE_USDC, "TestToken")
    wallet = world.dex.contract(WALLET, "CoreDepositWallet")
    new = Address(b"\x77" * 20)
    usdc.send("approve", WALLET, 10**12)
    with pytest.raises(evm_dex.Reverted, match="AmountWithinAccountFee"):
        wallet.send("depositFor", new, 10**6, 0)
    wallet.send("depositFor", new, 5 * 10**6, 0)
    assert world.dex.chain.ledger.perp.cash(new) == 4 * 10**6


def test_tokens_in_all_stay_what_they_were(world: HyperWorld) -> None:
    """EVM's side, HyperCore's side and what is on its way, for each token."""
    before = totals(world)
    purr = world.dex.contract(ERC20_PURR, "TestToken")
    purr.send("transfer", PURR_SYSTEM, 7 * 10**18)
    assert totals(world) == before
    world.send(SpotSend(PURR_SYSTEM, PURR, 3 * 10**5))
    assert totals(world) == before
    world.send(UsdClassTransfer(10**6, to_perp=True))
    world.mine()
    assert totals(world) == before


def totals(world: HyperWorld) -> dict[str, int]:
    ledger = world.dex.chain.ledger
    purr, usdc = (world.dex.contract(it, "TestToken") for it in (ERC20_PURR, NATIVE_USDC))
    held = purr.call("balanceOf", PURR_SYSTEM) // 10**13
    outside = ledger.spot.token_total(PURR_SYSTEM) - world.spot(PURR_SYSTEM, PURR_SYSTEM)
    waiting = sum(it.amount for it in ledger.core.outgoing.rows.values()) // 10**13
    collateral = ledger.perp.fund.collateral_total
    return {
        "PURR": purr.call("totalSupply"),
        "PURR of HyperCore": ledger.spot.token_total(PURR_SYSTEM),
        "PURR not backed": held - outside - waiting,
        "USDC": usdc.call("totalSupply"),
        "USDC of HyperCore": ledger.spot.token_total(USDC_SYSTEM) + 100 * collateral,
    }


# What follows from blocks


def busy(world: HyperWorld) -> None:
    """Orders that wait and trade, cancels, transfers both ways, and actions that do nothing."""
    world.send(order(BTC, "80000", "0.05", is_buy=False), 1)
    world.send(order(BTC, "80000", "0.05"), 2)
    world.send(b"\x01\0\0\x01", 3)
    world.send(SpotSend(HYPE_SYSTEM, HYPE, E8), 1)
    world.dex.send(to=HYPE_SYSTEM, value=10**18)
    world.send(order(10_107, "40", "1", is_buy=False), 1)
    world.send(SpotSend(world.users[4], USDC, 5), 1)
    world.send(order(10_107, "40", "1"), 3)


def test_an_imported_chain_is_the_same(world: HyperWorld) -> None:
    busy(world)
    world.mine(2)
    blocks = world.dex.chain.export_blocks(1)
    with evm_dex.open(profile="hyperevm") as other:
        other.chain.import_blocks(blocks)
        assert other.chain.head.hash == world.dex.chain.head.hash
        assert other.self_check() == []


def test_a_block_with_other_system_transactions_is_refused(world: HyperWorld) -> None:
    world.send(SpotSend(world.users[1], HYPE, 5 * E8))
    chain = world.dex.chain
    sent, step = chain.blocks.body(chain.head.hash).transactions
    other_step = system_transaction(
        999, SYSTEM_SENDER, 0, CORE_ADDRESS, gas=10**12, value=0, data=b"\x00"
    )
    forged = StoredTransaction(other_step.raw, SYSTEM_SENDER)
    bodies = [(sent,), (sent, forged), (step, sent), (sent, step, forged)]
    with evm_dex.open(profile="hyperevm") as other:
        for body in bodies:
            raw = encode_block(chain.head, Body(body))
            with pytest.raises(InvalidBlock, match="its body lacks"):
                other.chain.import_blocks([raw])
        other.chain.import_blocks([encode_block(chain.head, Body((sent, step)))])
        assert other.chain.head.hash == chain.head.hash


def test_users_can_not_speak_for_the_chain(world: HyperWorld) -> None:
    forged = system_transaction(
        999, SYSTEM_SENDER, 0, CORE_ADDRESS, gas=10**6, value=0, data=b"\x00"
    )
    with pytest.raises(TransactionRejected, match="not signed"):
        world.dex.send_raw(forged.raw)
    world.dex.cheats.impersonate(SYSTEM_SENDER)
    with pytest.raises(TransactionRejected, match="max fee per gas less than"):
        world.dex.send_raw(forged.raw)
    attempt = world.dex.chain.attempt(Call(sender=world.users[0], to=CORE_ADDRESS, data=b"\x00"))
    assert attempt.problem == "reverted"


def test_going_back_and_on_again_leads_to_the_same(world: HyperWorld) -> None:
    world.send(order(BTC, "80000", "0.05"))
    snapshot = world.dex.snapshot()
    busy(world)
    world.mine(3)
    first = world.dex.chain.head.hash
    world.dex.revert(snapshot)
    assert len(world.dex.chain.ledger.core.delayed.rows) == 1
    busy(world)
    world.mine(3)
    assert world.dex.chain.head.hash == first


def test_a_reopened_chain_goes_on(tmp_path: Path) -> None:
    world = HyperWorld(path=tmp_path / "chain")
    with world.dex:
        world.send(order(BTC, "80000", "0.05"))
        world.send(SpotSend(HYPE_SYSTEM, HYPE, E8))
    with evm_dex.open(tmp_path / "chain", profile="hyperevm") as dex:
        again = HyperWorld(dex)
        assert dex.chain.head.rules.fork == "cancun"
        again.mine(3)
        assert dex.chain.ledger.core.outgoing.rows == {}
        assert len(dex.chain.ledger.perp.orders.rows) == 1
        assert dex.self_check() == []


def test_every_transaction_is_replayed_the_same(world: HyperWorld) -> None:
    busy(world)
    chain = world.dex.chain
    for height in range(1, chain.head.block_number + 1):
        receipts = chain.blocks.receipts(chain.header(height).hash)
        traces = list(trace_block(chain, height, Tracer))
        assert [it.gas_used for _, it, _ in traces] == [
            receipt.cumulative_gas_used - before
            for receipt, before in zip(
                receipts, [0, *(it.cumulative_gas_used for it in receipts)], strict=False
            )
        ]
        assert [not trace.frame.error for _, trace, _ in traces] == [
            it.succeeded for it in receipts
        ]


# Genesis


def changed(**fields: Any) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(read_genesis_file(SHAPE))
    content["hypercore"].update(fields)
    return content


def token(at: int, **fields: Any) -> dict[str, Any]:
    content = changed()
    content["hypercore"]["tokens"][at].update(fields)
    return content


def perp(at: int, **fields: Any) -> dict[str, Any]:
    content = changed()
    content["hypercore"]["perps"][at].update(fields)
    return content


def pair(at: int, **fields: Any) -> dict[str, Any]:
    content = changed()
    content["hypercore"]["pairs"][at].update(fields)
    return content


DEX = {"index": 1, "name": "xyz", "collateral": 268}


@pytest.mark.parametrize(
    ("content", "expected", "at"),
    [
        (token(1, index=0), "one that no other token has, got 0", "tokens[1].index"),
        (token(1, wei_decimals=4), "at least size_decimals + 5", "tokens[1].wei_decimals"),
        (token(1, evm_extra_decimals=19), "-2 to 18, got 19", "tokens[1].evm_extra_decimals"),
        (token(2, index=7), "one of index 150, HYPE", "tokens"),
        (token(0, evm_contract=None, evm={}), "USDC to have an evm_contract", "tokens"),
        (token(1, evm_contract=None), "an evm_contract that keeps them", "tokens[1].evm"),
        (pair(1, index=0), "one that no other pair has, got 0", "pairs[1].index"),
        (pair(1, base=99), "a listed token, two in all, got 99", "pairs[1].base"),
        (pair(1, base=1), "a token that the base has no other pair with", "pairs[1].quote"),
        (pair(0, index=90_000), "0 to 89999", "pairs[0].index"),
        (perp(1, index=0), "one that no other perpetual has, got 0", "perps[1].index"),
        (perp(0, size_decimals=7), "0 to 6, got 7", "perps[0].size_decimals"),
        (perp(0, tiers=[]), "at least one", "perps[0].tiers"),
        (perp(0, tiers=[[0, 51]]), "leverages of 1 to 50", "perps[0].tiers"),
        (perp(0, tiers=[[1, 5]]), "tiers to be within its limits", "perps[0]"),
        (changed(order_delay=-1), "0 to 3600", "order_delay"),
        (changed(default_leverage=0), "1 to 50", "default_leverage"),
        (changed(staking_rate=-1), "0 to 10000", "staking_rate"),
        (changed(dexs=[DEX | {"name": ""}]), "one to 6 characters, got ''", "dexs[0].name"),
        (changed(dexs=[DEX | {"index": 0}]), "1 to 9999, one that no", "dexs[0].index"),
        (changed(dexs=[DEX | {"collateral": 1}]), "a listed token of 8", "dexs[0].collateral"),
    ],
)
def test_a_genesis_that_can_not_be_is_named(
    content: dict[str, Any], expected: str, at: str
) -> None:
    with pytest.raises(GenesisError) as refused:
        evm_dex.open(genesis=content)
    assert f"expected {expected}" in str(refused.value)
    assert str(refused.value).endswith(f"`$.hypercore.{at}`")


def test_a_genesis_has_no_markets_beside_hypercore() -> None:
    with pytest.raises(GenesisError, match="with hypercore its own are all there are"):
        evm_dex.open(genesis={**changed(), "perp": {"collateral": "USDC"}})


def test_the_profile_has_a_vault_and_validators(world: HyperWorld) -> None:
    vault = Address(bytes.fromhex("dfc24b077bc1425AD1DEA75bCB6f8158E10Df303"))
    world.dex.core.set_delay(0)
    for action in (
        VaultTransfer(vault, True, 5 * 10**6),
        StakingDeposit(E8),
        TokenDelegate(world.users[7], E8, False),
    ):
        (receipt,) = world.send(action)
        assert receipt.outcome == Outcome.DONE
    assert world.dex.chain.ledger.perp.cash(vault) == 10_000_005 * 10**6


def test_the_testnet_has_its_own_numbers() -> None:
    world = HyperWorld(evm_dex.open(profile="hyperevm-testnet"))
    ledger = world.dex.chain.ledger
    assert (world.dex.chain.chain_id, ledger.core.settings.hype) == (998, 1105)  # type: ignore[union-attr] # it has begun
    (receipt,) = world.send(SpotSend(world.users[1], 1105, E8))
    assert receipt.outcome == Outcome.DONE
    assert world.dex.self_check() == []


def test_a_profile_has_a_name() -> None:
    with pytest.raises(GenesisError, match="one of hyperevm, hyperevm-testnet, got 'hyper'"):
        evm_dex.open(profile="hyper")
    with pytest.raises(ValueError, match="give one of the two"):
        evm_dex.open(profile="hyperevm", genesis={})


def test_a_genesis_may_have_dexs_of_builders() -> None:
    """With its own collateral, whose backing is on the EVM; blocks with it are imported."""
    gold = {
        "index": 0, "dex": 1, "coin": "GOLD", "size_decimals": 4, "margin_table": 20,
        "tiers": [[0, 20]], "price": 4_000_000_000,
    }  # fmt: skip
    content = changed()
    content["hypercore"]["dexs"] = [
        {"index": 1, "name": "xyz", "collateral": 268, "balances": {"account0": 5_000_000_000}}
    ]
    content["hypercore"]["perps"] = [*content["hypercore"]["perps"], gold]
    world = HyperWorld(evm_dex.open(genesis=content))
    with world.dex as dex:
        dex.core.set_delay(0)
        dex.core.force_perp_balance(dex.accounts[1], 9_000 * 10**6, dex=1)
        assert world.send(order(110_000, "4000", "1", is_buy=False), 1)[0].outcome == Outcome.DONE
        assert world.send(order(110_000, "4000", "1"))[0].outcome == Outcome.DONE
        account = account_address(1, world.users[0])
        assert dex.chain.ledger.perp.cash(account) == (1_000 * 10**6) - 1_800_000
        assert dex.chain.ledger.core.perp(10_000).coin == "xyz:GOLD"  # type: ignore[union-attr] # it is listed
        usdt = dex.contract("0xB8CE59FC3717ada4C02eaDF9682A9e934F625ebb", "TestToken")
        settings = dex.chain.ledger.core.settings
        assert settings is not None
        system = token_address(settings, 268)
        backed = 10 * 1_000_000 * 10**6 + 5_000 * 10**6 + 9_000 * 10**6
        assert usdt.call("balanceOf", system) == backed
        assert dex.self_check() == []
    content["hypercore"]["perps"] = [{**gold, "dex": 2}]
    with pytest.raises(GenesisError, match=r"expected one of \[0, 1\], got 2"):
        evm_dex.open(genesis=content)
