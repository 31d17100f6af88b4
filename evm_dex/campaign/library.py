"""Scenarios that ship: markets under stress on HyperCore, each another one for each seed."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from evm_dex.campaign.scenario import Report, scenario
from evm_dex.campaign.vault_flow import VaultFlow
from evm_dex.client.dex import Dex
from evm_dex.market.chance import Chance
from evm_dex.market.price_paths import Shock
from evm_dex.market.scenarios import SCENARIOS, MarketSpec
from precompiles.hyper.system_addresses import perp_address
from precompiles.ledger.perp.records import PerpPrices
from precompiles.perp.events import Deleveraged, FundingSettled, Liquidated

_MINUTE, _HOUR = 60, 3_600
_COIN = perp_address(1)
"""ETH, which markets trade if nothing else is said."""


@scenario(profile="hyperevm")
def price_crash(seed: int, dex: Dex, report: Report) -> None:
    """Let the price fall by a quarter to a half in a minute, with leveraged longs in the market.

    No account may be worth less than nothing afterwards, and what is missing is borne by those
    who gained.
    """
    chance, spec = Chance(f"{seed} crash"), SCENARIOS["crash"]
    fall = chance.between(250_000, 500_000)
    shock = Shock(2 * _MINUTE + chance.below(_MINUTE), _MINUTE, -fall)
    path = replace(spec.path, shocks=(shock,))
    leveraged = replace(spec.leveraged, count=chance.between(2, 8))
    before = _prices(dex).oracle
    _trade(dex, replace(spec, seed=str(seed), path=path, leveraged=leveraged), 5 * _MINUTE)
    after = _prices(dex).oracle
    assert after < before * 85 // 100, f"the oracle is at {after}, before at {before}"
    report.record(fall=fall, **_outcome(dex))


@scenario(profile="hyperevm")
def liquidation_cascade(seed: int, dex: Dex, report: Report) -> None:
    """Liquidate leveraged longs one after another into a book that is not deep."""
    chance, spec = Chance(f"{seed} cascade"), SCENARIOS["cascade"]
    leveraged = replace(spec.leveraged, count=chance.between(6, 14))
    makers = replace(spec.makers, size_usd=chance.between(4_000, 12_000))
    shock = Shock(3 * _MINUTE, 2 * _MINUTE, -chance.between(120_000, 300_000))
    path = replace(spec.path, shocks=(shock,))
    spec = replace(spec, seed=str(seed), path=path, leveraged=leveraged, makers=makers)
    _trade(dex, spec, 6 * _MINUTE)
    report.record(leveraged=leveraged.count, **_outcome(dex))


@scenario(profile="hyperevm")
def funding_weeks(seed: int, dex: Dex, report: Report) -> None:
    """Trade for two weeks with more buys than sells, or fewer, in blocks of an hour.

    Funding is settled for every hour, once.
    """
    chance, spec = Chance(f"{seed} funding"), SCENARIOS["squeeze"]
    bias = chance.between(-450_000, 450_000)
    takers = replace(spec.takers, rate=100_000, size_usd=1_000, bias=bias)
    makers = replace(spec.makers, every=1)  # quotes in every block
    spec = replace(spec, seed=str(seed), takers=takers, makers=makers, keeps_step=_HOUR)
    hours = 14 * 24
    began = dex.chain.head.timestamp
    _trade(dex, spec, hours)
    settled = _settled_hours(dex)
    passed = dex.chain.head.timestamp // _HOUR - began // _HOUR
    assert settled <= passed, f"{settled} hours of funding in {passed} hours"
    prices = _prices(dex)
    report.record(
        bias=bias,
        hours=settled,
        funding_index=prices.funding_index,
        open_interest=prices.open_interest,
        **_outcome(dex),
    )


@scenario(profile="hyperevm")
def adversarial_makers(seed: int, dex: Dex, report: Report) -> None:
    """Let makers spoof, bend the mark, cross themselves, stuff the book and ask for too much.

    The mark stays within its bounds of the oracle, and the books hold what they say.
    """
    spec = SCENARIOS["tricks"]
    count = Chance(f"{seed} tricks").between(1, 6)
    adversaries = replace(spec.adversaries, count=count)
    widest = 0
    market = dex.market(replace(spec, seed=str(seed), adversaries=adversaries))
    for _ in range(4 * _MINUTE):
        market.step()
        prices = _prices(dex)
        widest = max(widest, abs(prices.mark - prices.oracle) * 1_000_000 // prices.oracle)
    report.record(adversaries=count, widest_mark=widest, **_outcome(dex))


@scenario(profile="hyperevm")
def vault_flow(seed: int, dex: Dex, report: Report) -> None:
    """Pay into a vault and take out of it at random, while its leader trades.

    No deposit and no withdrawal makes a share worth less, and all of it can be taken out in
    the end.
    """
    flow = VaultFlow(dex, str(seed))
    flow.run(days=6)
    flow.wind_down()
    report.record(
        deposited=flow.deposited, withdrawn=flow.withdrawn, left=flow.left, **_outcome(dex)
    )


def _trade(dex: Dex, spec: MarketSpec, steps: int) -> None:
    dex.market(spec).run(steps)


def _prices(dex: Dex) -> PerpPrices:
    return dex.chain.ledger.perp.prices.rows[_COIN]


def _settled_hours(dex: Dex) -> int:
    market = _COIN.rjust(32, b"\0")
    topics = [[FundingSettled.topic], [market]]
    found = dex.chain.blocks.logs(0, dex.chain.head.block_number, [], topics)
    return sum(int.from_bytes(entry.log.data[64:96], "big") for entry in found)


def _outcome(dex: Dex) -> dict[str, Any]:
    """Return what every market has in the end."""
    fund = dex.chain.ledger.perp.fund
    return {
        "liquidations": _count(dex, Liquidated.topic),
        "deleveragings": _count(dex, Deleveraged.topic),
        "insurance": fund.insurance,
        "deficit": fund.deficit,
    }


def _count(dex: Dex, topic: bytes) -> int:
    return sum(1 for _ in dex.chain.blocks.logs(0, dex.chain.head.block_number, [], [[topic]]))
