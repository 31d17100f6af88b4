"""py-evm's Prague rules with stateful precompiles: the only place, with the chain, that imports it.

Import from the modules themselves; importing this package loads nothing.
"""
