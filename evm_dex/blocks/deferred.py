"""Parts of py-evm that are loaded when somebody calls them.

It loads py_ecc's curves and ethash with every VM, a quarter of the time until a node answers. Our
VM has its precompiles from other libraries and seals nothing by work; py-evm's own VMs, which are
a reference in tests, come to them at the first call.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

_BLS = "eth.precompiles.bls12_381.bls12_381"
_PARTS = {
    "eth.consensus.ethash": ("get_dataset_full_size", "hashimoto_light", "mkcache"),
    "eth.precompiles.ecadd": ("ecadd",),
    "eth.precompiles.ecmul": ("ecmul", "_ecmull"),
    "eth.precompiles.ecpairing": ("ecpairing", "_ecpairing"),
    f"{_BLS}_g1": ("bls12_g1_add", "bls12_g1_msm", "bls12_map_fp_to_g1"),
    f"{_BLS}_g2": ("bls12_g2_add", "bls12_g2_msm", "bls12_map_fp2_to_g2"),
    f"{_BLS}_pairing": ("bls12_pairing_check",),
}
"""Functions by module: all that py-evm and we import of each."""


class DeferredModule(ModuleType):
    """Stands where a module will be; what else is asked of it loads it."""

    def __getattr__(self, name: str) -> Any:
        """Load the module for what nobody foresaw, as its neighbours import from it."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_loaded(self.__name__), name)


class Deferred:
    """A function of a deferred module, curried as some of py-evm's are."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Load the module and call the function; without what it works on, only note the rest."""
        if not args:
            return partial(self, **kwargs)
        return getattr(_loaded(self._module), self._name)(*args, **kwargs)


def defer() -> None:
    """Stand in for those parts that are not loaded yet."""
    for name, functions in _PARTS.items():
        if name not in sys.modules:
            module = DeferredModule(name)
            module.__dict__.update({it: Deferred(name, it) for it in functions})
            sys.modules[name] = module


def _loaded(name: str) -> ModuleType:
    if not isinstance(sys.modules.get(name), DeferredModule):
        return import_module(name)
    package, _, own = name.rpartition(".")
    named = sys.modules[package].__dict__.get(own)
    del sys.modules[name]
    module = import_module(name)
    if named is not None and not isinstance(named, ModuleType):
        # Importing names the module in its package, where some have a function of the same name.
        setattr(sys.modules[package], own, named)
    return module
