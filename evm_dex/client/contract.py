"""Contracts as Python objects, made from their ABI."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from checkpoint.errors import StoreError
from evm_dex.abi.abi_values import Entry, undecodable
from evm_dex.abi.artifact import load_artifact
from evm_dex.abi.contract_interface import (
    DecodedError,
    Event,
    Interface,
    decode_outputs,
)
from evm_dex.blocks.addresses import Account, AddressLike, checksum
from evm_dex.chain.block_store import BlockId
from evm_dex.client.call_trees import CallTrees
from evm_dex.client.views import Log, Receipt
from evm_dex.errors import CallFailed, ChainError, TransactionFailed
from precompiles.types import SPOT_ADDRESS, Address

_T = TypeVar("_T")


class Client(Protocol):
    """Calls and sends transactions on one chain; `Dex` documents each method."""

    def call(
        self,
        *,
        to: AddressLike | None = None,
        data: bytes = b"",
        value: int = 0,
        sender: AddressLike | None = None,
        gas: int | None = None,
        block: BlockId = "latest",
    ) -> bytes: ...

    def send(
        self,
        *,
        to: AddressLike | None = None,
        data: bytes = b"",
        value: int = 0,
        sender: Account | AddressLike | None = None,
        gas: int | None = None,
        **fees: Any,
    ) -> Receipt: ...

    @property
    def submit(self) -> Callable[..., bytes]: ...

    @property
    def trees(self) -> CallTrees: ...

    def code(self, address: AddressLike, block: BlockId = "latest") -> bytes: ...


class Reverted(CallFailed):
    """A contract refused, or a call failed: its message is the error, with all its fields.

    `error` is the custom error, where the contract's ABI or an exchange knows it; `name` and
    `fields` are its parts, empty for others; `output` is the revert data. `receipt` is that of a
    transaction that failed in its block, None where nothing was sent. Shown, it has the tree of
    all calls behind it; pytest shows it as well.
    """

    def __init__(
        self, failure: CallFailed, error: DecodedError | None, tree: Callable[[], str] | None = None
    ) -> None:
        """Take the error as decoded, and what makes the tree once somebody looks."""
        super().__init__(str(error) if error else failure.reason, b"" if error else failure.output)
        self._tree = tree
        self._shown: str | None = None
        """The tree, once somebody has looked."""
        self._notes = list(getattr(failure, "__notes__", ()))
        self.output = failure.output
        self.error = error
        self.name = error.name if error else ""
        self.fields = error.args if error else {}
        self.receipt: Receipt | None = getattr(failure, "receipt", None)

    @property
    def tree(self) -> str:
        """The calls, events and errors that led here; empty where they can't be seen any more."""
        if self._shown is None:
            try:
                self._shown = self._tree() if self._tree else ""
            except (ChainError, StoreError):
                self._shown = ""
        return self._shown

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # made when somebody looks
        """The notes that Python and pytest show below the message."""
        tree = self.tree
        return [*self._notes, tree] if tree else self._notes

    def add_note(self, note: str, /) -> None:
        """Show something more below the message."""
        self._notes.append(note)


