"""Scenarios: functions of a seed, a chain and a report, and how they are found by name."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evm_dex.client.dex import Dex

_OPTIONS = ("genesis", "profile", "keep_limit", "automine")
_LIBRARY = "evm_dex.campaign.library"
_DEEPEST = 64
"""Lists and objects in one another that a value may have: the same wherever a seed runs."""


class ScenarioError(ValueError):
    """A scenario that can't be found or run, or that says what can't be stored."""


class Report:
    """The values that a scenario tells of its seed."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    @property
    def values(self) -> Mapping[str, Any]:
        """Recorded values by name."""
        return self._values

    def record(self, **values: Any) -> None:
        """Keep values beside the seed's outcome; one of the same name replaces the one before.

        They are what JSON has: texts, finite numbers, flags, None, lists and objects of these.
        Raises ScenarioError for anything else.
        """
        for name, value in values.items():
            try:
                stored = _storable(value, name)
                json.dumps({name: stored}, ensure_ascii=False).encode()
            except ScenarioError:
                raise
            except ValueError as error:  # integers of thousands of digits, half a character
                raise ScenarioError(f"{name!a} can't be stored: {error}") from None
            self._values[name] = stored


Function = Callable[[int, "Dex", Report], Mapping[str, Any] | None]
"""Raises where something is wrong; what it returns is recorded."""


class Scenario:
    """A function of a seed, with the options of the chain that it gets."""

    def __init__(self, function: Function, options: Mapping[str, Any]) -> None:
        """`options` are arguments of `evm_dex.open`. Raises ScenarioError for others."""
        unknown = sorted(options.keys() - set(_OPTIONS))
        if unknown:
            raise ScenarioError(
                f"options of a scenario must be {', '.join(_OPTIONS)}, got {', '.join(unknown)}"
            )
        self.function = function
        self.options = dict(options)
        self.__name__: str = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = function.__doc__

    @property
    def target(self) -> str:
        """Its name as the command takes it: `module:function`, without the module if it ships."""
        module = self.function.__module__
        return self.__name__ if module == _LIBRARY else f"{module}:{self.__name__}"

    def __call__(self, seed: int, dex: Dex, report: Report) -> Mapping[str, Any] | None:
        """Run on a chain that is open already."""
        return self.function(seed, dex, report)

    def open(self, path: Path | None = None) -> Dex:
        """Open the chain of one seed, in memory or at a path. Raises ScenarioError."""
        import evm_dex  # noqa: PLC0415 - loads the whole chain
        from evm_dex.errors import ChainError  # noqa: PLC0415 - as above

        try:
            return evm_dex.open(path, **self.options)
        except (ChainError, ValueError, TypeError) as error:
            raise ScenarioError(f"the chain of {self.target} can't be opened: {error}") from error


def scenario(**options: Any) -> Callable[[Function], Scenario]:
    """Declare a scenario with its chain: `@scenario(profile="hyperevm", keep_limit=100)`.

    A function without a declaration gets the chain that `evm_dex.open()` opens.
    """
    return lambda function: Scenario(function, options)


def load_scenario(target: str) -> Scenario:
    """Return the scenario of `module:function`, or one that ships, by its name.

    Modules are looked for in the current directory too. Raises ScenarioError.
    """
    module_name, _, name = target.rpartition(":")
    here = str(Path.cwd())
    if module_name and here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name or _LIBRARY)
    except (Exception, SystemExit) as error:
        raise ScenarioError(
            f"the scenario {target} can't be imported: {type(error).__name__}: {error}; give "
            f"module:function of a module in {here} or in an installed package"
        ) from error
    found = getattr(module, name, None)
    if not module_name and not isinstance(found, Scenario):
        raise ScenarioError(
            f"a scenario must be module:function or one of {', '.join(shipped())}, got {target!r}"
        )
    if not callable(found) or isinstance(found, type):
        raise ScenarioError(f"the module {module_name} has no function {name!r}")
    return as_scenario(found)


def as_scenario(function: Function) -> Scenario:
    """Return a scenario as it was declared, a plain function as one on the default chain."""
    return function if isinstance(function, Scenario) else Scenario(function, {})


def shipped() -> dict[str, str]:
    """Return the scenarios that ship, by name, with what they say of themselves."""
    module = importlib.import_module(_LIBRARY)
    found = {name: it for name, it in vars(module).items() if isinstance(it, Scenario)}
    return {name: (it.__doc__ or "").partition("\n")[0] for name, it in found.items()}


def _storable(value: Any, name: str, level: int = 0) -> Any:
    """Return a value as JSON has it. Raises ScenarioError."""
    if level > _DEEPEST:
        raise ScenarioError(f"{name!a} can't be stored: it has more than {_DEEPEST} levels")
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [_storable(each, name, level + 1) for each in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _storable(each, name, level + 1) for key, each in value.items()}
    raise ScenarioError(
        f"{name!a} can't be stored: it must be a text, a finite number, a flag, None, or lists and "
        f"objects of these, got {type(value).__name__} {value!a:.80}"
    )
