"""The chain: blocks sealed on one long-lived state, kept by one atomic write each.

Import from the modules themselves; importing this package only sees to it that py-evm loads fast.
"""

import evm_dex.vm  # noqa: F401 - takes effect before anything imports py-evm
