"""One file per subject; each declares its methods with `evm_dex.node.registry.rpc`."""
