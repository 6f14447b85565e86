"""Smoke run of `agreement`: its sentences, baselines and choices, what a leak would show, and its criteria."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import SMALL, finished, refused

from experiments import agreement
from experiments.agreement import learners, scores, sentences, splits
from experiments.agreement.heuristics import last_pronoun, most_frequent_pronoun
from experiments.agreement.ngram import Ngram
from experiments.agreement.sentences import MOST, OPENERS, PRONOUNS, REFLEXIVES, SHORTEST, VERBS, VOCABULARY
from experiments.common.experiment import Results

pytestmark = [
    pytest.mark.xdist_group("digits_agreement"),
    pytest.mark.usefixtures("users_numerics"),
]  # compiled networks are shared

TINY = {"longest": 13, "test_longest": 15, "test_sentences": 32, "validation_sentences": 200, "tuning_seeds": 1, "seeds": 2}


def test_agreement_runs(tmp_path, monkeypatch):
    """The n-gram and the GRU learn; the other networks have made-up scores, for their programs take long to compile."""

    def tried(config, learner, label):
        return scores.tried(config, learner, label) if label not in ("tanh", "LSTM") else {"validation": np.eye(3)[:, 1:2]}

    def tested(config, learner, setting, label):
        if label not in ("tanh", "LSTM"):
            return scores.tested(config, learner, setting, label)
        opposed = np.broadcast_to([0.75, 0.25], (2, 3, MOST, 2))  # [seed, distance, clauses, relation]
        return {"accuracy": opposed, "validation": np.array([0.5, 0.75])}

    monkeypatch.setattr(agreement, "tried", tried)
    monkeypatch.setattr(agreement, "tested", tested)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    folder, rows, summary = finished(agreement.EXPERIMENT, [*SMALL, *options], tmp_path)
    assert len(rows) == 4 + 2 + 1
    columns = ("chosen", "validation", "trained distances", "accuracy", "opposed", "opposed, 4")
    for name in ("tanh", "LSTM"):
        row = next(row for row in rows if row["model"] == name)
        assert [float(row[column]) for column in columns] == [0.01, 0.625, 0.5, 0.5, 0.25, 0.25]
    assert summary["distances"] == "14-15"
    assert summary["checks"] == []  # criteria are stated for other distances
    assert len(list(folder.glob("parts/*.npz"))) == 2 * 4


@pytest.mark.leaks
def test_a_leak_from_test_sentences_would_show(monkeypatch):
    """In the test every other reflexive disagrees: only who has seen these can do better or worse than chance."""
    monkeypatch.setattr(sentences, "MOST", 1)

    def disagreeing(config, seed):
        found = splits.test_sentences(config, seed)
        return found._replace(genders=found.genders ^ (jnp.arange(len(found.genders)) // (4 * MOST) % 2))

    monkeypatch.setattr(scores, "test_sentences", disagreeing)
    config = agreement.Config(hidden_size=16, updates=300, **TINY)
    learner = learners.all_learners(config)["GRU"]
    found = scores.tested(config, learner, 0.02, "")
    assert found["validation"].mean() > 0.9
    assert found["accuracy"].mean() == pytest.approx(0.5, abs=0.15)


def test_no_test_sentence_is_met_in_training_or_validation(optimised):
    config = agreement.Config()

    def rows(drawn):
        codes = np.asarray(drawn.codes).T
        return {row[row >= 0].tobytes() for row in codes}

    tested = rows(splits.test_sentences(config, 0))
    assert len(tested) == config.test_sentences * (config.test_longest - SHORTEST + 1)
    trained = rows(splits.training_sentences(config, 0))
    assert len(trained) > 0.9 * config.updates * config.batch_size
    assert not tested & trained
    assert not tested & rows(splits.validation_sentences(config, 0))


def test_training_sentences_are_those_that_networks_draw():
    config = agreement.Config(updates=3, batch_size=5)
    found = splits.training_sentences(config, 2)
    for i, key in enumerate(splits.training_keys(config, 2)):
        batch = sentences.random_sentences(key, 5, config.longest)
        for ours, theirs in zip(found, batch, strict=True):
            np.testing.assert_array_equal(ours[..., 5 * i : 5 * (i + 1)], theirs)


def test_seeds_and_purposes_draw_different_sentences():
    config = agreement.Config(updates=2, batch_size=4, validation_sentences=8)
    drawn = [
        np.asarray(draw(config, seed).codes).tobytes()
        for seed in (0, 1)
        for draw in (splits.training_sentences, splits.validation_sentences)
    ]
    assert len(set(drawn)) == 4


def test_a_sentence_has_the_clauses_asked_for():
    distances, genders, clauses = jnp.array([1, 13, 12, 20] * 20), jnp.array([0, 1, 1, 0] * 20), jnp.array([0, 1, 4, 3] * 20)
    others = jnp.tile(jnp.array([[1, 0, 1, 1]]), (80, 1))
    codes = np.asarray(sentences.sentences(jax.random.key(0), distances, genders, clauses, others, 20).codes)
    assert codes.shape == (21, 80)
    for row, distance, gender, count in zip(codes.T, distances, genders, clauses, strict=True):
        words = sentences.spelled(row, int(gender)).split()
        assert len(words) == 1 + distance + 1
        assert (words[0], words[-1]) == (PRONOUNS[gender], REFLEXIVES[gender])
        places = [i for i, word in enumerate(words[1:-1], 1) if word in PRONOUNS]
        assert [words[i] for i in places] == ["she", "he", "she", "she"][:count]
        assert all(words[i - 1] in OPENERS and words[i + 1] in VERBS for i in places)
        assert sum(word in OPENERS for word in words) == count
        assert (row[1 + distance :] == -1).all()
    starts = [tuple(np.flatnonzero(np.isin(row[1:], (0, 1)))) for row in codes.T[3::4]]
    assert len(set(starts)) > 10


def test_competing_pronouns_of_training_say_nothing_about_the_subject():
    drawn = sentences.random_sentences(jax.random.key(1), 6000, 20)
    codes, distances, genders = map(np.asarray, drawn)
    assert set(distances) == set(range(1, 21))
    assert set(codes[1:].reshape(-1)) == {-1, *range(len(VOCABULARY))}
    np.testing.assert_array_equal(codes[0], genders)
    assert genders.mean() == pytest.approx(0.5, abs=0.03)
    clauses = np.isin(codes[1:], (0, 1)).sum(axis=0)
    assert set(clauses[distances >= 12]) == set(range(MOST + 1))
    last = last_pronoun(codes)
    assert (last == genders)[clauses > 0].mean() == pytest.approx(0.5, abs=0.03)


def test_the_test_is_balanced_and_its_rules_of_thumb_are_at_chance():
    config = agreement.Config(**TINY)
    drawn = splits.test_sentences(config, 0)
    codes, distances, genders = map(np.asarray, drawn)
    clauses = np.isin(codes[1:], (0, 1)).sum(axis=0)
    last = last_pronoun(codes)
    opposed = last != genders
    for distance in range(SHORTEST, 16):
        for count in range(1, MOST + 1):
            rows = (distances == distance) & (clauses == count)
            assert rows.sum() == 32 / MOST
            assert genders[rows].mean() == opposed[rows].mean() == (genders ^ opposed)[rows].mean() == 0.5
    cells = sentences.cells_of(last == genders, config.test_sentences)
    assert cells.shape == (3, MOST, 2)
    np.testing.assert_array_equal(cells[..., 0], 1)
    np.testing.assert_array_equal(cells[..., 1], 0)
    np.testing.assert_array_equal(sentences.cells_of(clauses, config.test_sentences)[0, :, 0], range(1, MOST + 1))
    assert (most_frequent_pronoun(codes) == genders).mean() == 0.5


def test_rules_of_thumb_go_by_pronouns():
    codes = np.array([[0, 1, 0, 1], [5, 0, 1, 1], [1, 0, 1, 0], [6, 7, -1, -1]])
    np.testing.assert_array_equal(last_pronoun(codes), [1, 0, 1, 0])
    np.testing.assert_array_equal(most_frequent_pronoun(codes), [1, 0, 1, 1])


def test_the_ngram_knows_what_it_sees_and_guesses_otherwise():
    training = [np.asarray(a) for a in sentences.random_sentences(jax.random.key(2), 3000, 6)]
    model = Ngram(3).fit(*training)
    for distance, expected in ((1, 1.0), (5, 0.5)):
        genders, none = jnp.arange(400) % 2, jnp.zeros(400, int)
        others = jnp.zeros((400, MOST), int)
        drawn = sentences.sentences(jax.random.key(3), jnp.full(400, distance), genders, none, others, 6)
        right = (model.predict(np.asarray(drawn.codes), np.full(400, distance)) == np.asarray(genders)).mean()
        assert right == pytest.approx(expected, abs=0.1)


def test_a_setting_is_chosen_on_validation_sentences_of_seeds_that_are_not_tested():
    config = agreement.Config(**TINY)
    seen = []

    def fit(setting, seed):
        """One setting is right on validation sentences only, the other one on test sentences only."""
        seen.append((setting, seed))

        def guess(drawn):
            is_test = len(drawn.genders) != config.validation_sentences
            wrong = is_test == (setting == "good for validation")
            return np.asarray(drawn.genders) ^ int(wrong)

        return guess

    learner = learners.Learner(("good for test", "good for validation"), fit)
    found = scores.tried(config, learner, "")["validation"]
    np.testing.assert_array_equal(found, [[0], [1]])
    assert scores.best(found) == 1
    assert {seed for _, seed in seen} == {config.seeds}
    seen.clear()
    tested = scores.tested(config, learner, "good for test", "")
    assert (tested["accuracy"].mean(), tested["validation"].mean()) == (1, 0)
    assert [seed for _, seed in seen] == [0, 1]


def test_all_learners_have_as_many_settings():
    found = learners.all_learners(agreement.Config())
    assert len({len(learner.settings) for learner in found.values()}) == 1


def test_beyond_means_distances_longer_than_any_in_training():
    accuracy = np.zeros((2, 4, MOST, 2))
    accuracy[:, 2:, :, 1] = 1  # distances 15 and 16, opposed
    accuracy[1, 3] = 0
    np.testing.assert_array_equal(scores.beyond(accuracy, 14), [0.5, 0.25])
    np.testing.assert_array_equal(scores.beyond(accuracy, 14, opposed=True), [1, 0.5])
    assert scores.difference(accuracy[:1].repeat(2, 0), accuracy, 14).middle == 0.125


HOLDS = {"LSTM": (0.99, 0.99), "GRU": (0.99, 0.99), "tanh": (0.8, 0.7), "n-gram": (0.9, 0.1)}
WIDE = np.array([-0.2, 0.2] * 4)


def missed(**changes):
    """Which criteria a run misses, given accuracies of agreeing and of opposed sentences beyond trained distances."""
    config = agreement.Config()
    curves = {}
    for name, (agreeing, opposed) in (HOLDS | {name.replace("_", "-"): pair for name, pair in changes.items()}).items():
        accuracy = np.full((8, config.test_longest - SHORTEST + 1, MOST, 2), 0.5)
        far = config.longest + 1 - SHORTEST
        accuracy[:, far:, :, 0], accuracy[:, far:, :, 1] = (np.broadcast_to(x, 8)[:, None, None] for x in (agreeing, opposed))
        curves[f"accuracy/{name}"] = accuracy
    checks = agreement.check(config, Results([], {}, curves))
    return [i for i, check in enumerate(checks) if not check.passed]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"LSTM": (0.85, 0.92)}, [0]),
        ({"LSTM": (0.95 + WIDE, 0.95)}, [0]),
        ({"LSTM": (0.99, 0.89)}, [1]),
        ({"n_gram": (0.9, 0.3)}, [2]),
        ({"n_gram": (0.5 + WIDE, 0.5)}, [2]),
        ({"tanh": (0.95, 0.95), "GRU": (1.01, 1.01)}, [3]),
        ({"GRU": (0.78, 0.78)}, [4]),
        ({"GRU": (0.85 + WIDE, 0.85)}, [4]),
    ],
)
def test_every_criterion_can_be_missed_alone_and_by_its_unfavourable_bound(changes, expected):
    assert missed(**changes) == expected


def test_other_distances_have_no_criteria():
    assert agreement.check(agreement.Config(longest=30), Results([], {}, {})) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--test-longest", "40"], "--test-longest must be above --longest 40; got 40"),
        (["--longest", "12"], "--longest must be at least 13; got 12"),
        (["--test-sentences", "20"], "--test-sentences must be a multiple of 16; got 20"),
        (["--seeds", "1"], "--seeds must be at least 2; got 1"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(agreement.EXPERIMENT, options, tmp_path / "results", capsys)
