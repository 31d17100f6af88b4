"""Headers as bytes: read back whole, and the bloom filter alone at its place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evm_dex.blocks.header import Header, decode_bloom, decode_header
from precompiles.types import Address

HASHES = st.binary(min_size=32, max_size=32)
NUMBERS = st.integers(0, 2**64 - 1)
HEADERS = st.builds(
    Header,
    parent_hash=HASHES,
    coinbase=st.binary(min_size=20, max_size=20).map(Address),
    state_root=HASHES,
    bloom=st.binary(min_size=256, max_size=256),
    block_number=NUMBERS,
    gas_limit=NUMBERS,
    gas_used=NUMBERS,
    timestamp=NUMBERS,
    extra_data=st.binary(max_size=32),
    mix_hash=HASHES,
    base_fee_per_gas=st.integers(0, 2**256 - 1),
    blob_gas_used=NUMBERS,
    excess_blob_gas=NUMBERS,
)


@given(HEADERS)
def test_a_header_is_read_back_whole_and_its_bloom_alone(header: Header) -> None:
    assert decode_header(header.encoded) == header
    assert decode_bloom(header.encoded) == int.from_bytes(header.bloom, "big")
