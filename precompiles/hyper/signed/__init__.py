"""Actions that users sign: what Hyperliquid's SDKs and bots send, carried out on HyperCore."""
