"""The list of mutants keeps up with the library: every patch applies, every test exists, every name is said once."""

import difflib
from collections import Counter

import pytest

from tests.mutants.library import MUTANTS
from tests.mutants.mutant import copy_of_source, located


def test_names_are_unique():
    assert [name for name, count in Counter(mutant.name for mutant in MUTANTS).items() if count > 1] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_applies_and_its_tests_exist(mutant, tmp_path):
    assert all(map(located, mutant.tests))
    broken = copy_of_source(tmp_path, mutant) / "recurrent" / mutant.file
    assert difflib.SequenceMatcher(None, mutant.old, mutant.new).ratio() < 1
    compile(broken.read_text(), mutant.file, "exec")
