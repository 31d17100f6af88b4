"""eth-tester's own object, with logs found by the chain's bloom filters."""

from __future__ import annotations

from typing import Any

from eth_tester import EthereumTester

from evm_dex.tester.serializers import ChainPosition, log_fields


class IndexedTester(EthereumTester):
    """`EthereumTester` whose `get_logs` does not read every block of the range.

    Its backend must be a `Backend`. Blocks whose bloom filter has no match cost a header each.
    """

    def get_logs(
        self,
        from_block: Any = None,
        to_block: Any = None,
        address: Any = None,
        topics: Any = None,
    ) -> tuple[Any, ...]:
        """Return logs that match, oldest first; blocks default to the latest.

        The pending block has none, as eth-tester keeps what waits. Raises BlockNotFound.
        """
        asked = {
            "from_block": from_block,
            "to_block": to_block,
            "address": address,
            "topics": topics,
        }
        self.validator.validate_inbound_filter_params(**asked)
        first, last, addresses, wanted = self.normalizer.normalize_inbound_filter_params(**asked)
        chain = self.backend.chain
        lowest = self._height(first) + (first == "pending")
        found = chain.blocks.all_logs(
            lowest, self._height(last), _addresses(addresses), wanted or ()
        )
        entries = []
        for entry in found:
            place = ChainPosition(chain.header(entry.height), entry.transaction_index)
            fields = log_fields(entry.log, entry.transaction_hash, place, entry.log_index)
            entries.append(self.normalizer.normalize_outbound_log_entry(fields))
        return tuple(entries)

    def _height(self, block: Any) -> int:
        height: int = self.backend.header("latest" if block is None else block).block_number
        head: int = self.backend.chain.head.block_number
        return min(height, head)


def _addresses(given: Any) -> tuple[bytes, ...]:
    if not given:
        return ()
    return (given,) if isinstance(given, bytes) else tuple(given)
