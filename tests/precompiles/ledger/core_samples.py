"""Stored rows of HyperCore's tables, version 1."""

from __future__ import annotations

from precompiles.ledger.hyper.deploy_records import (
    DexDeployment,
    DexMarginTable,
    Frozen,
    GenesisBalance,
    GenesisExcluded,
    Hyperliquidity,
    TokenDeployment,
    ValidatorProfile,
)
from precompiles.ledger.hyper.records import (
    AccountMode,
    ApiWallet,
    BuilderFee,
    CoreDex,
    CorePair,
    CorePerp,
    CoreProgress,
    CoreRules,
    CoreSettings,
    CoreToken,
    CoreUser,
    DelayedAction,
    DelegatedTotal,
    Delegation,
    Delisted,
    DexAccount,
    DexFund,
    EntryNotional,
    LastPrice,
    MarketBase,
    Outgoing,
    OutgoingCall,
    Stake,
    TradingVolume,
    Unstaking,
    Validator,
    Vault,
    VaultShare,
)
from precompiles.ledger.hyper.signed_records import (
    Bracket,
    BuilderRewards,
    MultiSigSigners,
    OrderBuilder,
    ScheduledCancel,
    SignerNonces,
    SubAccount,
    TriggerGroup,
    Twap,
)
from precompiles.ledger.record import Record
from precompiles.types import Address

A, B = Address(b"\x0a" * 20), Address(b"\x0b" * 20)

CORE_SAMPLES: list[tuple[Record, str]] = [
    (
        CoreSettings(3, 1_176_514_427, 1_700_000_000, 150),
        ("019403ce46202f7bce6553f100cc96"),
    ),
    (
        CoreToken(150, "HYPE", 2, 8, -2, A, B, 1_000, 10**17),
        (
            "0199cc96a4485950450208fec4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac4140b0b0b0b"
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0bcd03e8c408016345785d8a0000"
        ),
    ),
    (
        CorePair(107, "@107", 150, 0, True),
        ("01956ba440313037cc9600c3"),
    ),
    (
        LastPrice(2**70),
        ("0191c409400000000000000000"),
    ),
    (
        CorePerp(10_000, "dex:BTC", 5, 56, True, False),
        ("0196cd2710a76465783a4254430538c3c2"),
    ),
    (
        CoreUser(True, False),
        ("0192c3c2"),
    ),
    (
        DelayedAction(7, A, bytes(4), b"\x01" * 32),
        (
            "019407c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac40400000000c42001010101010101"
            "01010101010101010101010101010101010101010101010101"
        ),
    ),
    (
        Outgoing(150, A, 2**70),
        ("0193cc96c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac409400000000000000000"),
    ),
    (
        Vault("HLP", A, 2**70, 345_600),
        (
            "0194a3484c50c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac409400000000000000000ce"
            "00054600"
        ),
    ),
    (
        VaultShare(2**70, 1_700_000_000),
        ("0192c409400000000000000000ce6553f100"),
    ),
    (
        Validator("one"),
        ("0191a36f6e65"),
    ),
    (
        Stake(2**70),
        ("0191c409400000000000000000"),
    ),
    (
        Delegation(2**70, 1_700_000_000),
        ("0192c409400000000000000000ce6553f100"),
    ),
    (
        Unstaking(A, 2**70),
        ("0192c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac409400000000000000000"),
    ),
    (
        ApiWallet(b"bot"),
        ("0191c403626f74"),
    ),
    (
        BuilderFee(100),
        ("019164"),
    ),
    (
        CoreDex(1, "xyz", 268, 2**70),
        ("019401a378797acd010cc409400000000000000000"),
    ),
    (
        DexAccount(1, A),
        ("019201c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"),
    ),
    (
        DexFund(A, 2**70, 3),
        ("0193c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac409400000000000000000c40103"),
    ),
    (
        AccountMode(True),
        ("0191c3"),
    ),
    (
        CoreRules(20, True, 237, 3_000_000),
        ("019414c3ccedce002dc6c0"),
    ),
    (
        TradingVolume(((b"\x01\x02", 19_000), (b"\x07", 19_001))),
        ("01919292c4020102cd4a3892c40107cd4a39"),
    ),
    (
        EntryNotional(2**70),
        ("0191c409400000000000000000"),
    ),
    (
        CoreProgress(19_000),
        ("0191cd4a38"),
    ),
    (
        DelegatedTotal(2**70),
        ("0191c409400000000000000000"),
    ),
    (
        Delisted(1_700_000_000),
        ("0191ce6553f100"),
    ),
    (
        MarketBase(A),
        ("0191c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"),
    ),
    (
        MultiSigSigners((A, B), 2),
        (
            "019292c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac4140b0b0b0b0b0b0b0b0b0b0b0b0b"
            "0b0b0b0b0b0b0b02"
        ),
    ),
    (
        OutgoingCall(b"\x01" * 32, 6, 200_000, 1_800_000_000_000, b"\x07"),
        (
            "0195c420010101010101010101010101010101010101010101010101010101010101010106ce0003"
            "0d40cf000001a3185c5000c40107"
        ),
    ),
    (
        TokenDeployment("New coin", 2**70, is_begun=True, is_spread=True),
        ("0196a84e657720636f696ec409400000000000000000c3c2c2c3"),
    ),
    (
        GenesisBalance(2**70),
        ("0191c409400000000000000000"),
    ),
    (
        GenesisExcluded(is_excluded=True),
        ("0191c3"),
    ),
    (
        Frozen(1_700_000_000),
        ("0191ce6553f100"),
    ),
    (
        Hyperliquidity(2**70, 10**10, 100, 1_700_000_000, 2**70, 5),
        ("0196c409400000000000000000c40502540be40064ce6553f100c409400000000000000000c40105"),
    ),
    (
        DexDeployment(A, B, "My dex", 1_700_000_000, (("setOracle", A),)),
        (
            "0195c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac4140b0b0b0b0b0b0b0b0b0b0b0b0b0b"
            "0b0b0b0b0b0ba64d7920646578ce6553f1009192a97365744f7261636c65c4140a0a0a0a0a0a0a0a"
            "0a0a0a0a0a0a0a0a0a0a0a0a"
        ),
    ),
    (
        DexMarginTable("mine", ((b"", 20), (b"\x07", 5))),
        ("0192a46d696e659292c4001492c4010705"),
    ),
    (
        ValidatorProfile("1.2.3.4", "text", 5, A, takes_delegations=True, is_jailed=False),
        ("0196a7312e322e332e34a47465787405c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac3c2"),
    ),
    (
        SignerNonces((1_700_000_000_000).to_bytes(8, "big")),
        ("0191c4080000018bcfe56800"),
    ),
    (
        SubAccount("one"),
        ("0191a36f6e65"),
    ),
    (
        ScheduledCancel(1_700_000_000),
        ("0191ce6553f100"),
    ),
    (
        OrderBuilder(A, 10),
        ("0192c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"),
    ),
    (
        BuilderRewards(2**70),
        ("0191c409400000000000000000"),
    ),
    (
        Bracket(A, b"\x90"),
        ("0192c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac40190"),
    ),
    (
        TriggerGroup((1, 2), A, B),
        (
            "0193920102c4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0ac4140b0b0b0b0b0b0b0b0b0b0b"
            "0b0b0b0b0b0b0b0b0b"
        ),
    ),
    (
        Twap(A, 1, True, False, 2**70, 30, 1_700_000_000, 5, 4, 2**70),
        (
            "019ac4140a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a01c3c2c4094000000000000000001ece"
            "6553f100c40105c40104c409400000000000000000"
        ),
    ),
]
