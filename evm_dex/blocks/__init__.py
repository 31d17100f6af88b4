"""Values that blocks are made of, and their encodings: headers, transactions, receipts."""

from evm_dex.blocks.deferred import defer

defer()
