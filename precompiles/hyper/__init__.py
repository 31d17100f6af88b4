"""HyperCore as contracts on HyperEVM know it: reads, actions, and the bridge, over one ledger."""
