"""What the official Python SDK's examples call, on the testnet's profile, by the unmodified SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import evm_dex
from evm_dex.hyperliquid.served import LocalHyperliquid, serve_in_background
from tests.hyperliquid import sdk_drives
from tests.hyperliquid.sdk_drives import DONE, NOT_DRIVEN, REFUSED, Stage

pytestmark = [pytest.mark.usefixtures("bots"), pytest.mark.slow]
EXAMPLES = 43


@pytest.fixture
def testnet() -> Iterator[LocalHyperliquid]:
    """A chain on which others quote ETH and SOL."""
    with evm_dex.open(profile="hyperevm-testnet") as dex, serve_in_background(dex) as served:
        quoter = _exchange(served, 5)
        for coin, bid, ask in (("ETH", 2999, 3001), ("SOL", 149.9, 150.1)):
            for is_buy, price in ((True, bid), (False, ask)):
                quoter.order(coin, is_buy, 100, price, {"limit": {"tif": "Gtc"}})
        yield served


def _exchange(local: LocalHyperliquid, number: int, **options: Any) -> Any:
    from eth_account import Account  # noqa: PLC0415 - with the SDK
    from hyperliquid.exchange import Exchange  # noqa: PLC0415 - fetched by .ci/bots

    return Exchange(Account.from_key(local.keys[number]), local.url, **options)


def _stage(local: LocalHyperliquid) -> Stage:
    from eth_account import Account  # noqa: PLC0415 - with the SDK
    from hyperliquid.exchange import Exchange  # noqa: PLC0415 - fetched by .ci/bots
    from hyperliquid.info import Info  # noqa: PLC0415 - as above

    dexs = ["", "test"]
    address = local.addresses[0]
    return Stage(
        local.url,
        address,
        Info(local.url, skip_ws=True, perp_dexs=dexs),
        _exchange(local, 0, perp_dexs=dexs),
        local.keys[0],
        lambda key: Exchange(Account.from_key(key), local.url, account_address=address),
        lambda vault: _exchange(local, 0, vault_address=vault),
        lambda: Info(local.url),
    )


def _problems(answer: Any) -> list[str]:
    """What an answer of /exchange says went wrong; of others nothing."""
    if not isinstance(answer, dict) or answer.get("status") not in ("ok", "err"):
        return []
    if answer["status"] == "err":
        return [answer["response"]]
    data = answer["response"].get("data")
    statuses = data.get("statuses", ()) if isinstance(data, dict) else ()
    return [it["error"] for it in statuses if isinstance(it, dict) and "error" in it]


@pytest.mark.parametrize("drive", DONE, ids=lambda drive: drive.__name__)
def test_it_does_what_it_shows(testnet: LocalHyperliquid, drive: Any) -> None:
    answers = drive(_stage(testnet))
    assert [problem for answer in answers for problem in _problems(answer)] == []


@pytest.mark.parametrize("drive", REFUSED, ids=lambda drive: drive.__name__)
def test_it_ends_with_the_answer_that_this_is_not_served(
    testnet: LocalHyperliquid, drive: Any
) -> None:
    answers = drive(_stage(testnet))
    assert answers
    for answer in answers:
        (problem,) = _problems(answer)
        assert "is not supported here" in problem


def test_all_examples_are_accounted_for() -> None:
    drives = [*DONE, *REFUSED]
    assert len({drive.__name__ for drive in drives} | set(NOT_DRIVEN)) == EXAMPLES
    assert all(getattr(sdk_drives, drive.__name__) is drive for drive in drives)
