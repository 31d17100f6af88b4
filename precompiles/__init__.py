"""The exchanges as precompiles: rules, ledger and ABI, without EVM, store or clock."""
