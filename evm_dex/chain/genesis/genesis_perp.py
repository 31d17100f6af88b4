"""The perpetuals exchange of a genesis: every name resolved, every amount checked."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from eth_hash.auto import keccak

from evm_dex.chain.genesis.genesis_file import PerpMarketTable, PerpTable
from evm_dex.chain.genesis.genesis_values import (
    account_of,
    amount_of,
    check_range,
    genesis_error,
    holdings_of,
    prevention_mode,
    token_of,
)
from precompiles.engine.margin import is_margin_table
from precompiles.types import (
    FEE_DENOMINATOR,
    MAX_AMOUNT,
    MAX_FEE_RATE,
    MAX_LEVERAGE,
    MAX_PERP_VALUE,
    NATIVE_COIN,
    ZERO_ADDRESS,
    Address,
    SelfTradePrevention,
)

_DEFAULT_DECIMALS = 18
_MAX_SECONDS = 2**40


class GenesisPerpMarket(msgspec.Struct, frozen=True):
    """A perpetual market, in the exchange's own terms."""

    asset: Address
    symbol: str
    base_unit: int
    tick: int
    lot: int
    tiers: tuple[tuple[int, int], ...]
    price: int
    """0 for none yet."""
    feeder: Address
    maker_fee: int
    taker_fee: int
    liquidation_fee: int
    fee_recipient: Address
    self_trade_prevention: SelfTradePrevention
    max_price_age: int
    max_slippage: int
    partial_notional: int
    cooldown: int
    max_open_interest: int
    minimum_notional: int
    price_band: int
    impact_notional: int
    vault: Address
    vault_limit: int


class GenesisPerp(msgspec.Struct, frozen=True):
    """Collateral, markets, and what accounts have on the perpetuals exchange."""

    collateral: Address
    backstop: Address
    insurance: int
    markets: tuple[GenesisPerpMarket, ...]
    deposits: tuple[tuple[Address, int], ...]

    @property
    def backing(self) -> int:
        """The amount of collateral that the exchange must really hold."""
        return self.insurance + sum(amount for _, amount in self.deposits)


def market_address(symbol: str) -> Address:
    """Return the address of a perpetual market whose asset is not a token of the genesis."""
    return Address(keccak(b"evm-dex perpetual " + symbol.encode())[12:])


def resolve_perp(
    table: PerpTable, symbols: Mapping[str, tuple[Address, int]], owner: Address
) -> GenesisPerp:
    """Turn names into addresses and check what the shape alone does not tell.

    Raises GenesisError that names the field and what was expected there.
    """
    collateral, _ = token_of("perp.collateral", table.collateral, symbols)
    if collateral == NATIVE_COIN:
        raise genesis_error("perp.collateral", "expected a token, not the native coin")
    markets: dict[Address, GenesisPerpMarket] = {}
    for index, market_table in enumerate(table.markets):
        at = f"perp.markets[{index}]"
        market = _market(at, market_table, symbols, owner)
        if market.asset in markets:
            raise genesis_error(f"{at}.market", f"{market_table.market!r} is listed twice")
        markets[market.asset] = market
    deposits = holdings_of("perp.deposits", table.deposits, MAX_AMOUNT)
    resolved = GenesisPerp(
        collateral=collateral,
        backstop=_optional("perp.backstop", table.backstop, ZERO_ADDRESS),
        insurance=amount_of("perp.insurance", table.insurance, MAX_AMOUNT),
        markets=tuple(markets.values()),
        deposits=tuple(sorted((user, amount) for user, amount in deposits.items() if amount)),
    )
    if resolved.backing > MAX_AMOUNT:
        raise genesis_error("perp.deposits", "with the insurance they exceed 2**128 - 1")
    return resolved


def _market(
    at: str,
    table: PerpMarketTable,
    symbols: Mapping[str, tuple[Address, int]],
    owner: Address,
) -> GenesisPerpMarket:
    asset, decimals = symbols.get(table.market, (market_address(table.market), _DEFAULT_DECIMALS))
    base_unit = 10**decimals if table.base_unit is None else table.base_unit
    check_range(f"{at}.max_leverage", table.max_leverage, 1, MAX_LEVERAGE)
    for field in ("maker_fee", "taker_fee", "liquidation_fee"):
        check_range(f"{at}.{field}", getattr(table, field), 0, MAX_FEE_RATE)
    for field in ("max_slippage", "price_band"):
        check_range(f"{at}.{field}", getattr(table, field), 0, FEE_DENOMINATOR - 1)
    for field in ("max_price_age", "cooldown"):
        check_range(f"{at}.{field}", getattr(table, field), 0, _MAX_SECONDS)
    amounts = {
        field: amount_of(f"{at}.{field}", getattr(table, field), MAX_AMOUNT)
        for field in (
            "partial_notional",
            "max_open_interest",
            "minimum_notional",
            "impact_notional",
            "vault_limit",
        )
    }
    price = table.price
    return GenesisPerpMarket(
        asset=asset,
        symbol=table.market,
        base_unit=amount_of(f"{at}.base_unit", base_unit, MAX_AMOUNT, least=1),
        tick=amount_of(f"{at}.tick", table.tick, MAX_AMOUNT, least=1),
        lot=amount_of(f"{at}.lot", table.lot, MAX_AMOUNT, least=1),
        tiers=_tiers(at, table),
        price=0 if price is None else amount_of(f"{at}.price", price, MAX_PERP_VALUE, least=1),
        feeder=_optional(f"{at}.feeder", table.feeder, owner),
        maker_fee=table.maker_fee,
        taker_fee=table.taker_fee,
        liquidation_fee=table.liquidation_fee,
        fee_recipient=_optional(f"{at}.fee_recipient", table.fee_recipient, owner),
        self_trade_prevention=prevention_mode(at, table.self_trade_prevention),
        max_price_age=table.max_price_age,
        max_slippage=table.max_slippage,
        cooldown=table.cooldown,
        price_band=table.price_band,
        vault=_optional(f"{at}.vault", table.vault, ZERO_ADDRESS),
        **amounts,
    )


def _tiers(at: str, table: PerpMarketTable) -> tuple[tuple[int, int], ...]:
    if not table.tiers:
        return ((0, table.max_leverage),)
    tiers = [
        (amount_of(f"{at}.tiers[{index}]", bound, MAX_AMOUNT), leverage)
        for index, (bound, leverage) in enumerate(table.tiers)
    ]
    for _, leverage in tiers:
        check_range(f"{at}.tiers", leverage, 1, MAX_LEVERAGE)
    if not is_margin_table(tiers):
        raise genesis_error(
            f"{at}.tiers", "the first bound is 0, bounds rise and leverages fall from tier to tier"
        )
    return tuple(tiers)


def _optional(at: str, account: str | None, default: Address) -> Address:
    return default if account is None else account_of(at, account)
