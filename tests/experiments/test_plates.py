"""`plates`: its plates, its models, that nothing leaks, and what its criteria see."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from runs import SMALL, finished, meaningless_digits, refused

from experiments import plates
from experiments.common import handwritten
from experiments.common.experiment import Results
from experiments.common.networks import Network
from experiments.common.splits import Run, Split, draw_splits
from experiments.plates import comparisons, data, figure, models, trials

pytestmark = [pytest.mark.xdist_group("names_plates"), pytest.mark.usefixtures("users_numerics")]

BRIEF = dataclasses.replace(plates.Config(), slots=2, updates=150, folds=2, seeds=1, noise=0.02, learning_rates=(0.01,))
MLP = {"64 units": models.mlp_model(24, 64)}


@pytest.fixture
def meaningless():
    images, labels = meaningless_digits(100)
    return data.Digits(images.reshape(-1, 8, 8), labels)


def study_of_the_older_gru(config, variants, digits, runs, name):
    """Trains the GRU without variants; the other models have made-up scores, each variant being a program to compile."""
    if name == models.OLDER:
        return trials.study(config, variants, digits, runs, name)
    places = np.array([[0.2, 0.5, 0.7], [0.3, 0.5, 0.8]])
    found = {"variant": np.array(list(variants)[-1]), "rate": np.array(0.01), "training": np.ones(2), "places": places}
    return found | ({"no margin": 1.25 - places} if name in models.SHARED else {})


def test_plates_runs(tmp_path, monkeypatch):
    images, labels = handwritten.load()
    monkeypatch.setattr(handwritten, "load", lambda: (images[:80], labels[:80]))
    monkeypatch.setattr(plates, "study", study_of_the_older_gru)
    options = [*SMALL, "--slots", "3", "--folds", "2", "--seeds", "1", "--learning-rates", "0.01"]
    folder, rows, summary = finished(plates.EXPERIMENT, options, tmp_path)
    assert len(rows) == (5 + 3) * 3
    assert [row["trained"] for row in rows[:3]] == ["yes", "never", "yes"]
    assert [row["margin"] for row in rows] == (["yes"] * 3 + ["no"] * 3) * 2 + ["yes"] * 9 + ["no"] * 3
    of_convolution = [float(row["accuracy"]) for row in rows if row["model"] == comparisons.LABELS["convolution"]]
    assert of_convolution == [0.25, 0.5, 0.75, 1.0, 0.75, 0.5]  # with the margin, and without
    assert len(list(folder.glob("parts/*.npz"))) == 5
    low, middle, high = summary["gru, places never trained"]
    assert low <= middle <= high
    assert len(summary["checks"]) == 8


@pytest.mark.parametrize("name", comparisons.LABELS)
def test_a_model_gives_a_logit_per_class_and_plate_of_any_length_if_it_shares_weights(name):
    """Its shapes, without a program: `test_plates_runs` trains one model alone."""
    model = list(models.candidates(3, slots=2)[name].values())[-1]
    network = jax.eval_shape(model.init, jax.random.key(0))
    for columns in (24, 16) if name in models.SHARED else (24,):
        assert jax.eval_shape(model.logits, network, np.zeros((columns, 5, 8), np.float32)).shape == (5, 10)


def test_a_plate_is_empty_but_for_its_place():
    images = jnp.asarray(np.random.default_rng(0).random((4, 8, 8)), jnp.float32)
    columns = np.asarray(data.plates(images, jnp.array([0, 2, 1, 2]), 3, 0.0))
    assert columns.shape == (8 * 4, 4, 8)
    for row, slot in enumerate([0, 2, 1, 2]):
        place = slice(8 * slot, 8 * slot + 8)
        np.testing.assert_allclose(columns[place, row], np.asarray(images[row]).T)  # column by column
        assert not np.delete(columns[:, row], place, axis=0).any()


def test_the_noise_of_a_plate_has_the_given_deviation():
    columns = data.noisy_plates(jnp.zeros((200, 8, 8)), jnp.zeros(200, jnp.int32), 3, 0.25, jax.random.key(0))
    assert float(columns.std()) == pytest.approx(0.25, rel=0.02)


def test_batches_hold_training_digits_at_trained_places_and_are_the_same_for_all_models():
    runs = plates.draw_runs(plates.Config(), handwritten.load()[1])
    assert len(runs) == len({run.seed for run in runs}) == 10
    first, again, other = (data.draw_batches(run, 20, 8, 5) for run in (runs[0], runs[0], runs[5]))
    assert set(np.unique(first.slots)) == {0, 2, 4}
    assert np.isin(first.chosen, runs[0].split.training).all()
    np.testing.assert_array_equal(first.chosen, again.chosen)
    assert (np.asarray(first.chosen) != np.asarray(other.chosen)).any()


def test_every_digit_is_for_validation_or_tested_once():
    labels = handwritten.load()[1]
    splits = draw_splits(labels, 5, 0)
    for split in splits:
        assert sorted(np.concatenate(split)) == list(range(len(labels)))
        np.testing.assert_array_equal(split.validation, splits[0].validation)
    tested = np.concatenate([split.test for split in splits])
    assert len(np.unique(tested)) == len(tested) == len(labels) - 360


def test_gru_and_convolution_have_equally_many_parameters_and_every_model_two_variants():
    made = models.candidates(plates.Config().hidden_size, plates.Config().slots)
    assert {name: len(variants) for name, variants in made.items()} == dict.fromkeys(comparisons.LABELS, 2) | {models.OLDER: 1}
    sizes = {name: {model.size() for model in variants.values()} for name, variants in made.items()}
    (ours,), (theirs,) = sizes["gru"], sizes["convolution"]
    assert theirs == pytest.approx(ours, rel=0.02)
    assert min(sizes["mlp"]) > ours


@pytest.mark.parametrize(("pool", "over"), [("mean", np.mean), ("max", np.max)])
def test_a_convolution_is_one_over_windows_of_one_digit(pool, over):
    model = models.convolution_model(5, pool)
    network = model.init(jax.random.key(0))._replace(cell=models.DenseParams(*draw_random(64, 5)))
    columns = jnp.asarray(np.random.default_rng(1).random((30, 2, 8), np.float32))
    kernel = network.cell.kernel.reshape(8, 8, 5)
    expected = jax.lax.conv_general_dilated(columns, kernel, (1,), "SAME", dimension_numbers=("WNC", "WIO", "WNC"))
    expected = over(np.maximum(np.asarray(expected + network.cell.bias), 0), axis=0)
    np.testing.assert_allclose(np.asarray(model.features(network, columns)), expected, rtol=1e-4, atol=1e-5)


def draw_random(inputs, outputs):
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=(inputs, outputs)), jnp.float32), jnp.asarray(rng.normal(size=outputs), jnp.float32)


@pytest.mark.leaks
@pytest.mark.parametrize("name", ["gru", "mlp"])
def test_models_learn_nothing_of_the_digits_they_are_tested_on(name, meaningless):
    config = dataclasses.replace(BRIEF, updates=450 if name == "gru" else 150)
    variants = MLP if name == "mlp" else {"mean": models.gru_model(32, "mean")}
    found = trials.study(config, variants, meaningless, plates.draw_runs(config, np.asarray(meaningless.labels)), name)
    assert found["training"].min() > 0.8
    assert found["places"].mean() < 0.25
    assert found["validation"].max() < 0.4


def test_variant_and_rate_are_chosen_on_validation_digits_alone():
    images, labels = handwritten.load()
    split = Split(np.arange(100), np.arange(100, 150), np.arange(150, 200))
    labels = np.where(np.isin(np.arange(len(labels)), split.validation), (labels + 1) % 10, labels)
    config = dataclasses.replace(BRIEF, learning_rates=(0.01, 1e-6))
    runs = [Run(split, seed) for seed in range(2)]
    found = trials.study(config, MLP, data.Digits(jnp.asarray(images), jnp.asarray(labels)), runs, "mlp")
    assert found["rate"] == 1e-6  # to learn helps with all digits but these


def test_places_never_trained_choose_nothing():
    images, labels = (part[:300] for part in handwritten.load())
    found = trials.study(
        BRIEF, MLP, data.Digits(jnp.asarray(images), jnp.asarray(labels)), plates.draw_runs(BRIEF, labels), "mlp"
    )
    assert found["places"][:, 1].max() < 0.4  # so that a mean over both places were below 0.7
    assert found["validation"].min() > 0.75


def test_without_the_margin_a_plate_ends_with_its_last_place():
    columns_seen = []

    def features(network, columns):
        columns_seen.append(len(columns))
        return jnp.broadcast_to(jnp.eye(10)[0], (columns.shape[1], 10))

    model = models.Model(lambda key: Network((), jnp.eye(10), jnp.zeros(10)), features)
    compiled = trials.functions(BRIEF, model)
    digits = data.Digits(jnp.zeros((4, 8, 8)), jnp.array([0, 1, 2, 0]))
    for accuracies in (compiled.with_margin, compiled.without):
        np.testing.assert_allclose(accuracies(model.init(jax.random.key(0)), digits, jax.random.key(0)), [0.5, 0.5])
    assert set(columns_seen) == {24, 16}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--slots", "1"], "--slots must be at least 2"),
        (["--noise", "-1"], "--noise must be at least 0"),
        (["--folds", "1"], "--folds must be at least 2"),
        (["--learning-rates", "0.01", "0.01"], "--learning-rates must be positive and differ"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(plates.EXPERIMENT, options, tmp_path / "results", capsys)


GOOD = {"gru": (0.95, 0.94), "convolution": (0.97, 0.97), "mlp": (0.90, 0.10), "linear": (0.92, 0.10), "gru_mean": (0.94, 0.93)}
"""Accuracies that meet all criteria, at trained places and at the others."""


def made(no_margin=0.5, older_no_margin=0.5, **changed) -> Results:
    """Results with these accuracies at four places, each spread a little over runs."""
    spread = 0.01 * np.random.default_rng(0).normal(size=(5, 10))
    spread -= spread.mean(axis=1, keepdims=True)
    curves = {
        name: np.stack([trained, never, trained, never]) + spread[i][:, None]
        for i, (name, (trained, never)) in enumerate((GOOD | changed).items())
    }
    for name in models.SHARED:
        curves[f"{name}, no margin"] = curves[name].copy()
    curves["gru, no margin"][:, -1] = no_margin + spread[3]
    curves["gru_mean, no margin"][:, -1] = older_no_margin + spread[3]
    return Results([], {}, curves)


def failures(results: Results) -> list[str]:
    checks = plates.check(plates.Config(), results)
    assert len(checks) == 8
    return [check.name[:3] for check in checks if not check.passed]


def test_all_criteria_can_be_met():
    assert failures(made()) == []


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({"gru": (0.86, 0.852)}, ["(1)"]),  # its mean is met, its bound is not
        ({"gru": (0.99, 0.90)}, ["(2)"]),
        ({"convolution": (0.86, 0.84)}, ["(3)"]),
        ({"convolution": (0.99, 0.90)}, ["(4)"]),
        ({"mlp": (0.9, 0.298)}, ["(5)"]),
        ({"linear": (0.9, 0.35)}, ["(6)"]),
        ({"no_margin": 0.85}, ["(7)"]),
        ({"older_no_margin": 0.84}, ["(8)"]),
    ],
)
def test_each_criterion_can_be_missed(changed, missed):
    assert failures(made(**changed)) == missed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "3.0 points fewer than a convolution"),
        ({"gru": (0.99, 0.99)}, "2.0 points more than a convolution"),
        ({"gru": (0.97, 0.97)}, "about as many as a convolution"),
    ],
)
def test_the_title_says_what_was_found(changed, said):
    text = figure.plot(made(**changed)).get_suptitle().replace("\n", " ")
    assert said in text
    assert "at most 10 %" in text


def test_places_are_told_apart():
    results = made()
    np.testing.assert_allclose(comparisons.at_trained(results, "mlp").mean(), 0.9)
    np.testing.assert_allclose(comparisons.at_never_trained(results, "mlp").mean(), 0.1)
