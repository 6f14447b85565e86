"""The list of mutants keeps up with the library: every patch applies, every test file exists, every name is said once."""

from collections import Counter

import pytest

from tests.mutants.library import MUTANTS
from tests.mutants.mutant import located, patched


def test_names_are_unique():
    assert [name for name, count in Counter(mutant.name for mutant in MUTANTS).items() if count > 1] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_applies_and_its_tests_exist(mutant):
    compile(patched(mutant), mutant.file, "exec")
    assert mutant.new != mutant.old
    assert all(map(located, mutant.tests))
