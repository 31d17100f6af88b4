"""Any one file damaged, in any way: refused by name, or harmless; never taken for another state."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.conftest import LONG
from tests.damage.cases import HARMLESS, NAMED, Case, all_cases, outcome
from tests.damage.original import Original, make_original

PARTS = 5
SHARE = 90
"""How many of the cases are tried outside the long run, at least one of each class."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return make_original(tmp_path_factory.mktemp("original"))


def chosen(cases: list[Case]) -> list[Case]:
    if LONG:
        return cases
    random = Random(1)
    classes: dict[tuple[bool, str], list[Case]] = {}
    for case in cases:
        classes.setdefault((case.subject == "store", case.kind), []).append(case)
    each = SHARE // len(classes) + 1
    return [
        case for found in classes.values() for case in random.sample(found, min(each, len(found)))
    ]


def test_no_damage_to_one_file_passes_as_another_state(original: Original, tmp_path: Path) -> None:
    """Each outcome is asserted in `outcome`; here they are counted by class of file."""
    cases = list(all_cases(original, PARTS))
    assert len(cases) >= 500
    outcomes: Counter[tuple[str, str, str]] = Counter()
    for number, case in enumerate(chosen(cases)):
        directory = tmp_path / str(number)
        try:
            found = outcome(case, original, directory)
        except Exception as error:
            raise AssertionError(f"{case.subject}, {case.kind}, {case.name}: {error}") from error
        shutil.rmtree(directory)
        if found is not None:
            outcomes[case.subject.split()[0], case.kind, found] += 1
    for (subject, kind, found), count in sorted(outcomes.items()):
        print(f"\n{subject:<11}{kind:<10}{found:<9}{count:>5}", end="")
    print(f"\n{sum(outcomes.values())} cases")
    assert sum(outcomes.values()) >= (500 if LONG else SHARE // 2)
    assert {found for _, _, found in outcomes} == {HARMLESS, NAMED}
    refused = {(subject, kind) for subject, kind, found in outcomes if found == NAMED}
    assert {("store", "row file"), ("store", "log"), ("archive", "archive")} <= refused
    harmless = {(subject, kind) for subject, kind, found in outcomes if found == HARMLESS}
    assert "checkpoint" not in dict(harmless), "its manifest covers every byte of a checkpoint"
