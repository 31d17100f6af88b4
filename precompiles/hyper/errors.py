"""Why an action did nothing, as typed errors with the numbers that explain it.

Where a rule is one of the exchanges, its own error is the reason.
"""

from __future__ import annotations

from precompiles.errors import ContractError


class MalformedAction(ContractError):
    declaration = "MalformedAction(uint256 offset)"


class UnknownActionVersion(ContractError):
    declaration = "UnknownActionVersion(uint8 version)"


class UnknownAction(ContractError):
    declaration = "UnknownAction(uint24 action)"


class InvalidPrice(ContractError):
    declaration = "InvalidPrice(uint256 price,uint256 maxDecimals)"


class InvalidSize(ContractError):
    declaration = "InvalidSize(uint256 size,uint256 sizeDecimals)"
