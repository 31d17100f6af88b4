"""Makes the samples of format 1 that are kept: `python -m tests.checkpoint.make_samples`.

Only for as long as format 1 has not been released; a released sample is never made again.
"""

from __future__ import annotations

import json
import random
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

from blake3 import blake3

import evm_dex
from checkpoint.archive import export_archive
from checkpoint.families import Family
from checkpoint.manager import CheckpointManager
from checkpoint.rocks import RocksStore
from evm_dex.chain.block_proof import inspect_block
from tests.checkpoint.fake_chain import FakeChain

SAMPLES = Path(__file__).parent / "samples"
WETH, USDC = 10**18, 10**6


def make_checkpoint(scratch: Path) -> None:
    """A checkpoint of four blocks that no EVM made, with something in every family."""
    chain, rng = FakeChain(), random.Random(11)
    with closing(RocksStore(scratch)) as store:
        for _ in range(4):
            store.write(chain.random_block(rng))
        made = CheckpointManager(store).create()
    place = Path("checkpoints") / made.path.name
    with tarfile.open(SAMPLES / "checkpoint-1.tar.xz", "w:xz") as archive:
        archive.add(scratch / place, str(place))
    assert chain.head is not None
    print(f"checkpoint-1: block {chain.head.block_hash.hex()}, {chain.head.commitment.counts}")


def make_archive(scratch: Path) -> None:
    """An archive of a real chain: five orders, two that traded, one cancelled."""
    with evm_dex.open(scratch / "chain") as dex:
        weth = dex.tokens["WETH"]
        buyer = dex.accounts[1]
        for account, symbol, amount in (
            (None, "WETH", 100 * WETH),
            (None, "USDC", 400_000 * USDC),
            (buyer, "USDC", 400_000 * USDC),
        ):
            dex.tokens[symbol].send("approve", dex.spot, amount, sender=account)
            dex.spot.send("deposit", dex.tokens[symbol], amount, sender=account)
        for price, is_buy in ((2_990, True), (2_980, True), (3_010, False), (3_020, False)):
            dex.spot.send("placeOrder", weth, WETH, price * USDC, is_buy)
        dex.spot.send("placeOrder", weth, WETH // 2, 3_010 * USDC, True, sender=buyer)
        dex.spot.send("cancelOrder", 2)
        best_prices = list(dex.spot.call("getBestPrices", weth))
        head = dex.store.head()
        assert head is not None
        rows = b"".join(key + value for key, value in dex.store.iterate(Family.ROWS))
    export_archive(scratch / "chain", SAMPLES / "v1.evmdex", inspect=inspect_block)
    told = {
        "chain_id": head.chain_id,
        "height": head.height,
        "block_hash": head.block_hash.hex(),
        "state_root": head.state_root.hex(),
        "rows": {str(table): count for table, count in head.commitment.counts.items()},
        "rows_digest": blake3(rows).hexdigest(),
        "best_prices": best_prices,
    }
    (SAMPLES / "v1.json").write_text(json.dumps(told, indent=2) + "\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        make_checkpoint(Path(scratch) / "store")
        make_archive(Path(scratch))


if __name__ == "__main__":
    main()
