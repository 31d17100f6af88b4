"""HyperCore: a read without the EVM's part of it, a block full of actions, a block without any."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import evm_dex
from benchmarks.harness import Result, measure
from evm_dex.client.dex import Dex
from precompiles.hyper.core import BlockMoment
from precompiles.hyper.encoding import (
    Action,
    LimitOrder,
    SpotSend,
    UsdClassTransfer,
    encode_action,
)
from precompiles.hyper.read_precompiles import read_precompiles
from precompiles.hyper.steps import Sent, Step
from precompiles.standalone import StandaloneContext
from precompiles.types import Address

_READS = {
    "position": (0x0800, 2), "spotBalance": (0x0801, 2), "withdrawable": (0x0803, 1),
    "markPx": (0x0806, 1), "spotPx": (0x0808, 1), "perpAssetInfo": (0x080A, 1),
    "bbo": (0x080E, 1), "accountMarginSummary": (0x080F, 2),
}  # fmt: skip
_TIMES, _ACTIONS, _TRANSFERS = 200, 1_000, 50
_BTC, _HYPE, _E8 = 0, 150, 10**8
_SOURCE = bytes(32)


def run(*, quick: bool) -> Iterator[Result]:
    """Microseconds of a read, milliseconds of a block."""
    rounds = 5 if quick else 15
    with evm_dex.open(profile="hyperevm") as dex:
        dex.core.set_delay(0)
        yield from _reads(dex, rounds)
        yield from _actions(dex, rounds)
    yield from _idle(rounds)


def _reads(dex: Dex, rounds: int) -> Iterator[Result]:
    """Measure reads of an account with a position, beside py-evm's own call."""
    users = [Address(bytes.fromhex(it.address[2:])) for it in dex.accounts[:2]]
    step = _step(dex)
    for user, is_buy in zip(users, (False, True), strict=True):
        order = LimitOrder(_BTC, is_buy, 80_000 * _E8, _E8, False, 2, 0)
        step.end_block((), [Sent(user, encode_action(order), _SOURCE)])
    precompiles = read_precompiles(dex.chain.ledger)

    def read(number: int, words: int) -> int:
        target = precompiles[Address(number.to_bytes(20, "big"))]
        user = users[0].rjust(32, b"\0")
        head = bytes(32) if number == 0x080F else user
        calldata = {1: bytes(32), 2: head + (user if head == bytes(32) else bytes(32))}[words]
        if number == 0x0803:
            calldata = user
        if number == 0x0808:
            calldata = (107).to_bytes(32, "big")
        for _ in range(_TIMES):
            target.run(StandaloneContext(users[0], timestamp=dex.head.timestamp), calldata)
        return _TIMES

    works = {
        name: (lambda number=number, words=words: read(number, words))
        for name, (number, words) in _READS.items()
    }
    for name, value in measure(works, rounds).items():
        yield Result("hypercore", f"read {name}", value, "µs", target="≤ 40")


def _actions(dex: Dex, rounds: int) -> Iterator[Result]:
    """Measure a block's actions: orders that rest and trade, sends, and class transfers."""
    ledger = dex.chain.ledger
    users = [Address(bytes.fromhex(it.address[2:])) for it in dex.accounts]
    actions: list[Sent] = []
    for n in range(_ACTIONS):
        user, other = users[n % 8], users[(n + 1) % 8]
        price = (79_000 + 10 * (n % 200)) * _E8
        made: Action = LimitOrder(_BTC, n % 2 == 0, price, 10**5 * (1 + n % 7), False, 2, 0)
        if n % 4 == 1:
            made = SpotSend(other, _HYPE, 1 + n)
        elif n % 4 == 3:
            made = UsdClassTransfer(1 + n, n % 8 == 3)
        actions.append(Sent(user, encode_action(made), _SOURCE))

    def block() -> int:
        mark = ledger.journal.mark()
        _step(dex).end_block((), actions)
        ledger.journal.revert(mark)
        return 1

    value = measure({"block": block}, rounds)["block"] / 1_000
    yield Result("hypercore", "1,000 actions in a block", value, "ms", target="≤ 150")


def _step(dex: Dex) -> Step:
    head = dex.head
    moment = BlockMoment(head.number + 1, head.timestamp + 1, 10**8, lambda _: 10**40)
    return Step(dex.chain.ledger, moment, [])


def _idle(rounds: int) -> Iterator[Result]:
    """Measure blocks of transfers, where HyperCore has nothing to do and where there is none."""
    with (
        evm_dex.open(profile="hyperevm", automine=False) as hyper,
        evm_dex.open(automine=False) as plain,
    ):
        numbers = itertools.count(1)

        def block(dex: Dex) -> int:
            for _ in range(_TRANSFERS // 8):
                for account in dex.accounts[:8]:
                    to = Address(next(numbers).to_bytes(20, "big"))
                    dex.submit(to=to, value=1, gas=21_000, sender=account)
            dex.mine()
            return 1

        found = measure({"plain": lambda: block(plain), "hyper": lambda: block(hyper)}, rounds)
    ratio = found["hyper"] / found["plain"]
    yield Result(
        "hypercore", "a block without work", found["hyper"] / 1_000, "ms",
        floor="outside the profile", ratio=ratio, target="≤ 1.02",
    )  # fmt: skip
