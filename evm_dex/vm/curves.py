"""Ethereum's precompiles on elliptic curves, loaded when a contract first calls one.

py-evm imports py_ecc for them, which works out the tables of its pairings while it loads: a sixth
of what a node takes to start, for contracts that most chains never see. Importing this module
before py-evm leaves functions in their place that load the real ones; where py-evm is there
already, it changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import Any

_FUNCTIONS = {
    "eth.precompiles.ecadd": ("ecadd",),
    "eth.precompiles.ecmul": ("ecmul",),
    "eth.precompiles.ecpairing": ("ecpairing",),
    "eth.precompiles.bls12_381": (
        *("bls12_g1_add", "bls12_g1_msm", "bls12_map_fp_to_g1"),
        *("bls12_g2_add", "bls12_g2_msm", "bls12_map_fp2_to_g2"),
        "bls12_pairing_check",
    ),
}
"""What py-evm's forks take from each module: functions of a computation."""
_DEEPEST = 100_000
"""Python's bound on recursion as py_ecc sets it: frames of the EVM 1,024 deep need more than
py-evm allows itself.
"""
_loading = RLock()


class Deferred:
    """One of those functions; like py-evm's own it can be given its gas cost beforehand."""

    def __init__(self, module: ModuleType, name: str, **options: Any) -> None:
        self._module = module
        self._name = name
        self._options = options

    def __call__(self, *computation: Any, **options: Any) -> Any:
        given = {**self._options, **options}
        if not computation:
            return Deferred(self._module, self._name, **given)
        _load(self._module)
        return getattr(self._module, self._name)(*computation, **given)


class _DeferringLoader(Loader):
    """Puts deferred functions into a module; `load` then does what it was to be loaded by."""

    def __init__(self, actual: Loader) -> None:
        self.actual = actual

    def exec_module(self, module: ModuleType) -> None:
        def load_and_get(name: str) -> Any:
            """What else the module has (PEP 562)."""
            if name.startswith("__"):
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            _load(module)
            return getattr(module, name)

        vars(module)["__getattr__"] = load_and_get
        for name in _FUNCTIONS[module.__name__]:
            setattr(module, name, Deferred(module, name))


class _Finder(MetaPathFinder):
    """Finds those modules where they are, to be loaded later."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _FUNCTIONS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _DeferringLoader(spec.loader)
        return spec


def _load(module: ModuleType) -> None:
    with _loading:
        spec = module.__spec__
        if spec is None or not isinstance(spec.loader, _DeferringLoader):
            return
        actual = spec.loader.actual
        vars(module).pop("__getattr__", None)
        actual.exec_module(module)
        spec.loader = module.__loader__ = actual


if "eth.precompiles" not in sys.modules:
    sys.meta_path.insert(0, _Finder())
    sys.setrecursionlimit(max(_DEEPEST, sys.getrecursionlimit()))
