"""Several signers of one account, who sign by the official SDK's own functions."""

from __future__ import annotations

from typing import Any, NamedTuple

from eth_account import Account

from evm_dex.blocks.dev_accounts import MNEMONIC, derive_accounts
from tests.hyperliquid.trader import Json, Trader

KEYS = derive_accounts(MNEMONIC, 10)
TYPES = {
    "usdSend": ("UsdSend", "USD_SEND_SIGN_TYPES"),
    "userSetAbstraction": ("UserSetAbstraction", "USER_SET_ABSTRACTION_SIGN_TYPES"),
    "sendAsset": ("SendAsset", "SEND_ASSET_SIGN_TYPES"),
    "convertToMultiSigUser": (
        "ConvertToMultiSigUser",
        "CONVERT_TO_MULTI_SIG_USER_SIGN_TYPES",
    ),
}
CDEPOSIT_SIGN_TYPES = [
    {"name": "hyperliquidChain", "type": "string"},
    {"name": "wei", "type": "uint64"},
    {"name": "nonce", "type": "uint64"},
]


def wallet(number: int) -> Any:
    """A wallet of one of the accounts with funds."""
    return Account.from_key(KEYS[number].key)


def typed(kind: str, time: str, nonce: int, **fields: Any) -> Json:
    """An action signed as typed data, as the SDK's examples begin it."""
    chains = {"signatureChainId": "0x66eee", "hyperliquidChain": "Testnet"}
    return {"type": kind, **chains, **fields, time: nonce}


class Terms(NamedTuple):
    """What all signers must agree on."""

    user: str
    leader: str
    nonce: int
    vault: str | None = None
    expires: int | None = None
    is_mainnet: bool = False


def inner_signature(signer: Any, action: Json, terms: Terms) -> Any:
    """One signer's signature of an action."""
    from hyperliquid.utils import signing  # noqa: PLC0415 - fetched by .ci/bots

    if "signatureChainId" not in action:
        return signing.sign_multi_sig_l1_action_payload(
            signer,
            action,
            terms.is_mainnet,
            terms.vault,
            terms.nonce,
            terms.expires,
            terms.user,
            terms.leader,
        )
    if action["type"] == "cDeposit":
        name, types = "CDeposit", CDEPOSIT_SIGN_TYPES
    else:
        name, constant = TYPES[action["type"]]
        types = getattr(signing, constant)
    return signing.sign_multi_sig_user_signed_action_payload(
        signer,
        action,
        terms.is_mainnet,
        types,
        f"HyperliquidTransaction:{name}",
        terms.user,
        terms.leader,
    )


def envelope(leader: Any, action: Json, signatures: list[Json], terms: Terms) -> Json:
    """The request of an action with its signatures, signed by who sends it."""
    from hyperliquid.utils import signing  # noqa: PLC0415 - fetched by .ci/bots

    multi = {
        "type": "multiSig",
        "signatureChainId": "0x66eee",
        "signatures": signatures,
        "payload": {
            "multiSigUser": terms.user.lower(),
            "outerSigner": terms.leader.lower(),
            "action": action,
        },
    }
    signature = signing.sign_multi_sig_action(
        leader, multi, terms.is_mainnet, terms.vault, terms.nonce, terms.expires
    )
    return {
        "action": multi,
        "nonce": terms.nonce,
        "signature": signature,
        "vaultAddress": terms.vault,
        "expiresAfter": terms.expires,
    }


class Committee:
    """An account that wallets 1 to 3 sign for, two of them at least."""

    def __init__(self, owner: Trader, signers: tuple[int, ...] = (1, 2, 3), most: int = 2) -> None:
        self.owner = owner
        self.signers = [wallet(number) for number in signers]
        self.convert([it.address for it in self.signers], most)

    def convert(self, users: list[str], threshold: int) -> Any:
        """What came of converting the account by its own key."""
        from hyperliquid.utils import signing  # noqa: PLC0415 - fetched by .ci/bots

        self.owner.now += 1
        text = signers_text(users, threshold)
        action = {
            "type": "convertToMultiSigUser",
            "signers": text,
            "nonce": self.owner.now,
        }
        key = Account.from_key(self.owner.key)
        signature = signing.sign_convert_to_multi_sig_user_action(key, action, False)
        return self.owner.send({"action": action, "nonce": self.owner.now, "signature": signature})[
            "response"
        ]

    def terms(self, leader: Any = None) -> Terms:
        """New terms; the first signer leads, unless another does."""
        self.owner.now += 1
        lead = (leader or self.signers[0]).address
        return Terms(self.owner.address, lead, self.owner.now)

    def do(self, action: Json, terms: Terms | None = None, signers: Any = None) -> Any:
        """What came of an action that two sign, or others."""
        agreed = terms or self.terms()
        signing = self.signers[:2] if signers is None else signers
        signatures = [inner_signature(it, action, agreed) for it in signing]
        leader = next(it for it in self.signers if it.address == agreed.leader)
        return self.owner.send(envelope(leader, action, signatures, agreed))["response"]


def signers_text(users: list[str], threshold: int) -> str:
    """The `signers` of a conversion."""
    quoted = ",".join(f'"{user}"' for user in users)
    return f'{{"authorizedUsers":[{quoted}],"threshold":{threshold}}}'
