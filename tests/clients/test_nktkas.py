"""@nktkas/hyperliquid against a served chain; its tests are in the .mjs file."""

from __future__ import annotations

import evm_dex
from evm_dex.hyperliquid.served import serve_in_background
from tests.clients.running import package, run_javascript_tests


def test_nktkas_does_all_it_can() -> None:
    package("@nktkas/hyperliquid")
    with evm_dex.open(profile="hyperevm") as dex, serve_in_background(dex) as local:
        run_javascript_tests(
            "nktkas.test.mjs", local.rpc_url, at_least=4, env={"EVM_DEX_API": local.url}
        )
