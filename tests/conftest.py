"""How hard the property tests try: `EVM_DEX_PROFILE` is `ci` (the default) or `nightly`."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

PROFILE = os.environ.get("EVM_DEX_PROFILE", "ci")
SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]

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
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `nightly` run in that profile only; there, no test is cut short."""
    for item in items:
        if PROFILE == "nightly":
            item.add_marker(pytest.mark.timeout(0))
        elif item.get_closest_marker("nightly"):
            item.add_marker(pytest.mark.skip(reason="EVM_DEX_PROFILE is not nightly"))
