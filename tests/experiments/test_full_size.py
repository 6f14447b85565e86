"""`--full`: what it changes, what it refuses, and that a run of it can be resumed."""

import dataclasses
import json

import pytest

from experiments import neural_turing, skips, spectral_margin, state_tracking, temporal_order, trees
from experiments.common.options import at_full_size, check_full, from_json, is_default


@dataclasses.dataclass(frozen=True)
class Config:
    updates: int = 3
    rate: float = 0.1
    full: bool = False


@dataclasses.dataclass(frozen=True)
class Open(Config):
    seed: int = 0


@pytest.mark.parametrize("module", [neural_turing, skips, spectral_margin, state_tracking, temporal_order, trees])
def test_every_full_size_can_be_asked_for_run_and_resumed(module):
    asked = module.Config(full=True, seed=7)
    sized = at_full_size(asked, module.FULL)
    assert {name: getattr(sized, name) for name in module.FULL} == module.FULL
    assert sized.seed == 7
    assert at_full_size(sized, module.FULL) == sized
    assert from_json(module.Config, json.loads(json.dumps(dataclasses.asdict(asked)))) == asked
    assert at_full_size(module.Config(seed=7), module.FULL) == module.Config(seed=7)


@pytest.mark.parametrize("module", [neural_turing, skips, spectral_margin, state_tracking, temporal_order, trees])
def test_every_full_size_has_a_verdict(module):
    asked = module.Config(full=True, seed=7)
    assert is_default(module.Config(), module.FULL)
    assert is_default(asked, module.FULL)
    assert is_default(at_full_size(asked, module.FULL), module.FULL)
    assert not is_default(at_full_size(module.Config(full=True), module.FULL | {"full": False}), module.FULL)
    assert not is_default(module.Config(batch_size=3), module.FULL)


def test_options_that_are_left_open_are_not_compared():
    assert is_default(Open(rate=0.5), {"updates": 50}, "rate")
    assert not is_default(Open(rate=0.5), {"updates": 50})


def test_another_value_of_what_it_changes_is_refused():
    message = "--updates has no effect with --full, which takes 50: leave one of them out"
    with pytest.raises(ValueError, match=message):
        check_full(Config(updates=4, full=True), {"updates": 50})
    for accepted in (Config(full=True), Config(updates=50, full=True), Config(rate=1.0, full=True), Config(updates=4)):
        check_full(accepted, {"updates": 50})
