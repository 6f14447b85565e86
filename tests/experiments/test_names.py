"""Smoke run of `names`: its data, splits and choices, what a leak would show, and its criteria."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import SMALL, finished, refused

from experiments import names
from experiments.common.experiment import Results
from experiments.names import folds, networks, ngrams, tuning
from experiments.names.data import LANGUAGES, LONGEST, UNKNOWN, Names, hide_strangers, spell, territory_names
from experiments.names.scores import CHOSEN, MAJORITY, NGRAMS, over_folds
from experiments.names.splits import smaller, split
from recurrent import gru, unroll

pytestmark = [pytest.mark.xdist_group("names_plates"), pytest.mark.usefixtures("users_numerics")]


@pytest.fixture
def quick(monkeypatch):
    """One kind of network, and two settings each."""
    monkeypatch.setattr(networks, "KINDS", {"GRU": gru})
    monkeypatch.setattr(networks, "SETTINGS", ((1e-2, 0.0), (2e-2, 0.0)))
    monkeypatch.setattr(ngrams, "SETTINGS", ((2, 5.0), (3, 5.0)))


@pytest.fixture
def labelled_by_territory(monkeypatch):
    """Names whose language depends on the territory alone, at random: who knows other names of a territory knows it."""
    rng = np.random.default_rng(0)
    territories = np.repeat(np.arange(60), 5)
    letters = np.array(list("abcdefghijklmnop"))
    stems = ["".join(rng.choice(letters, 3)) for _ in range(60)]
    texts = [stems[territory] + "".join(rng.choice(letters, 1)) for territory in territories]
    found = Names(texts, rng.integers(0, 3, 60).astype(np.int32)[territories], territories)
    monkeypatch.setattr(names, "territory_names", lambda: found)
    return found


def test_names_runs(tmp_path, monkeypatch, quick):
    texts, languages, territories = territory_names()
    few = Names(texts[::4], languages[::4], territories[::4])
    monkeypatch.setattr(names, "territory_names", lambda: few)
    folder, rows, summary = finished(names.EXPERIMENT, [*SMALL, "--folds", "2"], tmp_path)
    assert [row["model"] for row in rows] == [MAJORITY, NGRAMS, "GRU, last", "GRU, mean", CHOSEN]
    assert summary["names"] == len(few.texts)
    assert len(list(folder.glob("parts/*.npz"))) == 2


@pytest.mark.leaks
@pytest.mark.usefixtures("optimised")
def test_a_leak_between_territories_would_show(quick, labelled_by_territory):
    config = names.Config(hidden_size=24, updates=400, batch_size=32, hidden_letters=0.0, folds=3)
    curves = names.run(config).curves
    for model in (NGRAMS, "GRU, last", CHOSEN):
        assert curves[f"training/{model}"].mean() > 0.9, model
        assert curves[f"test/{model}"].mean() < 0.5, model
    for model in (NGRAMS, CHOSEN):
        assert curves[f"curve/{model}"].max() < 0.6


def test_every_name_belongs_to_one_language():
    texts, languages, territories = territory_names()
    assert len(set(texts)) >= len(texts) - len(LANGUAGES)  # a language may give two territories one name
    assert max(map(len, texts)) <= LONGEST
    owners = {}
    for text, language in zip(texts, languages, strict=True):
        assert owners.setdefault(text, language) == language
    assert set(languages) == set(range(len(LANGUAGES)))
    index = {name: i for i, name in enumerate(LANGUAGES)}
    for text, language in (("deutschland", "de"), ("allemagne", "fr"), ("saksa", "fi")):
        assert languages[texts.index(text)] == index[language]
    germany = {territories[texts.index(text)] for text in ("deutschland", "allemagne", "saksa")}
    assert len(germany) == 1


def test_no_territory_is_in_two_parts_and_every_name_is_tested_once():
    territories = np.random.default_rng(1).integers(0, 40, 300)
    splits = split(territories, 5, seed=0)
    for one in splits:
        parts = [set(territories[rows]) for rows in (one.fitting, one.validation, one.test)]
        assert all(not a & b for a, b in itertools.combinations(parts, 2))
        assert sorted([*one.training, *one.test]) == list(range(300))
        assert len(parts[1]) == pytest.approx(0.2 * 32, abs=1)
    assert sorted(np.concatenate([one.test for one in splits])) == list(range(300))


def test_a_smaller_training_part_has_whole_territories_of_a_larger_one():
    territories = np.repeat(np.arange(20), 3)
    rows = np.arange(9, 60)
    half, quarter = (smaller(territories, rows, share, seed=0) for share in (0.5, 0.25))
    assert set(quarter) < set(half) < set(rows)
    assert [len(half), len(quarter)] == [3 * 8, 3 * 4]


def test_letters_that_training_lacks_are_unknown_and_padding_too():
    letters = spell(["ab", "abc", "xa"])
    assert letters.symbols == 5
    np.testing.assert_array_equal(letters.lengths, [2, 3, 2])
    hidden = hide_strangers(letters, np.array([0]))
    np.testing.assert_array_equal(hidden[:, 0], letters.tokens[:, 0])
    assert hidden[2, 1] == hidden[0, 2] == UNKNOWN
    assert hidden[1, 2] == letters.tokens[0, 0]


def test_the_setting_is_chosen_by_validation_names_and_trained_again_on_all():
    languages, one = np.zeros(10, int), split(np.arange(10), 2, seed=0)[0]
    seen = []

    def fit(setting, rows, seed):
        """One setting is right on validation names only, the other one on all others."""
        seen.append((setting, sorted(rows), seed))
        guesses = np.full(10, int(setting == "good for validation"))
        guesses[one.validation] = int(setting != "good for validation")
        return guesses

    found = tuning.tuned(tuning.Learner(("good for others", "good for validation"), fit), one, languages, 7, "")
    assert found["chosen"] == 1
    np.testing.assert_array_equal(found["validation"], [0, 1])
    assert [rows for _, rows, _ in seen] == [sorted(one.fitting)] * 2 + [sorted(one.training)]
    assert [setting for setting, *_ in seen][-1] == "good for validation"
    assert {seed for *_, seed in seen} == {7}


def test_the_network_of_a_fold_is_the_best_on_validation_names():
    one, languages = split(np.arange(20), 2, seed=0)[0], np.zeros(20, np.int32)

    def learner(wrong):
        guesses = np.zeros(20, int)
        guesses[wrong] = 1
        return tuning.Learner(("only",), lambda *_: guesses)

    models = {NGRAMS: learner(one.fitting[:1]), "a": learner(one.test), "b": learner(one.validation)}
    found = folds.measured(models, Names([""] * 20, languages, np.arange(20)), one, 0, 0)
    assert found["network"] == "a"
    assert (found[f"test/{CHOSEN}"], found["test/b"], found[f"test/{NGRAMS}"]) == (0, 1, 1)
    np.testing.assert_array_equal(found[f"curve/{CHOSEN}"], [0, 0, 0, 0])
    assert found["curve/names"][-1] == len(one.training)


def test_networks_and_ngrams_have_as_many_settings():
    assert len(ngrams.SETTINGS) == len(networks.KINDS) * len(networks.READOUTS) * len(networks.SETTINGS)


def test_the_readouts_are_last_state_and_mean_of_the_letters_of_a_name():
    cell = gru(3, 4)
    params = cell.init(jax.random.key(0))
    tokens, lengths = jnp.array([[0, 2], [1, 1], [2, 0]]), jnp.array([3, 2])
    last, mean = (networks.features(cell, params, tokens, lengths, 3, mean) for mean in (False, True))
    for row, length in enumerate(lengths):
        _, states = unroll(cell, params, jax.nn.one_hot(tokens[:length, row], 3))
        np.testing.assert_allclose(last[row], states[-1], rtol=1e-5)
        np.testing.assert_allclose(mean[row], states.mean(axis=0), rtol=1e-5)


def test_the_ngrams_tell_languages_apart():
    texts = ["ää", "äö", "öä", "öö", "the", "thx", "tha", "ath"] * 4
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 1] * 4, np.int32)
    rows = np.flatnonzero(np.arange(len(texts)) % 3 > 0)
    np.testing.assert_array_equal(ngrams.make_fit(texts, truth)((3, 5.0), rows, 0), truth)


def test_an_interval_over_folds_is_wider_than_over_independent_splits():
    values = np.array([0.1, 0.2, 0.3])
    low, middle, high = over_folds(values)
    half = 4.302653 * 0.1 * (1 / 3 + 1 / 2) ** 0.5  # Student's quantile with 2 degrees of freedom
    np.testing.assert_allclose([low, middle, high], [0.2 - half, 0.2, 0.2 + half], rtol=1e-5)


HOLDS = {NGRAMS: 0.72, CHOSEN: 0.71, "GRU, last": 0.71, "GRU, mean": 0.6, "LSTM, last": 0.65, "LSTM, mean": 0.5}
WIDE, NARROW = np.array([-0.1, 0.1, -0.1, 0.1, 0.0]), np.array([-1e-3, 1e-3, -1e-3, 1e-3, 0.0])


def missed(**changes):
    """Which criteria a run misses whose folds are almost equal, but for some models."""
    values = {name: np.full(5, value) + NARROW * (name == NGRAMS) for name, value in HOLDS.items()}
    values |= {name.replace("_", ", "): value for name, value in changes.items() if name not in ("ngrams", "chosen")}
    values |= {name: changes[short] for name, short in ((NGRAMS, "ngrams"), (CHOSEN, "chosen")) if short in changes}
    results = Results([], {}, {f"test/{name}": value for name, value in values.items()})
    return [i for i, check in enumerate(names.check(names.Config(), results)) if not check.passed]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"ngrams": 0.75 + NARROW}, [0]),
        ({"ngrams": 0.70 + NARROW}, [1]),
        ({"ngrams": 0.72 + WIDE}, [0, 1]),
        ({"GRU_last": np.full(5, 0.59)}, [2]),
        ({"GRU_last": 0.65 + WIDE}, [2]),
        ({"LSTM_mean": np.full(5, 0.66)}, [3]),
        ({"LSTM_mean": 0.6 + WIDE}, [3]),
        ({"chosen": np.full(5, 0.59), "ngrams": 0.6 + NARROW}, [4]),
        ({"chosen": 0.65 + WIDE, "ngrams": 0.66 + WIDE + NARROW}, [4]),
    ],
)
def test_every_criterion_can_be_missed_alone_and_by_its_unfavourable_bound(changes, expected):
    assert missed(**changes) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--updates", "0"], "--updates must be at least 1; got 0"),
        (["--hidden-letters", "1"], "--hidden-letters must lie in"),
        (["--folds", "1"], "--folds must be at least 2"),
        (["--folds", "51"], "--folds must be at most 50"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(names.EXPERIMENT, options, tmp_path / "results", capsys)
