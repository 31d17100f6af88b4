"""How hard the tests try: `EVM_DEX_PROFILE` is `ci` (the default), `torture` or `nightly`.

`torture` is for the long runs of tests/torture, tests/damage and tests/history/kills alone.
`make check` leaves out what is marked `slow`, and tries fewer examples of each property.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
PROFILE = os.environ.get("EVM_DEX_PROFILE", "ci")
LONG = PROFILE in ("torture", "nightly")
"""Whether crashes and damage are tried at length."""
SLOW = ("clients", "damage", "history/cassandra", "history/kills", "tools", "torture", "web3")
"""Folders whose tests start services, need npm or a browser, or take their time."""
SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

# As in an activated environment: the node in it is the one that the clients are tested with.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def fuller(*cases: object) -> list[ParameterSet]:
    """Cases of a test that `make check` leaves out, having tried others of it."""
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]


settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    print_blob=True,
    max_examples=100,
    stateful_step_count=100,
    suppress_health_check=SLOW_IS_FINE,
)
settings.register_profile(
    "nightly",
    deadline=None,
    print_blob=True,
    max_examples=1_500,
    stateful_step_count=120,
    suppress_health_check=SLOW_IS_FINE,
)
settings.register_profile(
    "check", settings.get_profile("ci"), max_examples=15, stateful_step_count=30
)
settings.load_profile("ci" if PROFILE == "torture" else PROFILE)


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `nightly` run in that profile only; there, no test is cut short."""
    for item in items:
        folder = item.path.parent.relative_to(TESTS).as_posix()
        if any(folder == slow or folder.startswith(f"{slow}/") for slow in SLOW):
            item.add_marker(pytest.mark.slow)
        if LONG:
            item.add_marker(pytest.mark.timeout(0))
        if PROFILE != "nightly" and item.get_closest_marker("nightly"):
            item.add_marker(pytest.mark.skip(reason="EVM_DEX_PROFILE is not nightly"))
