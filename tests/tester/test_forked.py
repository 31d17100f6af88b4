"""eth-tester on a forked chain."""

from __future__ import annotations

from eth_tester import EthereumTester
from eth_utils.address import to_checksum_address

from evm_dex.tester import Backend
from tests.origin.fake_origin import CONTRACT, an_origin

ADDRESS = to_checksum_address(CONTRACT)


def test_a_backend_begins_from_a_block_of_another_chain() -> None:
    with an_origin() as origin:
        backend = Backend(fork=origin.url, fork_block=9)
        tester = EthereumTester(backend)
        assert tester.get_block_by_number("latest")["number"] == 9
        assert tester.get_storage_at(ADDRESS, "0x5") == f"{35:#066x}"
        sender, receiver = tester.get_accounts()[:2]
        before = tester.get_balance(receiver)
        sent = tester.send_transaction(
            {"from": sender, "to": receiver, "value": 7, "gas": 21_000, "gas_price": 10**10}
        )
        receipt = tester.get_transaction_receipt(sent)
        assert (receipt["block_number"], receipt["status"]) == (10, 1)
        assert tester.get_balance(receiver) == before + 7
        assert tester.get_balance(ADDRESS, 3) == 0
        backend.reset_to_genesis()
        assert tester.get_block_by_number("latest")["number"] == 9
        assert tester.get_balance(receiver) == before
        backend.dex.close()
