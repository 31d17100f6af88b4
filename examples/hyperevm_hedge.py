"""A keeper of a hedged vault on HyperEVM, and what it learns when its orders do nothing.

The vault of contracts/examples/HedgedVault.sol holds HYPE and sells as much of it as a perpetual,
by actions of CoreWriter alone. A keeper calls it each few blocks. Then the vault's margin is taken
away: on HyperEVM the next order would be dropped without a word; here its receipt says why.

    python examples/hyperevm_hedge.py
"""

from rich.console import Console

import evm_dex
from evm_dex.blocks.addresses import Account
from evm_dex.client.views import Receipt
from precompiles.hyper.encoding import LimitOrder, encode_action
from precompiles.hyper.system_addresses import CORE_WRITER

HYPE_PERP, HYPE_PAIR, HYPE_SPOT = 159, 107, 10_107
USDC, USD, E8 = 0, 10**6, 10**8
GOOD_TILL_CANCELLED = 2
console = Console(width=100, highlight=False)
dex = evm_dex.open(profile="hyperevm")
core, writer = dex.core, dex.contract(CORE_WRITER, "CoreWriter")
owner, maker, keeper = dex.accounts[0], dex.accounts[1], dex.accounts[2]


def quote(who: Account, asset: int, cents: int, size: int, *, is_buy: bool) -> None:
    """Let somebody offer to trade whole HYPE at a price in cents."""
    order = LimitOrder(asset, is_buy, cents * 10**6, size * E8, False, GOOD_TILL_CANCELLED, 0)
    writer.send("sendRawAction", encode_action(order), sender=who)


def make_markets(price: int) -> None:
    """Offer to buy and sell HYPE around a price, on both markets, and let it be known."""
    core.set_mark(HYPE_PERP, price * USD)
    core.set_spot_price(HYPE_PAIR, price * E8)
    for asset in (HYPE_PERP, HYPE_SPOT):
        quote(maker, asset, 100 * price - 5, 1_000, is_buy=True)
        quote(maker, asset, 100 * price + 5, 1_000, is_buy=False)
    dex.mine(3)


def tell(what: str, receipt: Receipt) -> None:
    """Say what became of a transaction's actions, once their delay is over."""
    dex.mine(3)
    spot, perp = vault.call("exposure")
    worth = vault.call("worth") / USD
    console.print(f"{what}: holds {spot / 100:.2f}, sold {-perp / 100:.2f}, worth {worth:,.0f}")
    for action in core.actions(receipt):
        numbers = ", ".join(f"{name} {value}" for name, value in action.reason_fields.items())
        reason = f": {action.reason} ({numbers})" if action.reason else ""
        console.print(f"  {action.name} {action.outcome}{reason}")


vault = dex.deploy("HedgedVault", HYPE_PERP, HYPE_PAIR, sender=owner)
core.activate(vault.address)
core.force_spot_balance(vault.address, USDC, 20_000 * E8)

make_markets(40)
tell("invested", vault.send("invest", 25_000, 5_000 * USD, sender=owner))
tell("hedged", vault.send("rebalance", sender=keeper))
make_markets(44)
tell("after a rise", vault.send("rebalance", sender=keeper))
core.force_spot_balance(vault.address, 150, 500 * E8)
core.force_perp_balance(vault.address, 12_500 * USD)
tell("short of margin", vault.send("rebalance", sender=keeper))
core.force_perp_balance(vault.address, 30_000 * USD)
tell("with margin", vault.send("rebalance", sender=keeper))
