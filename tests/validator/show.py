"""Four validators on this machine: they trade, one is killed and comes back, a fifth joins.

Run by `make validators`, or `python -m tests.validator.show`; what it claims is asserted.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from eth_hash.auto import keccak

from evm_dex.blocks.dev_accounts import default_accounts
from evm_dex.errors import EngineMissing
from evm_dex.validator.engine import find_engine
from evm_dex.validator.engine_client import ask_engine
from evm_dex.validator.home import Home, homes_in
from tests.validator.network import Network, evm_dex, network, wait_for
from tests.validator.orders import order

OPTIONS = ("--checkpoint-interval", 3)
Tell = Callable[[str], object]


def hash_of(raw: bytes) -> str:
    return keccak(raw).hex()


def trade(net: Network, home: Home, account: int, count: int = 10) -> list[str]:
    """Send orders of an account to one of the validators; their hashes."""
    sender = f"0x{default_accounts()[account].address.hex()}"
    nonce = int(net.ask(home, "eth_getTransactionCount", sender, "pending"), 16)
    return net.send(
        home, [order(account, nonce + at, price=1_990 + 2 * at + account) for at in range(count)]
    )


def trade_and_lose_one(net: Network, tell: Tell) -> None:
    first, second, third, fourth = net.homes
    sent = trade(net, first, 0) + trade(net, second, 1)
    net.wait_for_receipts(fourth, sent)
    tell(f"{len(sent)} orders, sent to two of them, are in blocks of all four")
    net.kill(second, "application", "engine")
    more = trade(net, first, 2)
    net.wait_for_receipts(third, more)
    tell(f"validator1 is killed; {len(more)} more orders are in a block without it")
    net.wait_for_receipts(second, more)
    assert "starting both again" in net.said()
    last = net.check_equal()
    tell(f"validator1 is back by itself; the hashes of blocks 1 to {last} are equal on all four")


def join_by_state_sync(net: Network, path: Path, tell: Tell) -> None:
    first, second, third, _ = net.homes
    net.wait_for_receipts(first, trade(net, first, 3))
    wait_for(lambda: any(first.snapshots.glob("*.json")), "a snapshot")
    net.wait_for_height(net.height(first) + 2, [first])
    told = json.loads(evm_dex("validator", "status", net.path, "--json").stdout)
    trusted, url, other = told[0]["trusted"], told[0]["engine_url"], told[1]["engine_url"]
    port = net.first_port
    where = ("--port", port + 5, "--peer-port", port + 60)

    lied = trusted[:-1] + ("0" if trusted[-1] != "0" else "1")
    refused = evm_dex("validator", "join", path, "--trust", lied, "--from", url)
    assert refused.returncode == 1
    assert "you trust" in refused.stderr
    assert not path.exists()

    asked = ("--trust", trusted, "--from", url, "--from", other)
    joined = evm_dex("validator", "join", path, *asked, *where)
    assert joined.returncode == 0, joined.stderr
    assert "with the state of block" in joined.stdout
    (fifth,) = homes_in([path])
    began = time.monotonic()
    net.start(fifth)
    wait_for(lambda: net.height(fifth) >= net.height(first) - 1, "catching up")
    sync = ask_engine(f"http://127.0.0.1:{port + 61}", "status")["sync_info"]
    earliest = int(sync["earliest_block_height"])
    assert earliest > 1, "it did not execute the blocks before"
    seconds = time.monotonic() - began
    tell(
        f"a fifth took the state of block {earliest - 1}, and is at the head after {seconds:.0f} s"
    )
    net.wait_for_receipts(third, trade(net, fifth, 4))
    last = net.height(fifth)
    wait_for(lambda: net.height(fifth) > last, "the next block")
    assert net.hash_at(fifth, last) == net.hash_at(second, last)
    assert not (path / "joining").exists()
    net.stop(fifth)
    tell(f"orders sent to it are in blocks of the others; block {last} is the same on all five")


def main() -> None:
    try:
        find_engine()
    except EngineMissing as error:
        sys.exit(str(error))
    print(
        "starting four validators on this machine; all of it takes a minute or two ...", flush=True
    )
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        with network(path / "net", *OPTIONS) as net:
            net.wait_for_height(1)
            print("✓ four validators make blocks", flush=True)

            def tell(line: str) -> None:
                print(f"✓ {line}", flush=True)

            trade_and_lose_one(net, tell)
            join_by_state_sync(net, path / "fifth", tell)
    print("all is stopped and removed; docs/validators.md says how to run your own", flush=True)


if __name__ == "__main__":
    main()
