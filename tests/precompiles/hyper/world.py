"""HyperCore of mainnet's shape on a ledger of its own: three tokens, two pairs, two perpetuals."""

from __future__ import annotations

from msgspec.structs import replace

from precompiles.execution import Execution
from precompiles.hyper import listing
from precompiles.hyper.system_addresses import perp_address
from precompiles.ledger.hyper.records import CorePair, CorePerp, CoreSettings, CoreToken
from precompiles.ledger.ledger import Ledger
from precompiles.ledger.recovery import open_ledger
from precompiles.types import ZERO_ADDRESS, Address
from tests.precompiles.dict_storage import DictStorage

OWNER, ALICE, BOB = (Address(bytes([n]) * 20) for n in range(1, 4))
NOW = 1_700_000_000
SETTINGS = CoreSettings(order_delay=3, l1_block=1_176_514_427, l1_time=NOW, hype=150)
WALLET = Address(bytes.fromhex("6B9E773128f453f5c2C60935Ee2DE2CBc5390A24"))
USDC, PURR, HYPE = 0, 1, 150
BTC, HYPE_PERP = 0, 159
TOKENS = (
    CoreToken(USDC, "USDC", 8, 8, -2, WALLET, ZERO_ADDRESS, 0, 2**64 - 1),
    CoreToken(PURR, "PURR", 0, 5, 13, Address(b"\x9b" * 20), ZERO_ADDRESS, 0, 10**14),
    CoreToken(HYPE, "HYPE", 2, 8, 0, ZERO_ADDRESS, ZERO_ADDRESS, 0, 10**17),
)
PAIRS = (CorePair(0, "PURR/USDC", PURR, USDC), CorePair(107, "@107", HYPE, USDC))
USD = 10**6


def execution(ledger: Ledger, user: Address = OWNER, now: int = NOW) -> Execution:
    return Execution(ledger, user, 1, now)


def new_ledger(storage: DictStorage | None = None) -> Ledger:
    """With nothing in storage yet."""
    ledger, _ = open_ledger(storage or DictStorage())
    ledger.set_owner(OWNER)
    owner = execution(ledger)
    listing.begin(ledger, SETTINGS, owner)
    for token in TOKENS:
        listing.list_token(ledger, token)
    for pair in PAIRS:
        listing.list_pair(ledger, pair, owner)
    btc_tiers = ((0, 40), (150_000_000 * USD, 20))
    btc = CorePerp(BTC, "BTC", 5, 56, False)
    listing.list_perp(ledger, btc, btc_tiers, 80_831_800_000, 20_000, owner)
    hype = CorePerp(HYPE_PERP, "HYPE", 2, 52, False)
    listing.list_perp(ledger, hype, ((0, 10),), 83_191_000, 6_000, owner)
    return ledger


def set_mark(ledger: Ledger, perp: int, mark: int) -> None:
    """Whatever the mark would be."""
    prices = ledger.perp.prices.rows[perp_address(perp)]
    ledger.perp.prices.put(perp_address(perp), replace(prices, mark=mark))
