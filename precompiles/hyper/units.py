"""HyperCore's decimals and ours, with no rounding between them.

HyperCore gives prices and sizes of orders as human units times 10**8. Here a price is in smallest
units of the quote for one whole base, an amount in smallest units of the base:

| | HyperCore | here |
|---|---|---|
| spot token | wei of weiDecimals | the same |
| spot size | sz * 10**8 | sz * 10**weiDecimals |
| spot price | px * 10**8 | px * 10**weiDecimals of the quote |
| perpetual size | sz * 10**8 | sz * 10**szDecimals |
| perpetual price | px * 10**8 | px * 10**6 |
| collateral | 6 decimals | the same |

A price and a size on the grid of their market convert exactly; others are refused before.
"""

from __future__ import annotations

from precompiles.hyper.errors import InvalidPrice, InvalidSize
from precompiles.hyper.grid import is_valid_price, is_valid_size, price_decimals

ORDER_DECIMALS = 8
"""Of prices and sizes in actions."""
COLLATERAL_DECIMALS = 6
"""Of USD amounts on a perpetuals dex."""
SPOT_WEI_PER_USD = 100
"""USDC has eight decimals in the spot wallet, six on a perpetuals dex."""
CORE_GAS_DECIMALS = 10
"""HYPE has 18 decimals on the EVM and 8 here, whatever its token says."""
MAX_U64 = 2**64 - 1


def check_order(price: int, size: int, size_decimals: int, *, is_spot: bool) -> None:
    """Raise InvalidPrice or InvalidSize for what is not on the grid; both are times 10**8."""
    if not is_valid_price(price, ORDER_DECIMALS, size_decimals, is_spot=is_spot):
        raise InvalidPrice(price, price_decimals(size_decimals, is_spot=is_spot))
    if not is_valid_size(size, ORDER_DECIMALS, size_decimals):
        raise InvalidSize(size, size_decimals)


def spot_price(price: int, quote_wei_decimals: int) -> int:
    """Return a spot order's price in smallest units of the quote, for one whole base."""
    return scale(price, quote_wei_decimals - ORDER_DECIMALS)


def spot_amount(size: int, base_wei_decimals: int) -> int:
    """Return a spot order's size in smallest units of the base."""
    return scale(size, base_wei_decimals - ORDER_DECIMALS)


def perp_price(price: int) -> int:
    """Return a perpetual order's price in collateral, for one whole unit."""
    return scale(price, COLLATERAL_DECIMALS - ORDER_DECIMALS)


def perp_amount(size: int, size_decimals: int) -> int:
    """Return a perpetual order's size in units of 10**-szDecimals."""
    return scale(size, size_decimals - ORDER_DECIMALS)


def read_perp_price(price: int, size_decimals: int) -> int:
    """Return a price as reads give it: with 6 - szDecimals decimals, rounded down."""
    return price // power_of_ten(size_decimals)


def read_spot_price(price: int, quote_wei_decimals: int, size_decimals: int) -> int:
    """Return a price as reads give it: with 8 - szDecimals decimals, rounded down."""
    return scale(price, ORDER_DECIMALS) // power_of_ten(quote_wei_decimals + size_decimals)


def core_amount(evm_amount: int, evm_extra_decimals: int) -> int:
    """Return a token's EVM amount in wei on HyperCore, rounded down: the rest is lost."""
    if evm_extra_decimals >= 0:
        return evm_amount // power_of_ten(evm_extra_decimals)
    return evm_amount * power_of_ten(-evm_extra_decimals)


def evm_amount(core_amount: int, evm_extra_decimals: int) -> int:
    """Return a token's wei on HyperCore as its EVM amount, rounded down."""
    if evm_extra_decimals >= 0:
        return core_amount * power_of_ten(evm_extra_decimals)
    return core_amount // power_of_ten(-evm_extra_decimals)


def scale(value: int, places: int) -> int:
    """Move a value by decimal places; a move down must be exact."""
    if places >= 0:
        return value * power_of_ten(places)
    moved, rest = divmod(value, power_of_ten(-places))
    assert rest == 0, "what is on the grid converts exactly"
    return moved


def power_of_ten(exponent: int) -> int:
    """Return 10 to an exponent of at least 0."""
    assert exponent >= 0
    power: int = 10**exponent
    return power
