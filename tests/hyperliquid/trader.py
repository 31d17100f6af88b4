"""A user who signs actions by eth_account, apart from the code under test."""

from __future__ import annotations

from typing import Any

import msgspec
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

from evm_dex.blocks.dev_accounts import MNEMONIC, derive_accounts
from evm_dex.client.dex import Dex
from evm_dex.hyperliquid.api import Api
from evm_dex.node.node import Node

Json = dict[str, Any]
ZERO = "0x0000000000000000000000000000000000000000"
KEYS = derive_accounts(MNEMONIC, 4)
DOMAIN_TYPES = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def sign_l1(
    key: bytes, action: Json, nonce: int, vault: str | None = None, expires: int | None = None
) -> Json:
    """Sign an action as Hyperliquid's documentation says, for the test network."""
    hashed = msgspec.msgpack.encode(action) + nonce.to_bytes(8, "big")
    hashed += b"\0" if vault is None else b"\1" + bytes.fromhex(vault[2:])
    hashed += b"" if expires is None else b"\0" + expires.to_bytes(8, "big")
    return _sign(
        key,
        "Exchange",
        1337,
        "Agent",
        [{"name": "source", "type": "string"}, {"name": "connectionId", "type": "bytes32"}],
        {"source": "b", "connectionId": keccak(hashed)},
    )


def sign_typed(key: bytes, name: str, fields: list[tuple[str, str]], action: Json) -> Json:
    """Sign an action field by field."""
    types = [{"name": "hyperliquidChain", "type": "string"}]
    types += [{"name": field, "type": kind} for kind, field in fields]
    message = {it["name"]: action[it["name"]] for it in types}
    chain_id = int(action["signatureChainId"], 16)
    primary = f"HyperliquidTransaction:{name}"
    return _sign(key, "HyperliquidSignTransaction", chain_id, primary, types, message)


def _sign(
    key: bytes, domain: str, chain_id: int, primary: str, types: list[Json], message: Json
) -> Json:
    encoded = encode_typed_data(
        full_message={
            "domain": {
                "name": domain,
                "version": "1",
                "chainId": chain_id,
                "verifyingContract": ZERO,
            },
            "types": {primary: types, "EIP712Domain": DOMAIN_TYPES},
            "primaryType": primary,
            "message": message,
        }
    )
    signed = Account.from_key(key).sign_message(encoded)
    return {"r": hex(signed.r), "s": hex(signed.s), "v": signed.v}


class Trader:
    """One of the accounts with funds, and the chain's API without a network."""

    def __init__(self, dex: Dex, number: int, api: Api | None = None) -> None:
        pair = KEYS[number]
        self.key, self.raw_address = pair.key, pair.address
        self.address = f"0x{pair.address.hex()}"
        self.dex = dex
        self.now = 1_800_000_000_000
        """Milliseconds, and a new nonce with each look."""
        if api is None:
            node = Node(dex.chain, KEYS, dex=dex)
            api = Api(dex.chain, dex.chain.ledger, node.events, lambda: self.now)
        self.api = api

    def body(self, action: Json, *, vault: str | None = None, key: bytes | None = None) -> Json:
        """The request of an L1 action."""
        self.now += 1
        signature = sign_l1(key or self.key, action, self.now, vault)
        return {
            "action": action,
            "nonce": self.now,
            "signature": signature,
            "vaultAddress": vault,
        }

    def send(self, body: Any) -> Json:
        """The answer to a request, which must be there at once."""
        return self.api.submit(body).result(timeout=0)

    def do(self, action: Json, **options: Any) -> Any:
        """What came of an L1 action: its response, or the error's text."""
        answer = self.send(self.body(action, **options))
        return answer["response"]

    def order(self, *wires: Json, grouping: str = "na") -> list[Any]:
        """The statuses of orders."""
        action = {"type": "order", "orders": list(wires), "grouping": grouping}
        statuses: list[Any] = self.do(action)["data"]["statuses"]
        return statuses

    def typed(self, name: str, fields: list[tuple[str, str]], action: Json) -> Any:
        """What came of an action signed field by field."""
        self.now += 1
        time = "time" if ("uint64", "time") in fields else "nonce"
        full = {
            **action,
            "signatureChainId": "0x66eee",
            "hyperliquidChain": "Testnet",
            time: self.now,
        }
        signature = sign_typed(self.key, name, fields, full)
        answer = self.send({"action": full, "nonce": self.now, "signature": signature})
        return answer["response"]

    def ask(self, kind: str, **fields: Any) -> Any:
        """The answer to a request to /info, about this user where it is about one."""
        content = {"type": kind, "user": self.address, **fields}
        return msgspec.json.decode(self.api.answer(content))


def limit(asset: int, side: str, px: str, sz: str, tif: str = "Gtc", **more: Any) -> Json:
    """A limit order as it goes over the wire; side is "buy" or "sell"."""
    wire: Json = {"a": asset, "b": side == "buy", "p": px, "s": sz, "r": more.pop("r", False)}
    return {**wire, "t": {"limit": {"tif": tif}}, **more}


def trigger(asset: int, side: str, at: str, sz: str, tpsl: str, px: str | None = None) -> Json:
    """A reduce-only trigger; at market without a limit price."""
    return {
        "a": asset,
        "b": side == "buy",
        "p": px or at,
        "s": sz,
        "r": True,
        "t": {"trigger": {"isMarket": px is None, "triggerPx": at, "tpsl": tpsl}},
    }
