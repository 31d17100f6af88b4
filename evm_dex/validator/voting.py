"""Votes of validators on who is one of them, in the contract that keeps the list."""

from __future__ import annotations

import base64
import re
import time
from functools import cache
from typing import Any

import msgspec

from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import Interface, decode_outputs
from evm_dex.blocks.addresses import to_address
from evm_dex.blocks.receipt import Log
from evm_dex.blocks.transaction import sign
from evm_dex.chain.validator_set import KEY_BYTES, VALIDATOR_SET, Member
from evm_dex.errors import NodeRefused, VoteRefused
from evm_dex.validator.engine import read_keys
from evm_dex.validator.home import Home
from evm_dex.validator.json_rpc import ask_node
from precompiles.types import Address

_SECONDS_FOR_A_BLOCK = 60.0
_SECONDS_BETWEEN_LOOKS = 0.2
_GIFT = 10**18
"""Wei that each vote for a new validator brings its account, which has none for gas."""
_CANDIDATE = re.compile(r"([0-9a-fA-F]{64}):0x([0-9a-fA-F]{40})")
_DYNAMIC_FEE = 2


class Ballot(msgspec.Struct, frozen=True):
    """The votes on one change, after one more."""

    voter: str
    """Name of the validator that voted."""
    votes: int
    is_decided: bool


def candidate_text(member: Member) -> str:
    """Return a validator as `read_candidate` takes it: KEY:ACCOUNT."""
    return f"{member.key.hex()}:0x{member.account.hex()}"


def member_of(home: Home) -> Member:
    """Return the keys of a validator's directory. Raises EngineMissing, NotAValidator."""
    key = read_keys(home.path, home.path.name).validator.public_key
    return Member(base64.b64decode(key), home.account().address)


def read_candidate(text: str) -> Member:
    """Return a validator from KEY:ACCOUNT. Raises ValueError."""
    found = _CANDIDATE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"a candidate must be KEY:ACCOUNT as `evm-dex validator join` tells it, 64 hex digits "
            f"and an address, got {text!r}"
        )
    return Member(bytes.fromhex(found[1]), Address(bytes.fromhex(found[2])))


def read_key(text: str) -> bytes:
    """Return a validator's key from its hex, or from KEY:ACCOUNT. Raises ValueError."""
    key = text.partition(":")[0]
    if not re.fullmatch(f"[0-9a-fA-F]{{{2 * KEY_BYTES}}}", key):
        raise ValueError(
            f"a key must be {2 * KEY_BYTES} hex digits, as `evm-dex validator members` tells it, "
            f"got {text!r}"
        )
    return bytes.fromhex(key)


def listed_members(home: Home) -> tuple[Member, ...]:
    """Return the validators as of the head of a validator's chain.

    Raises NodeUnreachable, and VoteRefused on a chain whose validators are fixed.
    """
    interface = _interface()
    entry = interface.function("validators", 0)
    call = {"to": _hex(VALIDATOR_SET), "data": _hex(interface.encode_call(entry, ()))}
    output = bytes.fromhex(ask_node(home.url(), "eth_call", call, "latest")[2:])
    if not output:
        raise VoteRefused(
            "the validators of this chain are fixed: its genesis is from before they could vote"
        )
    return tuple(Member(key, to_address(account)) for key, account in decode_outputs(entry, output))


def vote_to_add(home: Home, member: Member) -> Ballot:
    """Let a validator vote that another be one. Raises what `_vote` raises."""
    return _vote(home, "add", member.key, member.account, wei=_GIFT)


def vote_to_remove(home: Home, key: bytes) -> Ballot:
    """Let a validator vote that one be one no more. Raises what `_vote` raises."""
    return _vote(home, "remove", key)


def _vote(home: Home, name: str, key: bytes, *account: Address, wei: int = 0) -> Ballot:
    """Send a vote and wait until it is in a block.

    Raises NotAValidator, NodeUnreachable, and VoteRefused with the contract's reason.
    """
    listed_members(home)
    interface, keyed, url = _interface(), home.account(), home.url()
    data = interface.encode_call(interface.function(name, 1 + len(account)), (key, *account))
    call = {
        "from": _hex(keyed.address),
        "to": _hex(VALIDATOR_SET),
        "data": _hex(data),
        "value": hex(wei),
    }
    try:
        gas = int(ask_node(url, "eth_estimateGas", call), 16)
        base_fee = int(ask_node(url, "eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)
        nonce = int(ask_node(url, "eth_getTransactionCount", _hex(keyed.address), "pending"), 16)
        fields = {
            "chain_id": int(home.genesis().chain["chain_id"]),
            "nonce": nonce,
            "gas": gas + gas // 4,  # others may vote before it
            "to": VALIDATOR_SET,
            "value": wei,
            "data": data,
            "max_fee_per_gas": 4 * base_fee,
            "max_priority_fee_per_gas": 0,
            "access_list": (),
        }
        sent = sign(keyed.signer, _DYNAMIC_FEE, fields).raw
        transaction = ask_node(url, "eth_sendRawTransaction", _hex(sent))
    except NodeRefused as error:
        raise VoteRefused(f"{home.path.name} can't vote so: {_words(error)}") from error
    receipt = _wait_for_receipt(url, transaction)
    if receipt["status"] != "0x1":
        raise VoteRefused(f"the vote of {home.path.name} failed in its block: {transaction}")
    events = [interface.decode_event(_log(log)) for log in receipt["logs"]]
    made = {event.name: event.args for event in events if event is not None}
    return Ballot(home.path.name, made["Voted"]["votes"], "Changed" in made)


def _wait_for_receipt(url: str, transaction: str) -> dict[str, Any]:
    deadline = time.monotonic() + _SECONDS_FOR_A_BLOCK
    while time.monotonic() < deadline:
        receipt: dict[str, Any] | None = ask_node(url, "eth_getTransactionReceipt", transaction)
        if receipt is not None:
            return receipt
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    raise VoteRefused(
        f"the vote waits for a block since {_SECONDS_FOR_A_BLOCK:.0f} s: are more than two thirds "
        "of the validators running? It counts once there is one"
    )


def _log(told: dict[str, Any]) -> Log:
    """Return a log of a receipt in JSON."""
    topics = tuple(bytes.fromhex(topic[2:]) for topic in told["topics"])
    return Log(to_address(told["address"]), topics, bytes.fromhex(told["data"][2:]))


def _words(error: NodeRefused) -> str:
    found = None
    if isinstance(error.data, str):
        found = _interface().decode_error(bytes.fromhex(error.data.removeprefix("0x")))
    return str(error) if found is None else str(found)


@cache
def _interface() -> Interface:
    return Interface(load_artifact("ValidatorSet")["abi"])


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
