"""Creating contracts from artifacts: linked to libraries, at addresses known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak

from evm_dex.abi.artifact import Artifact, code_of, load_artifact
from evm_dex.abi.contract_interface import Interface
from evm_dex.blocks.addresses import AddressLike, checksum, to_address
from evm_dex.chain.genesis.known_contracts import KNOWN_CONTRACTS
from evm_dex.client.contract import Client, Contract
from evm_dex.errors import ChainError, TransactionFailed
from evm_dex.sources.known_code import KNOWN_CODE
from precompiles.types import ZERO_ADDRESS, Address

CREATE2_DEPLOYER = KNOWN_CONTRACTS["create2_deployer"]


def deploy(
    client: Client,
    artifact: Artifact,
    args: Sequence[Any] = (),
    libraries: Mapping[str, AddressLike] | None = None,
    salt: int | bytes | None = None,
    **options: Any,
) -> AddressLike:
    """Create a contract; its address. `options` are those of `Dex.send`.

    `libraries` are addresses by the library's name or "File.sol:Name". With a `salt`, a number or
    32 bytes, the CREATE2 deployer makes it, at the same address on every chain that has that.
    Raises ArtifactError, Reverted when the constructor fails, ChainError where there is no
    deployer or where a contract is already.
    """
    KNOWN_CODE.add(artifact)
    code = creation_code(artifact, args, libraries)
    if salt is not None:
        return _deploy_salted(client, code, artifact["abi"], salt, options)
    constructor = Contract(client, ZERO_ADDRESS, artifact["abi"])

    def send() -> AddressLike:
        receipt = client.send(data=code, **options)
        if receipt.contract_address is None:  # one that is sent with `gas` may fail in its block
            raise TransactionFailed(receipt)
        return receipt.contract_address

    return constructor.explaining(send, to=None, data=code, **_told(options))


def _told(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a transaction that a call has as well."""
    return {"value": options.get("value") or 0, "sender": options.get("sender")}


def creation_code(
    artifact: str | Path | Artifact,
    args: Sequence[Any] = (),
    libraries: Mapping[str, AddressLike] | None = None,
) -> bytes:
    """Return the code that creates a contract, constructor's arguments included."""
    loaded = load_artifact(artifact)
    linked = {name: to_address(address) for name, address in (libraries or {}).items()}
    code = code_of(loaded, libraries=linked)
    return code + Interface(loaded["abi"]).encode_constructor(args)


def create2_address(code: bytes, salt: int | bytes) -> Address:
    """Return where the CREATE2 deployer puts what `code` creates (EIP-1014)."""
    return Address(keccak(b"\xff" + CREATE2_DEPLOYER + _word(salt) + keccak(code))[12:])


def _deploy_salted(
    client: Client, code: bytes, abi: Any, salt: int | bytes, options: dict[str, Any]
) -> Address:
    if not client.code(CREATE2_DEPLOYER):
        raise ChainError(
            'this chain has no CREATE2 deployer: give its genesis contracts = ["create2_deployer"]'
        )
    address = create2_address(code, salt)
    if client.code(address):
        raise ChainError(f"{checksum(address)} has a contract already: choose another salt")
    # The deployer tells no reason; the same creation by a call does.
    told: dict[str, Any] = {
        "data": code,
        "sender": CREATE2_DEPLOYER,
        "value": options.get("value") or 0,
    }
    constructor = Contract(client, ZERO_ADDRESS, abi)
    constructor.explaining(lambda: client.call(**told), to=None, **told)
    client.send(to=CREATE2_DEPLOYER, data=_word(salt) + code, **options)
    if not client.code(address):
        raise ChainError("the constructor failed in the CREATE2 deployer")
    return address


def _word(salt: int | bytes) -> bytes:
    """Raise ValueError for a salt that is none of 32 bytes."""
    word = salt.to_bytes(32, "big") if isinstance(salt, int) and 0 <= salt < 2**256 else salt
    if not isinstance(word, bytes) or len(word) != 32:
        raise ValueError(f"salt must be a number below 2^256 or 32 bytes, got {salt!r}")
    return word
