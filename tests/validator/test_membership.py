"""Validators vote on who is one: the contract, what the engine is told of it, and four live."""

from __future__ import annotations

import json
import random
from functools import partial
from pathlib import Path

import pytest

from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import Interface
from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.chain.validator_set import VALIDATOR_SET, members_of
from evm_dex.errors import GenesisError
from evm_dex.validator.engine_client import ask_engine
from evm_dex.validator.genesis_document import checked, new_document
from evm_dex.validator.home import homes_in
from evm_dex.validator.voting import member_of
from tests.validator import show
from tests.validator.network import evm_dex, network, wait_for
from tests.validator.orders import transaction
from tests.validator.served import BEGAN, ServedApplication, document, founder, served

SET = Interface(load_artifact("ValidatorSet")["abi"])
FOUNDERS = [founder(f"v{at}", default_accounts()[at].address) for at in range(4)]
Votes = dict[tuple[bytes, bytes], set[bytes]]


def key_of(name: str) -> bytes:
    return name.encode().ljust(32)


def vote(voter: int, nonce: int, key: bytes, account: bytes | None = None, wei: int = 0) -> bytes:
    """A vote to add, or without an account to remove."""
    name, args = ("remove", (key,)) if account is None else ("add", (key, account))
    data = SET.encode_call(SET.function(name, len(args)), args)
    return transaction(voter, nonce, VALIDATOR_SET, data, gas=1_000_000, value=wei).raw


def updates(app: ServedApplication) -> dict[bytes, int]:
    found = [(each.pub_key.ed25519, each.power) for each in app.engine.last.validator_updates]
    assert found == sorted(set(found))
    return dict(found)


def succeeded(app: ServedApplication) -> list[bool]:
    receipts = app.chain.blocks.receipts(app.chain.head.hash)
    return [receipt.succeeded for receipt in receipts]


def test_more_than_two_thirds_add_one_and_remove_one(tmp_path: Path) -> None:
    fifth, account = key_of("fifth"), default_accounts()[5].address
    with served(tmp_path, document(founders=FOUNDERS)) as app:
        app.engine.block([vote(0, 0, fifth, account), vote(1, 0, fifth, account, wei=7)])
        assert updates(app) == {}
        before = app.alone(lambda: app.chain.state.get_balance(account))
        app.engine.block([vote(5, 0, fifth, account), vote(2, 0, fifth, account, wei=5)])
        assert succeeded(app) == [False, True], "who is none has no vote"
        assert updates(app) == {fifth: 1}
        assert app.alone(lambda: app.chain.state.get_balance(account)) < before + 5, "gas"

        gone = key_of("v3")
        app.engine.block([vote(at, 1, gone) for at in (0, 1, 5)])
        assert updates(app) == {}, "three of five are not more than two thirds"
        app.engine.block([vote(2, 1, gone)])
        assert updates(app) == {gone: 0}
        members = app.alone(lambda: members_of(app.chain.state))
        assert {each.key for each in members} == {fifth, *(key_of(f"v{at}") for at in range(3))}
        app.engine.block([])
        assert updates(app) == {}


def test_one_that_was_added_and_removed_in_one_block_is_not_told(tmp_path: Path) -> None:
    """An engine halts where it is to remove a validator that it does not know."""
    key, account = key_of("brief"), default_accounts()[5].address
    with served(tmp_path, document(founders=FOUNDERS)) as app:
        joins = [vote(at, 0, key, account) for at in range(3)]
        leaves = [vote(at, 1, key) for at in range(3)] + [vote(3, 0, key)]
        app.engine.block([*joins, *leaves])
        assert all(succeeded(app))
        assert updates(app) == {}


def test_random_votes_agree_with_a_model_and_survive_a_restart(tmp_path: Path) -> None:
    """What the engine was told makes up the same set as the model and the chain's state."""
    chance = random.Random(5)
    genesis = document(founders=FOUNDERS)
    model: dict[bytes, bytes] = {key_of(each.key.name): each.account for each in FOUNDERS}
    told = dict.fromkeys(model, 1)
    votes: Votes = {}
    nonces = [0] * 8
    changes = 0
    for _ in range(4):
        with served(tmp_path, genesis) as app:
            for _ in range(20):
                raws, expected = [], []
                subject = chance.randrange(6)
                for voter in chance.choices(range(6), k=chance.randrange(1, 8)):
                    key, account = key_of(f"v{subject}"), default_accounts()[subject].address
                    adds = key not in model if chance.random() < 0.9 else chance.random() < 0.5
                    raws.append(vote(voter, nonces[voter], key, account if adds else None))
                    nonces[voter] += 1
                    is_taken, is_change = cast(
                        model,
                        votes,
                        default_accounts()[voter].address,
                        key,
                        account if adds else b"",
                    )
                    expected.append(is_taken)
                    changes += is_change
                app.engine.block(raws)
                assert succeeded(app) == expected
                for changed, power in updates(app).items():
                    assert (changed in told) == (power == 0)
                    told.pop(changed) if power == 0 else told.update({changed: 1})
                assert told.keys() == model.keys()
                found = app.alone(lambda: members_of(app.chain.state))
                assert {each.key: each.account for each in found} == model
    assert changes > 10


