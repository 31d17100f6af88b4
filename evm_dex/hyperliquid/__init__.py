"""Hyperliquid's API over a chain with HyperCore: /info, /exchange and /ws, as SDKs speak them."""
