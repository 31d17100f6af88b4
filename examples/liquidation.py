"""The story of a liquidation, in steps.

A trader holds a long of ten times leverage and the price falls. Anyone may keep the exchange in
order: part of the position is sold in the book, the backstop account takes the rest. The last table
tells who got what, and that nothing was lost or made on the way.

    python examples/liquidation.py

Or cell by cell, in an editor that knows `# %%`.
"""

from rich.console import Console

import evm_dex
from evm_dex.blocks.addresses import Account
from evm_dex.terminal.tables import plain_table, units

USDC, WETH = 10**6, 10**18
CROSS = 0  # of `PositionKind`
console = Console(width=100)
dex = evm_dex.open()
market = dex.perp_markets["WETH"]
people = {
    "trader": dex.accounts[1],
    "bidder": dex.accounts[2],
    "keeper": dex.accounts[3],
    "vault": dex.accounts[8],
    "backstop": dex.accounts[9],
    "fees": dex.accounts[0],  # also feeds the price
}
names = {account.address: name for name, account in people.items()}
STAGES = ("", "in the book", "by the backstop", "against others")
COLUMNS = ("before", "after", "change", "size", "price", "equity left")


def dollars(amount: int) -> str:
    """Format an amount of the collateral in whole units."""
    return f"-{units(-amount, 6)}" if amount < 0 else units(amount, 6)


def worth(account: Account) -> int:
    """Return cash, and the equity of positions of every kind, at the mark price."""
    found = dex.perp.call("getAccount", account)
    alone = (dex.perp.call("isLiquidatable", it) for it in found.positionIds if is_isolated(it))
    return int(found.equity) + sum(int(state.equity) for state in alone)


def is_isolated(position_id: int) -> bool:
    """Return whether a position has a margin of its own, outside its account's equity."""
    return bool(dex.perp.call("getPositionState", position_id).kind != CROSS)


def equities() -> dict[str, int]:
    """Return the equity of each account, and of the insurance fund."""
    insurance = dex.perp.call("getInsurance")
    return {name: worth(account) for name, account in people.items()} | {
        "insurance fund": insurance.fund - insurance.deficit
    }


def show_position(title: str) -> None:
    """Print the trader's position as it stands."""
    report = dex.perp.call("calculatePnL", position_id)
    judged = dex.perp.call("isLiquidatable", position_id)
    table = plain_table(title, ("mark", "worth", "pnl", "equity", "must have", "liquidated at"))
    table.add_row(
        dollars(dex.perp.call("getMarkPrice", market)),
        dollars(report.value),
        dollars(report.pnl),
        dollars(judged.equity),
        dollars(judged.maintenanceMargin),
        dollars(report.liquidationPrice),
    )
    console.print(table)


def set_price(price: int) -> None:
    """Set the oracle price, and show the position at it."""
    dex.perp.send("setOraclePrice", market, price, sender=people["fees"])
    show_position(f"The price is {dollars(price)}")


def keep(title: str) -> None:
    """Let the keeper do what there is to do, and print whose position went where."""
    table = plain_table(
        title, ("event", "who", "size", "price", "how", "equity left"), right=COLUMNS
    )
    for event in dex.perp.events(dex.perp.send("keep", 100, sender=people["keeper"])):
        args = event.args
        if event.name == "Trade":
            row = (names[args["maker"]], args["size"], args["price"], "buys", "")
        elif event.name == "Liquidated":
            how, left = STAGES[args["stage"]], dollars(args["remainingEquity"])
            row = (names[args["user"]], args["size"], args["price"], how, left)
        else:
            continue
        who, size, price, how, left = row
        table.add_row(event.name, who, units(size, 18), dollars(price), how, left)
    console.print(table)


# %% 1. The trader opens a long. Nobody offers in the book, so the vault is the other side.
before = equities()
dex.perp.send("openPosition", market, 10 * WETH, 10, True, sender=people["trader"])
(position_id,) = dex.perp.call("getAccount", people["trader"]).positionIds
show_position(f"Position {position_id}: 10 WETH long, ten times leverage")

# %% 2. Someone bids for a part of it, well below.
dex.perp.send("placeOrder", market, 4 * WETH, 1_812 * USDC, True, sender=people["bidder"])

# %% 3. The price falls, but not far enough: the keeper finds nothing to do, and others are refused.
set_price(1_900 * USDC)
console.print(f"To be done: {dex.perp.call('keep', 100, sender=people['keeper'])}")
try:
    dex.perp.send("liquidate", position_id, sender=people["keeper"])
except evm_dex.Reverted as refused:
    console.print(f"liquidate is refused: {refused}\n", soft_wrap=True)

# %% 4. It falls below the price at which the margin no longer suffices.
set_price(1_815 * USDC)

# %% 5. The keeper keeps. Anyone might have, and a chain opened with `keep_limit` does so itself.
keep("What keep sold in the book")
show_position("What is left, until the cooldown is over")

# %% 6. Half a minute later the price is lower, and the margin is too thin for the book.
dex.mine(timestamp=dex.head.timestamp + 30)
set_price(1_806 * USDC)
keep("What the backstop took over")

# %% 7. Who got what. Each gain is another's loss.
after = equities()
changes = plain_table("In the end", ("who", "before", "after", "change"), right=COLUMNS)
for name, amount in before.items():
    change = after[name] - amount
    changes.add_row(name, dollars(amount), dollars(after[name]), dollars(change))
changes.add_section()
total, total_after = sum(before.values()), sum(after.values())
changes.add_row("all", dollars(total), dollars(total_after), dollars(total_after - total))
console.print(changes)
dex.close()