def cast(
    model: dict[bytes, bytes], votes: Votes, voter: bytes, key: bytes, account: bytes
) -> tuple[bool, bool]:
    """Take a vote into the model; whether it counts, and whether it decides."""
    if account and (key in model or account in model.values()):
        return False, False
    if not account and (key not in model or len(model) == 1):
        return False, False
    agreed = votes.setdefault((key, account), set())
    if voter not in model.values() or voter in agreed:
        return False, False
    agreed.add(voter)
    if 3 * len(agreed) <= 2 * len(model):
        return True, False
    if account:
        model[key] = account
    else:
        del model[key]
    votes.clear()
    return True, True


def test_a_genesis_names_the_same_validators_to_engine_and_chain() -> None:
    made = new_document(document().chain, FOUNDERS, BEGAN, 0)
    checked(made, "genesis.json")
    made["validators"].reverse()
    with pytest.raises(GenesisError, match="was changed"):
        checked(made, "genesis.json")
    twice = [FOUNDERS[0], founder("other", FOUNDERS[0].account)]
    with pytest.raises(GenesisError, match="another one's"):
        new_document(document().chain, twice, BEGAN, 0)


@pytest.mark.slow
@pytest.mark.xdist_group("validators")
def test_a_fifth_gets_a_vote_and_one_lost_for_ever_is_removed(tmp_path: Path) -> None:
    with network(tmp_path / "net", "--checkpoint-interval", 3) as net:
        first, _, _, lost = net.homes
        net.wait_for_height(4)
        told = json.loads(evm_dex("validator", "status", net.path, "--json").stdout)
        asked = ("--trust", told[0]["trusted"], "--from", told[0]["engine_url"])
        where = ("--port", net.first_port + 5, "--peer-port", net.first_port + 60)
        path = tmp_path / "fifth"
        joined = evm_dex("validator", "join", path, *asked, *where)
        assert joined.returncode == 0, joined.stderr
        (fifth,) = homes_in([path])
        net.start(fifth)
        wait_for(lambda: net.height(fifth) >= net.height(first), "catching up")

        candidate = next(word for word in joined.stdout.split() if ":0x" in word)
        added = evm_dex("validator", "add", candidate, net.path)
        assert "vote 3: ✓ it is a validator" in " ".join(added.stdout.split()), added.stderr
        refused = evm_dex("validator", "add", candidate, net.path)
        assert refused.returncode == 1
        assert "AlreadyThere" in refused.stderr
        wait_for(partial(votes_of, fifth.engine_url()), "its vote")
        url = first.engine_url()
        wait_for(lambda: signers(url) == 5, "a block that all five signed")

        key = member_of(lost).key.hex()
        net.stop(first)  # and all that were started with it
        net.start(*net.homes[:3])
        net.wait_for_height(net.height(fifth) + 1, net.homes[:3])
        removed = evm_dex("validator", "remove", key, *(home.path for home in net.homes[:3]), path)
        assert "vote 4: ✓ it is no validator any more" in " ".join(removed.stdout.split())
        listed = json.loads(evm_dex("validator", "members", path, "--json").stdout)
        assert [row["key"] for row in listed].count(key) == 0
        assert len(listed) == 4
        wait_for(lambda: validators_at(url) == 4, "the engine's own list")
        net.kill(net.homes[2], "application", "engine")
        sent = show.trade(net, first, 0, count=3)
        net.wait_for_receipts(fifth, sent)
        net.start(lost)
        last = net.height(first)
        net.wait_for_height(last, [*net.homes, fifth])
        assert not votes_of(lost.engine_url()), "it follows, without a vote"
        begins = net.height(fifth) - 3
        net.check_equal([*net.homes, fifth], begins)
        net.check_equal()


def votes_of(url: str) -> bool:
    return int(ask_engine(url, "status")["validator_info"]["voting_power"]) > 0


def signers(url: str) -> int:
    """Validators that signed the block before the last."""
    signatures = ask_engine(url, "block")["block"]["last_commit"]["signatures"]
    return sum(each["block_id_flag"] == 2 for each in signatures)


def validators_at(url: str) -> int:
    return int(ask_engine(url, "validators")["total"])
