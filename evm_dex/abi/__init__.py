"""Contract interfaces: ABIs and artifacts, encoding calls, decoding what comes back."""

from evm_dex.abi.contract_interface import DecodedError, Event, Interface, exchange_error

__all__ = ["DecodedError", "Event", "Interface", "exchange_error"]
