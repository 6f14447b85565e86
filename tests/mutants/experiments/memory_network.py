"""Bugs in `memory_network`."""

from tests.mutants.mutant import Mutant

_INIT, _WORLD, _NETWORKS = (f"experiments/memory_network/{name}.py" for name in ("__init__", "world", "networks"))
_TESTS = "test_memory_network_looks.py::"
_SOLVER = (f"{_TESTS}test_a_solver_that_reads_the_sentences_back_gives_the_answers",)
_SUPPORT = (f"{_TESTS}test_the_answer_follows_from_the_supporting_facts_and_from_no_fewer",)
_CHOICE = (f"{_TESTS}test_the_rate_is_chosen_on_stories_that_are_not_reported_and_its_network_is_kept",)
_CRITERIA = (f"{_TESTS}test_a_result_that_breaks_one_criterion_misses_it_alone",)

MUTANTS = (
    Mutant(
        "memory_network: the answer is where a thing is", _WORLD, "stays[-1]), stays[-2],", "stays[-1]), stays[-1],", _SOLVER
    ),
    Mutant(
        "memory_network: a thing is taken from anywhere",
        _WORLD,
        "if self.lies.get(thing, self.place(actor)) == self.place(actor)",
        "if thing",
        _SOLVER,
    ),
    Mutant(
        "memory_network: what is dropped goes along",
        _WORLD,
        "            del self.taken[what]\n",
        "            pass\n",
        _SOLVER,
    ),
    Mutant(
        "memory_network: a fact too few is said to support",
        _WORLD,
        "(what, (before, self.taken[thing], now))",
        "(what, (before, now))",
        _SUPPORT,
    ),
    Mutant(
        "memory_network: an old move is said to support",
        _WORLD,
        "self.settled[thing] = (self.taken[thing], now)",
        "self.settled[thing] = (self.taken[thing], before)",
        _SUPPORT,
    ),
    Mutant(
        "memory_network: yes is the rarer answer",
        _WORLD,
        "truth = rng.random() < 0.5",
        "truth = rng.random() < 0.1",
        (f"{_TESTS}test_answers_are_spread",),
    ),
    Mutant(
        "memory_network: the rate is chosen on the test stories",
        _INIT,
        "right(model, network, chosen_on).mean()",
        "right(model, network, asked).mean()",
        _CHOICE,
    ),
    Mutant(
        "memory_network: test stories are those of the next seed",
        _INIT,
        "3 * config.seed + i",
        "config.seed + i",
        (f"{_TESTS}test_splits_share_no_seed_and_repeated_stories_are_counted",),
    ),
    Mutant(
        "memory_network: the best guess is read off the test",
        _INIT,
        "np.bincount(training.answers[training.tasks == task])",
        "np.bincount(test.answers[test.tasks == task])",
        (f"{_TESTS}test_the_most_frequent_answer_of_training_is_given",),
    ),
    Mutant(
        "memory_network: equal networks meet the criterion",
        _INIT,
        'above("(4) three facts: 3 hops minus 2 hops", gain(MOST, HOPS[1], three))',
        'at_least("(4) three facts: 3 hops minus 2 hops", gain(MOST, HOPS[1], three), 0.0)',
        _CRITERIA,
    ),
    Mutant(
        "memory_network: another kind of questions decides",
        _INIT,
        "gain(HOPS[1], HOPS[0], two)",
        "gain(HOPS[1], HOPS[0], three)",
        _CRITERIA,
    ),
    Mutant(
        "memory_network: NaN answers", _INIT, " & jnp.isfinite(logits).all(axis=-1)", "", (f"{_TESTS}test_nan_is_no_answer",)
    ),
    Mutant(
        "memory_network: padding stands between words",
        _NETWORKS,
        'np.argsort(~there, axis=1, kind="stable")',
        'np.argsort(0 * padded, axis=1, kind="stable")',
        (f"{_TESTS}test_words_stand_in_a_row_as_they_are_read",),
    ),
)
