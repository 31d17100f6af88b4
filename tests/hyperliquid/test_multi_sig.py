"""Accounts that several sign for, by the official SDK's signatures, on a chain in memory."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from eth_account import Account
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evm_dex
from evm_dex.errors import InvalidBlock
from evm_dex.hyperliquid.exchange import MalformedRequest
from precompiles.hyper.encoding import UsdClassTransfer, encode_action
from precompiles.hyper.system_addresses import CORE_WRITER
from tests.hyperliquid.committee import (
    Committee,
    Terms,
    envelope,
    inner_signature,
    signers_text,
    typed,
    wallet,
)
from tests.hyperliquid.trader import Json, Trader, limit, sign_l1

pytestmark = pytest.mark.usefixtures("bots")
ETH = 1
STRANGER = "0x" + "99" * 20
SLOW_FIXTURE = [HealthCheck.function_scoped_fixture]
NOOP: Json = {"type": "noop"}


@pytest.fixture
def committee(traders: tuple[Trader, Trader]) -> Committee:
    return Committee(traders[0])


def order(price: str = "2900") -> Json:
    wires = [limit(ETH, "buy", price, "0.2")]
    return {"type": "order", "orders": wires, "grouping": "na"}


def test_several_sign_for_an_account(committee: Committee) -> None:
    owner = committee.owner
    users = sorted(it.address.lower() for it in committee.signers)
    assert owner.ask("userToMultiSigSigners") == {"authorizedUsers": users, "threshold": 2}
    assert committee.do(order())["data"]["statuses"] == [{"resting": {"oid": 1}}]
    assert [it["oid"] for it in owner.ask("openOrders")] == [1]
    cancelled = committee.do({"type": "cancel", "cancels": [{"a": ETH, "o": 1}]})
    assert cancelled == {"type": "cancel", "data": {"statuses": ["success"]}}


def test_the_accounts_own_key_signs_no_longer(committee: Committee) -> None:
    owner = committee.owner
    assert owner.do(order()) == "Multi-sig required"
    fields = [("string", "destination"), ("string", "amount"), ("uint64", "time")]
    sent = {"type": "usdSend", "destination": STRANGER, "amount": "1"}
    assert owner.typed("UsdSend", fields, sent) == "Multi-sig required"
    assert committee.convert([wallet(4).address], 1) == "Multi-sig required"
    assert committee.convert([], 0) == "Multi-sig required"


def test_typed_actions_are_signed_with_account_and_leader(committee: Committee) -> None:
    terms, receiver = committee.terms(), wallet(5).address.lower()
    before = float(committee.owner.ask("clearinghouseState")["withdrawable"])
    sent = typed("usdSend", "time", terms.nonce, destination=receiver, amount="100.0")
    assert committee.do(sent, terms) == {"type": "default"}
    after = float(committee.owner.ask("clearinghouseState")["withdrawable"])
    assert before - after == 100
    told = committee.owner.ask("userNonFundingLedgerUpdates")[-1]["delta"]
    assert (told["type"], told["usdc"], told["destination"]) == (
        "internalTransfer",
        "100.0",
        receiver,
    )
    terms = committee.terms()
    staked = typed("cDeposit", "nonce", terms.nonce, wei=100_000_000)
    assert committee.do(staked, terms) == {"type": "default"}
    assert committee.owner.ask("delegatorSummary")["undelegated"] == "1.0"


def test_others_sign_from_a_change_on_and_the_own_key_after_null(committee: Committee) -> None:
    terms = committee.terms()
    changed = typed(
        "convertToMultiSigUser",
        "nonce",
        terms.nonce,
        signers=signers_text([wallet(7).address, wallet(6).address, wallet(7).address], 1),
    )
    assert committee.do(changed, terms) == {"type": "default"}
    assert len(committee.owner.ask("userToMultiSigSigners")["authorizedUsers"]) == 2
    assert committee.do(NOOP) == "Invalid multi-sig outer signer"
    committee.signers = [wallet(6)]
    terms = committee.terms()
    back = typed("convertToMultiSigUser", "nonce", terms.nonce, signers="null")
    assert committee.do(back, terms) == {"type": "default"}
    assert committee.owner.ask("userToMultiSigSigners") is None
    assert committee.owner.do(NOOP) == {"type": "default"}
    assert committee.do(NOOP) == "Invalid multi-sig user"


@pytest.mark.parametrize(
    ("users", "threshold", "text"),
    [
        ([0, 1], 1, "Cannot register self as multi-sig authorized user"),
        ([1, 2], 3, "Invalid multi-sig threshold"),
        ([1, 2], 0, "Invalid multi-sig threshold"),
        ([1, 1], 2, "Invalid multi-sig threshold"),
        ([], 0, "Invalid multi-sig threshold"),
        ([1, STRANGER], 1, "Multi-sig authorized user must exist on L1"),
        ("{}", 0, "Unexpected error (code=148)"),
        ("{", 0, "Unexpected error (code=148)"),
        ('{"authorizedUsers":["0x1"],"threshold":1}', 0, "Unexpected error (code=148)"),
        ("null", 0, "Invalid multi-sig user"),
    ],
)
def test_signers_that_none_can_have_are_refused(
    traders: tuple[Trader, Trader], users: Any, threshold: int, text: str
) -> None:
    alice, _ = traders
    if isinstance(users, list):
        named = [it if isinstance(it, str) else wallet(it).address for it in users]
        users = signers_text(named, threshold)
    action = {"type": "convertToMultiSigUser", "signers": users}
    fields = [("string", "signers"), ("uint64", "nonce")]
    assert alice.typed("ConvertToMultiSigUser", fields, action) == text
    assert alice.ask("userToMultiSigSigners") is None
    assert alice.do(NOOP) == {"type": "default"}


def test_no_more_than_ten_sign(traders: tuple[Trader, Trader]) -> None:
    alice, bob = traders
    paid = [f"0x{number:040x}" for number in range(0x100, 0x10B)]
    send = [("string", "destination"), ("string", "amount"), ("uint64", "time")]
    for user in paid:
        bob.typed("UsdSend", send, {"type": "usdSend", "destination": user, "amount": "1"})
    fields = [("string", "signers"), ("uint64", "nonce")]
    kind = "convertToMultiSigUser"
    for users, answer in ((paid, "Too many multi-sig signers"), (paid[:10], {"type": "default"})):
        action = {"type": kind, "signers": signers_text(users, len(users))}
        assert alice.typed("ConvertToMultiSigUser", fields, action) == answer


INNER, OUTER = "Invalid multi-sig inner signer", "Invalid multi-sig outer signer"


@pytest.mark.parametrize(
    ("signing", "leader", "sending", "text"),
    [
        ([1, 2], 1, 1, None),
        ([2, 3], 1, 1, None),  # who leads need not sign
        ([1, 2, 3], 2, 2, None),
        ([3, 1], 3, 3, None),  # in whatever order
        ([1], 1, 1, "Multi-sig threshold not met"),
        ([], 1, 1, "Multi-sig threshold not met"),
        ([1, 1], 1, 1, "Multi-sig threshold not met"),
        ([1, 4], 1, 1, INNER),
        ([1, 2, 4], 1, 1, INNER),
        ([1, 0], 1, 1, INNER),  # the account's own key
        ([1, 2], 4, 4, OUTER),
        ([1, 2], 0, 0, OUTER),
        ([1, 2], 1, 2, OUTER),  # the field names another than who sends
        ([1, 2], 1, 4, OUTER),
    ],
)
def test_enough_of_the_right_ones_must_sign(
    committee: Committee, signing: list[int], leader: int, sending: int, text: str | None
) -> None:
    committee.owner.now += 1
    terms = Terms(committee.owner.address, wallet(leader).address, committee.owner.now)
    signatures = [inner_signature(wallet(it), order(), terms) for it in signing]
    body = envelope(wallet(sending), order(), signatures, terms)
    answer = committee.owner.send(body)
    assert (answer["response"] == text) if text else (answer["status"] == "ok")
    assert len(committee.owner.ask("openOrders")) == (0 if text else 1)
    if text is None:
        again = committee.owner.send(body)
        assert again["response"].startswith("Invalid nonce: duplicate nonce")


def test_all_sign_the_same_terms(committee: Committee) -> None:
    """Nonce, action, leader, account, vault and expiry; the network, as others sign for it."""
    good = committee.terms()
    other = {
        "nonce": good._replace(nonce=good.nonce - 1),
        "leader": good._replace(leader=committee.signers[2].address),
        "account": good._replace(user=wallet(4).address),
        "vault": good._replace(vault=wallet(4).address),
        "expiry": good._replace(expires=good.nonce + 1_000),
        "network": good._replace(is_mainnet=True),
    }
    first = inner_signature(committee.signers[0], order(), good)
    leader = committee.signers[0]
    for bent in other.values():
        signatures = [first, inner_signature(committee.signers[1], order(), bent)]
        answer = committee.owner.send(envelope(leader, order(), signatures, good))
        assert answer == {"status": "err", "response": INNER}
    signatures = [first, inner_signature(committee.signers[1], order("2901"), good)]
    answer = committee.owner.send(envelope(leader, order(), signatures, good))
    assert answer["response"] == INNER
    sent = typed("usdSend", "time", good.nonce - 1, destination=STRANGER, amount="1")
    assert committee.do(sent, good) == "Nonce mismatch."
    assert committee.owner.ask("openOrders") == []
    assert committee.do(order(), good._replace(is_mainnet=True))["data"]["statuses"]


def test_they_act_for_its_sub_account_until_it_expires(committee: Committee) -> None:
    made = committee.do({"type": "createSubAccount", "name": "one"})["data"]
    funded = {"type": "subAccountTransfer", "subAccountUser": made, "isDeposit": True}
    assert committee.do({**funded, "usd": 1_000_000_000}) == {"type": "default"}
    terms = committee.terms()._replace(vault=made, expires=committee.owner.now + 1_000)
    assert committee.do(order(), terms)["data"]["statuses"] == [{"resting": {"oid": 1}}]
    assert committee.owner.ask("openOrders") == []
    assert len(committee.owner.ask("openOrders", user=made)) == 1
    terms = committee.terms()._replace(vault=made)
    text = signers_text([wallet(5).address], 1)
    others = typed("convertToMultiSigUser", "nonce", terms.nonce, signers=text)
    assert committee.do(others, terms) == "Invalid multi-sig user", "it has no signers"
    terms = committee.terms()._replace(expires=committee.owner.now - 1)
    assert committee.do(order(), terms).startswith("Action already expired")


def test_agents_lead_with_funds_of_their_own_and_sign_nothing_inside(
    committee: Committee, traders: tuple[Trader, Trader]
) -> None:
    _, bob = traders  # wallet 1, a signer
    agent = Account.from_key("0x" + "42" * 32)
    fields = [("address", "agentAddress"), ("string", "agentName"), ("uint64", "nonce")]
    approved = {"type": "approveAgent", "agentAddress": agent.address.lower(), "agentName": ""}
    assert bob.typed("ApproveAgent", fields, approved) == {"type": "default"}

    def led(signing: list[Any]) -> Any:
        terms = committee.terms(agent)
        signatures = [inner_signature(it, NOOP, terms) for it in signing]
        return committee.owner.send(envelope(agent, NOOP, signatures, terms))["response"]

    assert led(committee.signers[:2]) == "Multi-sig outer signer must be an L1 user."
    send = [("string", "destination"), ("string", "amount"), ("uint64", "time")]
    paid = {"type": "usdSend", "destination": agent.address.lower(), "amount": "5"}
    assert bob.typed("UsdSend", send, paid) == {"type": "default"}
    assert led(committee.signers[:2]) == {"type": "default"}
    assert led([agent, committee.signers[1]]) == INNER


def test_an_agent_of_the_account_trades_by_itself(committee: Committee) -> None:
    """It is approved by several, survives that, and moves no money."""
    agent = Account.from_key("0x" + "43" * 32)
    terms = committee.terms()
    approved = typed("approveAgent", "nonce", terms.nonce, agentAddress=agent.address.lower())
    from hyperliquid.utils import signing  # noqa: PLC0415 - fetched by .ci/bots

    types = [
        {"name": name, "type": kind}
        for kind, name in (
            ("string", "hyperliquidChain"),
            ("address", "agentAddress"),
            ("string", "agentName"),
            ("uint64", "nonce"),
        )
    ]
    approved = {**approved, "agentName": "bot"}
    approved["nonce"] = approved.pop("nonce")
    signatures = [
        signing.sign_multi_sig_user_signed_action_payload(
            it, approved, False, types, "HyperliquidTransaction:ApproveAgent",
            terms.user, terms.leader,
        )
        for it in committee.signers[:2]
    ]  # fmt: skip
    body = envelope(committee.signers[0], approved, signatures, terms)
    assert committee.owner.send(body)["response"] == {"type": "default"}
    placed = committee.owner.do(order(), key=agent.key)
    assert placed["data"]["statuses"] == [{"resting": {"oid": 1}}]


def test_contracts_and_transactions_of_the_account_do_nothing(committee: Committee) -> None:
    dex = committee.owner.dex
    writer = dex.contract(CORE_WRITER, "CoreWriter")
    raw = encode_action(UsdClassTransfer(1_000_000, to_perp=True))
    receipt = writer.send("sendRawAction", raw, sender=committee.owner.raw_address)
    (action,) = dex.core.actions(receipt)
    assert (action.outcome, action.reason) == ("dropped", "MultiSigRequired")


def test_blocks_with_many_signatures_are_made_again_elsewhere(committee: Committee) -> None:
    committee.do(order())
    terms = committee.terms()
    sent = typed("usdSend", "time", terms.nonce, destination=STRANGER, amount="1")
    committee.do(sent, terms)
    committee.do(NOOP, signers=committee.signers)
    chain = committee.owner.dex.chain
    encoded = list(chain.export_blocks(1))
    with evm_dex.open(profile="hyperevm") as other:
        assert other.chain.import_blocks(encoded)[-1].hash == chain.head.hash
        assert other.self_check() == []
    last = chain.blocks.body(chain.head.hash).transactions[0].raw
    inner = bytes.fromhex(committee.signers[1].address[2:])
    outer = bytes.fromhex(committee.signers[0].address[2:])
    assert last.count(inner) == 1, "who signed inside is in the block"
    for named in (inner, outer):
        place = encoded[-1].rindex(named) + 5
        block = encoded[-1]
        forged = block[:place] + bytes((block[place] ^ 1,)) + block[place + 1 :]
        with evm_dex.open(profile="hyperevm") as other, pytest.raises(InvalidBlock):
            other.chain.import_blocks([*encoded[:-1], forged])


def test_one_in_another_is_no_action(committee: Committee) -> None:
    terms = committee.terms()
    signatures = [inner_signature(it, NOOP, terms) for it in committee.signers[:2]]
    nested = envelope(committee.signers[0], NOOP, signatures, terms)["action"]
    others: list[Any] = [{"type": "multiSig"}, {"type": "teleport"}, {}, [], None, "noop"]
    for inner in (nested, *others):
        with pytest.raises(MalformedRequest):
            committee.owner.send(envelope(committee.signers[0], inner, signatures, terms))


def test_leading_zeros_of_signatures_are_left_out_before_they_are_hashed(
    committee: Committee,
) -> None:
    """As others measured: the sender who signed over zeros has signed something else."""
    while True:
        terms = committee.terms()
        signatures = [inner_signature(it, NOOP, terms) for it in committee.signers[:2]]
        if any(len(it["r"]) < 66 or len(it["s"]) < 66 for it in signatures):
            break
    padded = [{**it, **{name: f"0x{it[name][2:]:0>64}" for name in "rs"}} for it in signatures]
    sent = envelope(committee.signers[0], NOOP, padded, terms)
    assert committee.owner.send(sent)["response"] == OUTER
    trimmed = envelope(committee.signers[0], NOOP, signatures, terms)
    trimmed["action"]["signatures"] = padded
    assert committee.owner.send(trimmed)["response"] == {"type": "default"}


def test_a_mode_is_signed_in_full_and_sent_by_its_letter(committee: Committee) -> None:
    """As the SDK sends it in `multiSig`."""
    from hyperliquid import exchange  # noqa: PLC0415 - fetched by .ci/bots

    terms, owner = committee.terms(), committee.owner
    chosen = typed(
        "userSetAbstraction",
        "nonce",
        terms.nonce,
        user=owner.address,
        abstraction="unifiedAccount",
    )
    signatures = [inner_signature(it, chosen, terms) for it in committee.signers[:2]]
    sent = exchange._multi_sig_payload_action(chosen)
    assert sent["abstraction"] == "u"
    body = envelope(committee.signers[0], sent, signatures, terms)
    assert owner.send(body)["response"] == {"type": "default"}
    assert owner.ask("userAbstraction") == "unifiedAccount"


@settings(suppress_health_check=SLOW_FIXTURE, deadline=None, max_examples=40)
@given(signing=st.lists(st.integers(0, 5), max_size=5), leader=st.integers(0, 5),
       threshold=st.integers(1, 3),
       members=st.sets(st.integers(1, 5), min_size=3, max_size=5))  # fmt: skip
def test_votes_are_counted_as_by_hand(
    committee: Committee, signing: list[int], leader: int, threshold: int, members: set[int]
) -> None:
    owner, chain = committee.owner, committee.owner.dex.chain
    snapshot = chain.snapshot()
    users = [wallet(it).address for it in sorted(members)]
    terms = committee.terms()
    text = signers_text(users, threshold)
    changed = typed("convertToMultiSigUser", "nonce", terms.nonce, signers=text)
    assert committee.do(changed, terms) == {"type": "default"}
    owner.now += 1
    terms = Terms(owner.address, wallet(leader).address, owner.now)
    signatures = [inner_signature(wallet(it), NOOP, terms) for it in signing]
    answer = owner.send(envelope(wallet(leader), NOOP, signatures, terms))["response"]
    expected: Any = {"type": "default"}
    if leader not in members:
        expected = OUTER
    elif not set(signing) <= members:
        expected = INNER
    elif len(set(signing)) < threshold:
        expected = "Multi-sig threshold not met"
    assert answer == expected
    chain.revert(snapshot)


ANY: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just([]) | st.just({})
)


def _places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    found = [path] if path else []
    for key, value in items:
        found += _places(value, (*path, key))
    return found


@settings(suppress_health_check=SLOW_FIXTURE, deadline=None, max_examples=150)
@given(data=st.data())
def test_any_change_of_a_request_is_refused(committee: Committee, data: st.DataObject) -> None:
    terms = committee.terms()
    action = order() if data.draw(st.booleans()) else typed(
        "usdSend", "time", terms.nonce, destination=STRANGER, amount="1"
    )  # fmt: skip
    signatures = [inner_signature(it, action, terms) for it in committee.signers[:2]]
    body = envelope(committee.signers[0], action, signatures, terms)
    bent = copy.deepcopy(body)
    *way, last = data.draw(st.sampled_from(_places(body)))
    holder: Any = bent
    for step in way:
        holder = holder[step]
    value = holder[last]
    others = ANY
    if isinstance(value, str):
        others |= st.just(value + "0") | st.just(value[:-1]) | st.just(value.upper())
    elif isinstance(value, int):
        others |= st.just(value + 1) | st.just(value - 1) | st.just(-value)
    holder[last] = data.draw(others)
    head = committee.owner.dex.chain.head
    try:
        answer = committee.owner.send(bent)
    except MalformedRequest:
        assert committee.owner.dex.chain.head == head
        return
    if answer["status"] == "ok":
        # What says the same is the same: letters of a number or an address, a null that is absent.
        assert holder[last] in (None, value) or str(holder[last]).lower() == str(value).lower()
    else:
        assert committee.owner.dex.chain.head == head, "no block was made of it"
    assert committee.owner.dex.self_check() == []


def test_signers_of_nothing_known_leave_no_trace(committee: Committee) -> None:
    body = committee.owner.body(NOOP)
    payload = {"multiSigUser": committee.owner.address,
               "outerSigner": committee.signers[0].address, "action": NOOP}  # fmt: skip
    body["action"] = {
        "type": "multiSig",
        "signatureChainId": "0x1",
        "signatures": [],
        "payload": payload,
    }
    assert committee.owner.send(body)["response"] == OUTER
    body["signature"] = sign_l1(committee.owner.key, body["action"], body["nonce"])
    assert committee.owner.send(body)["response"] == OUTER
    body["action"]["signatures"] = [{"r": "0x1", "s": "0x1", "v": 27}] * 101
    with pytest.raises(MalformedRequest):
        committee.owner.send(body)
