"""The chain as Python users hold it: `Dex`, its contracts, receipts and cheats."""
