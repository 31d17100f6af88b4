"""py-evm's Prague rules with stateful precompiles: the only place, with the chain, that imports it.

Import from the modules themselves; importing this package only sees to it that py-evm loads fast.
"""

from evm_dex.vm import curves  # noqa: F401 - takes effect before anything imports py-evm