class Contract:
    """A contract on a chain.

    token.call("balanceOf", dex.accounts[0])
    token.send("transfer", dex.accounts[1], 5, sender=dex.accounts[0])
    """

    def __init__(
        self,
        client: Client,
        address: Address,
        abi: Iterable[Entry],
        name: str = "Contract",
        symbols: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        """`symbols` are addresses that may be given by name, as the exchanges' markets are."""
        self._client = client
        self._symbols = symbols
        self.raw_address = address
        self.address = checksum(address)
        self.interface = Interface(abi)
        self.name = name
        """Name of its artifact, where that has one."""
        client.trees.known.add(address, name, self.interface)

    def __repr__(self) -> str:
        return f"<{self.name} {self.address}>"

    def call(
        self,
        name: str,
        *args: Any,
        sender: AddressLike | None = None,
        value: int = 0,
        gas: int | None = None,
        block: BlockId = "latest",
    ) -> Any:
        """Call a function after a block and return its decoded outputs; it leaves no trace.

        `name` is the function's, or its signature where several share one. `sender` defaults to
        account 0. Raises Reverted, LookupError for an unknown name or a wrong count, ValueError
        for an argument that is none of its type, and for an answer that the ABI does not expect.
        """
        entry = self.interface.function(name, len(args))
        data = self.encode(name, *args)
        try:
            output = self._client.call(
                to=self.raw_address, data=data, sender=sender, value=value, gas=gas, block=block
            )
        except CallFailed as failure:
            tree = self._client.trees.later(
                to=self.raw_address, data=data, value=value, sender=sender, block=block
            )
            raise self._explained(failure, tree) from None
        try:
            return decode_outputs(entry, output)
        except undecodable() as error:
            if not output and not self._client.code(self.raw_address, block):
                raise ValueError(f"no contract is at {self.address}: {name} gave nothing") from None
            said = f"{name} of {self!r} gave 0x{output.hex()}"
            raise ValueError(f"{said}, which its ABI does not expect: {error}") from error

    def send(
        self,
        name: str,
        *args: Any,
        sender: Account | AddressLike | None = None,
        value: int = 0,
        gas: int | None = None,
        **fees: Any,
    ) -> Receipt:
        """Call a function in a transaction of its own; see `Dex.send`.

        Without `gas` it is estimated first, and a call that would fail raises Reverted instead; so
        does one that failed in its block all the same.
        """
        data = self.encode(name, *args)
        told: dict[str, Any] = {
            "to": self.raw_address,
            "data": data,
            "sender": sender,
            "value": value,
        }
        return self.explaining(lambda: self._client.send(gas=gas, **told, **fees), **told)

    def explaining(self, send: Callable[[], _T], **told: Any) -> _T:
        """Return what sending gives; an error becomes Reverted, with the tree of the same call."""
        try:
            return send()
        except TransactionFailed as failure:
            mined = failure.receipt.transaction_hash
            raise self._explained(
                failure, lambda: self._client.trees.of_transaction(mined)
            ) from None
        except CallFailed as failure:
            tree = self._client.trees.later(**told, block="pending")
            raise self._explained(failure, tree) from None

    def submit(self, name: str, *args: Any, **options: Any) -> bytes:
        """Send without waiting for the block; return the transaction's hash."""
        try:
            data = self.encode(name, *args)
            return self._client.submit(to=self.raw_address, data=data, **options)
        except CallFailed as failure:
            raise self._explained(failure) from None

    def encode(self, name: str, *args: Any) -> bytes:
        """Return the calldata of a call."""
        entry = self.interface.function(name, len(args))
        if any(isinstance(arg, str) for arg in args):
            symbols = self._symbols()
            args = tuple(
                symbols.get(arg, arg) if field["type"] == "address" else arg
                for arg, field in zip(args, entry["inputs"], strict=True)
            )
        return self.interface.encode_call(entry, args)

    def events(self, source: Receipt | Iterable[Log]) -> list[Event]:
        """Return the contract's own events in a receipt or among logs, decoded, in order.

        trades = [event for event in dex.spot.events(dex.logs(120)) if event.name == "Trade"]
        """
        logs = source.logs if isinstance(source, Receipt) else source
        mine = (log for log in logs if log.address == self.address)
        return [event for log in mine if (event := self.interface.decode_event(log))]

    def error(self, receipt: Receipt) -> DecodedError | None:
        """Decode a transaction's error, where this contract's ABI or an exchange knows it."""
        return self._decoded(receipt.revert_data)

    def _decoded(self, output: bytes) -> DecodedError | None:
        """Decode an error by the contract's own ABI first, then by those of all others."""
        own = self.interface.decode_error(output)
        return own or self._client.trees.known.error(output, self.raw_address)

    def _explained(self, failure: CallFailed, tree: Callable[[], str] | None = None) -> Reverted:
        return Reverted(failure, self._decoded(failure.output), tree)


def exchange_contract(
    client: Client, address: Address, symbols: Callable[[], Mapping[str, Any]]
) -> Contract:
    """Return an exchange, whose tokens and markets may be given by symbol."""
    name = "ISpot" if address == SPOT_ADDRESS else "IPerp"
    return Contract(client, address, load_artifact(name)["abi"], name, symbols)
