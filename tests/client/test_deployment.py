"""Contracts are linked to their libraries, and put at addresses that are known beforehand."""

from __future__ import annotations

from typing import Any

import pytest
from eth_hash.auto import keccak

import evm_dex
from evm_dex import ChainError, Dex
from evm_dex.abi.artifact import ArtifactError, load_artifact
from evm_dex.client.deployment import create2_address, creation_code

FILE = "src/Answers.sol"
ANSWER = bytes.fromhex("602a5f5260205ff3")
"""Returns 42."""
HOLDER = "__$" + keccak(f"{FILE}:Answers".encode()).hex()[:34] + "$__"
# Calls the library with DELEGATECALL and returns the word that it gives.
CALLER = f"60205f5f5f73{HOLDER}5af45060205ff3"


def creating(runtime: str) -> str:
    """Creation code of 11 bytes that returns what follows it."""
    size = len(runtime.replace(HOLDER, "00" * 20)) // 2
    return f"60{size:02x}80600b5f395ff300{'00'}{runtime}"


ABI = [
    {
        "type": "function",
        "name": "ask",
        "stateMutability": "view",
        "inputs": [],
        "outputs": [{"name": "", "type": "uint256"}],
    }
]
REFERENCES = {FILE: {"Answers": [{"start": 16, "length": 20}]}}
FORMS: dict[str, dict[str, Any]] = {
    "Hardhat": {"bytecode": "0x" + creating(CALLER), "linkReferences": REFERENCES},
    "Foundry": {"bytecode": {"object": "0x" + creating(CALLER), "linkReferences": REFERENCES}},
    "solc": {"evm": {"bytecode": {"object": creating(CALLER), "linkReferences": REFERENCES}}},
}


@pytest.fixture
def answers(dex: Dex) -> str:
    made = dex.deploy({"abi": [], "bytecode": creating(ANSWER.hex())})
    return made.address


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["Answers", f"{FILE}:Answers"])
def test_a_library_is_linked(dex: Dex, answers: str, form: str, name: str) -> None:
    artifact = {"contractName": "Caller", "abi": ABI, **FORMS[form]}
    assert dex.deploy(artifact, libraries={name: answers}).call("ask") == 42


def test_one_that_is_missing_or_unknown_is_named(dex: Dex, answers: str) -> None:
    artifact = {"contractName": "Caller", "abi": ABI, **FORMS["Foundry"]}
    with pytest.raises(ArtifactError, match=f"Caller calls {FILE}:Answers: deploy that, and give"):
        dex.deploy(artifact)
    with pytest.raises(ArtifactError, match="calls no library 'Math'; it calls Answers"):
        dex.deploy(artifact, libraries={"Math": answers})
    with pytest.raises(ArtifactError, match="TestToken calls no library 'Math'; it calls none"):
        dex.deploy("TestToken", "Gold", "AU", 3, libraries={"Math": answers})


@pytest.mark.parametrize("salt", [7, keccak(b"a salt")])
def test_a_salted_contract_is_where_everybody_can_tell(dex: Dex, salt: int | bytes) -> None:
    code = creation_code("TestToken", ("Gold", "AU", 3))
    token = dex.deploy("TestToken", "Gold", "AU", 3, salt=salt, sender=dex.accounts[3])
    assert token.raw_address == create2_address(code, salt)
    assert (token.name, token.call("symbol")) == ("TestToken", "AU")
    with pytest.raises(ChainError, match="has a contract already: choose another salt"):
        dex.deploy("TestToken", "Gold", "AU", 3, salt=salt)
    assert dex.deploy("TestToken", "Gold", "AU", 3, salt=8).raw_address != token.raw_address


def test_a_salted_constructor_that_fails_tells_why(dex: Dex) -> None:
    refusing = {"abi": [], "bytecode": "0x60015f5260205ffd"}
    with pytest.raises(ChainError, match="reverted"):
        dex.deploy(refusing, salt=1)


def test_a_salt_is_a_word_and_its_deployer_must_be_there(dex: Dex) -> None:
    for salt in (-1, 2**256, b"short"):
        with pytest.raises(ValueError, match="salt must be a number below 2"):
            dex.deploy("TestToken", "Gold", "AU", 3, salt=salt)
    with evm_dex.open(genesis={}) as bare, pytest.raises(ChainError, match="no CREATE2 deployer"):
        bare.deploy(load_artifact("TestToken"), "Gold", "AU", 3, salt=1)
