"""Point evaluation (EIP-4844, precompile 0x0a) with the trusted setup read once.

py-evm 0.12.1b1 reads it at every call, which takes longer than a second. Importing this module
makes its function keep what it has read.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from eth.precompiles import point_evaluation

_upstream: Any = point_evaluation
_upstream.load_trusted_setup = cache(_upstream.load_trusted_setup)
