"""The experiment that writes dates in ISO 8601: data, leaks, choices, criteria, figure."""

import datetime
import re
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from babel.dates import get_day_names, get_month_names
from runs import FILES, drawn_empty, finished, refused

from experiments import dates
from experiments.common.command import main
from experiments.common.experiment import Results
from experiments.common.parts import compute_now
from experiments.dates import networks
from experiments.dates.data import (
    END,
    FIRST,
    FORMATS,
    ISO,
    ISO_STEPS,
    LAST,
    NUM_DAYS,
    SPELLED_OUT,
    alphabet,
    combinations,
    date_of,
    draw,
    longest,
    split,
    within,
    written,
)  # fmt: skip
from experiments.dates.figure import finding
from recurrent import Layer

pytestmark = [pytest.mark.xdist_group("experiments"), pytest.mark.usefixtures("users_numerics")]

LANGUAGES = dates.Config().languages
TINY = [
    "--languages", "en_US", "de", "--hidden-size", "4", "--embed-size", "3", "--batch-size", "2", "--updates", "3",
    "--training-pairs", "20", "--test-pairs", "5", "--seeds", "2", "--other-text", "2",
    "--tested-texts", "0", "3", "--learning-rates", "0.01",
]  # fmt: skip
SMALL = dates.Config(
    languages=("en_US", "de"),
    hidden_size=4,
    embed_size=3,
    training_pairs=200,
    test_pairs=50,
    other_text=4,
    tested_texts=(0, 4, 9),
)


def test_dates_runs_and_an_interrupted_run_continues(tmp_path, monkeypatch):
    """Attention is trained; the last state has made-up scores, for its programs take as long to compile."""
    one_network = dates.one_network

    def some_network(config, context, seed, data, rates):
        if context == "attention":
            return one_network(config, context, seed, data, rates)
        scores = {"exact": np.linspace(0, 1, len(data.tests)), "parameters": np.array(7), "learning rate": np.array(rates[0])}
        courses = {"training": np.ones(config.updates), "validation": np.ones(len(rates))}
        return {**courses, **scores, "updates to low loss": np.array([np.inf, 9.0][seed])}

    monkeypatch.setattr(dates, "one_network", some_network)
    folder, rows, summary = finished(dates.EXPERIMENT, TINY, tmp_path)
    assert [row["model"] for row in rows[:2]] == ["last", "attention"]
    assert {row["test"] for row in rows} == {"trained combinations", "unseen combinations", *(
        f"{n} characters of other text" for n in (0, 3)
    )}  # fmt: skip
    assert summary["updates to loss 0.01"] == {"last": ["never", 9], "attention": ["never"] * 2}
    assert [float(row["exact match"]) for row in rows[:8:2]] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert summary["loss of knowing only that it is a date of the century"] == pytest.approx(np.log(36525) / 11)
    metrics = (folder / "metrics.csv").read_bytes()
    for name in FILES - {"config.json", "parts"}:
        (folder / name).unlink()
    monkeypatch.setattr(dates, "data_of", None)  # everything is loaded
    main(drawn_empty(dates.EXPERIMENT), [*TINY, "--resume", str(folder)])
    assert (folder / "metrics.csv").read_bytes() == metrics


def test_the_last_state_joins_both_ends_of_the_source():
    ys = np.random.default_rng(0).normal(size=(5, 2, 6))  # forward and backward states of three units each
    both = networks.both_ends(Layer(None, lambda params, xs, state: (state, xs), None)).apply(None, ys, None)[1]
    np.testing.assert_allclose(both[:, :, :3], ys[:, :, :3], rtol=1e-6)
    np.testing.assert_allclose(both[:, :, 3:], np.tile(ys[0, :, 3:], (5, 1, 1)), rtol=1e-6)


def test_a_model_with_the_last_state_gives_a_loss_per_date_and_weights_per_symbol():
    """Its shapes, without a program: `test_dates_runs_and_an_interrupted_run_continues` trains attention alone."""
    of = networks.functions(networks.Sizes(9, 3, 4, "last"))
    source, lengths, target = (np.zeros(shape, np.int32) for shape in ((7, 2), (2,), (ISO_STEPS, 2)))
    losses, weights = jax.eval_shape(of.look, jax.eval_shape(of.init, jax.random.key(0)), source, lengths, target)
    assert (losses.shape, weights.shape) == ((2,), (ISO_STEPS, 7, 2))


def test_attention_alone_with_one_seed_is_drawn_and_not_judged(tmp_path, capsys):
    _, rows, _ = finished(dates.EXPERIMENT, [*TINY, "--seeds", "1", "--contexts", "attention"], tmp_path)
    assert {row["model"] for row in rows} == {"attention", "most frequent training date"}
    assert "verdict: none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--languages", "en_US", "klingon"], "klingon"),
        (["--languages", "de", "de"], "--languages"),
        (["--contexts", "last"], "--contexts"),
        (["--contexts", "attention", "attention"], "--contexts"),
        (["--held-out", "0.5"], "--held-out"),
        (["--learning-rates", "0.01", "0.01"], "--learning-rates"),
        (["--learning-rates", "0.01", "-0.01"], "--learning-rates"),
        (["--tested-texts", "0", "10"], "--tested-texts"),
        (["--tested-texts", "30", "20"], "--tested-texts"),
        (["--seeds", "0"], "--seeds"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(dates.EXPERIMENT, options, tmp_path / "results", capsys)


def test_every_day_is_in_one_part_only():
    days = split(0.1, seed=0)
    np.testing.assert_array_equal(np.sort(np.concatenate(days)), np.arange(NUM_DAYS))
    assert len(days.validation) == len(days.test) == round(0.1 * NUM_DAYS)
    assert not np.array_equal(days.test, split(0.1, seed=1).test)


def test_every_combination_is_trained_or_held_out_and_the_month_is_spelled_out_in_training():
    seen, unseen = combinations(LANGUAGES, seed=0)
    assert sorted(seen + unseen) == [(i, j) for i in range(10) for j in range(4)]
    assert [i for i, _ in unseen] == list(range(10))
    spelled_out = {FORMATS.index(form) for form in SPELLED_OUT}
    assert {j for _, j in unseen} == spelled_out
    assert {(i, j) for i in range(10) for j in spelled_out} - set(unseen) <= set(seen)
    assert not set(unseen) & set(combinations(LANGUAGES, seed=1)[1])


def test_a_seed_is_tested_on_days_combinations_and_lengths_it_has_not_trained():
    data, (seen, unseen), days = dates.data_of(SMALL, 1), combinations(SMALL.languages, 1), split(0.1, 1)
    parts = [(data.training, days.training), (data.validation, days.validation), *((test, days.test) for test in data.tests)]
    for i, (pairs, allowed) in enumerate(parts):
        assert np.isin(pairs.days, allowed).all()
        assert set(zip(pairs.languages, pairs.formats, strict=True)) == set(unseen if i == 3 else seen)
    assert not set(seen) & set(unseen)
    assert len(data.tests) == len(dates.test_names(SMALL))
    for pairs, (least, most) in zip(
        [data.training, *data.tests], [(0, 4), (0, 4), (0, 4), (0, 0), (4, 4), (9, 9)], strict=True
    ):
        other = [
            length - 1 - len(written(day, SMALL.languages[language], FORMATS[form]))
            for length, day, language, form in zip(pairs.lengths, pairs.days, pairs.languages, pairs.formats, strict=True)
        ]
        assert (min(other), max(other)) == (least, most)


def test_the_century_makes_years_of_two_digits_unambiguous():
    assert (date_of(0), date_of(NUM_DAYS - 1)) == (FIRST, LAST)
    assert len({year % 100 for year in range(FIRST.year, LAST.year + 1)}) == LAST.year - FIRST.year + 1


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [("", "", "4.3.87"), ("abc", "", "ab 4.3.87"), ("", "abc", "4.3.87 bc"), ("a", "b", " 4.3.87 ")],
)
def test_other_text_keeps_a_space_from_the_date(before, after, text):
    assert within("4.3.87", before, after) == text


def test_every_written_date_is_in_its_language_and_means_its_iso_date():
    everything = [(i, j) for i in range(10) for j in range(4)]
    rng = np.random.default_rng(2)
    pairs = draw(split(0.1, 0).test, 400, LANGUAGES, everything, (0, 6), longest(LANGUAGES) + 6, rng)
    symbols = alphabet(LANGUAGES)
    assert set(pairs.languages) == set(range(len(LANGUAGES)))
    for i, day in enumerate(pairs.days):
        date, language, form = date_of(day), LANGUAGES[pairs.languages[i]], FORMATS[pairs.formats[i]]
        source = [symbols[code] for code in pairs.source[: pairs.lengths[i], i]]
        assert source[0] == f"<{language}>"
        assert not pairs.source[pairs.lengths[i] :, i].any()
        text = written(day, language, form)
        around = "".join(source[1:]).split(text)
        assert len(around) == 2
        assert not any(re.search(r"\d", some) for some in around)
        assert pairs.target[-1, i] == END
        iso = "".join(ISO[code] for code in pairs.target[:-1, i])
        assert datetime.date.fromisoformat(iso) == date
        numbers = {int(number) for number in re.findall(r"\d+", text)}
        assert date.day in numbers
        assert numbers & {date.year, date.year % 100}
        if form == "full":
            assert get_day_names("wide", "format", language)[date.weekday()] in text
            assert get_month_names("wide", "format", language)[date.month] in text


def test_the_order_of_day_and_month_depends_on_the_language():
    day = (datetime.date(1987, 3, 4) - FIRST).days
    assert written(day, "en_US", "short") == "3/4/87"
    assert written(day, "es", "short") == "4/3/87"
    assert written(day, "de", "short") == "04.03.87"


@pytest.mark.leaks
@pytest.mark.usefixtures("optimised")
def test_days_with_meanings_drawn_at_random_are_learned_and_not_told_of_held_out_days(monkeypatch):
    """Only a leak between the parts could tell what a held-out day means."""
    meanings = [date_of(day).isoformat() for day in np.random.default_rng(0).integers(0, NUM_DAYS, 20)]
    monkeypatch.setattr("experiments.dates.data.NUM_DAYS", 20)
    monkeypatch.setattr("experiments.dates.data.meaning", lambda day: meanings[day])
    config = dates.Config(
        languages=("en_US",), contexts=("attention",), other_text=0, tested_texts=(1,), hidden_size=24, embed_size=16,
        batch_size=16, updates=400, learning_rates=(1e-2,), training_pairs=100, test_pairs=40, held_out=0.2, seeds=1,
    )  # fmt: skip
    curves = dates.run(config, compute_now).curves
    assert curves["training/attention"][0, -20:].mean() < 0.03  # which of twelve days alone would be ln 12 / 11 = 0.23
    assert curves["exact/attention"].max() < 0.1


def test_the_learning_rate_is_chosen_on_validation_days(monkeypatch):
    data, looked_at = dates.data_of(SMALL, 0), []

    def mean_loss(of, rate, pairs):
        looked_at.append(pairs)
        return {0.1: 2.0, 0.2: 1.0, 0.3: 3.0}[float(rate)]

    monkeypatch.setattr(
        dates, "train", lambda of, pairs, *, learning_rate, **_: (np.array(learning_rate), np.full(30, learning_rate))
    )
    monkeypatch.setattr(dates, "mean_loss", mean_loss)
    monkeypatch.setattr(dates, "right", lambda of, rate, pairs: np.full(3, rate))
    monkeypatch.setattr(dates, "functions", lambda of: SimpleNamespace(look=lambda *_: (None, np.zeros((11, 99, 1)))))
    found = dates.one_network(SMALL, "attention", 0, data, (0.1, 0.2, 0.3))
    assert [pairs is data.validation for pairs in looked_at] == [True] * 3
    assert found["learning rate"] == 0.2
    np.testing.assert_allclose(found["exact"], 0.2)
    np.testing.assert_array_equal(found["training"], 0.2)


def test_updates_are_counted_to_the_end_of_the_first_mean_below_the_target():
    losses = np.concatenate([np.ones(30), np.zeros(50)])
    assert dates.updates_to(0.01, losses) == 50
    assert dates.updates_to(0.01, losses[:40]) == np.inf
    assert dates.updates_to(0.01, losses[:10]) == np.inf


def found(attention=(0.995, 0.95, 0.99, 0.95), last=(0.98, 0.85, 0.97, 0.6), updates=(150.0, 600.0)) -> Results:
    """Results of three seeds that differ by little; tests in the order trained, unseen, a short text, the longest one."""
    spread = np.array([-0.001, 0.0, 0.001])[:, None]
    curves = {}
    for context, exact, arrived in zip(("attention", "last"), (attention, last), updates, strict=True):
        sign = 1 if context == "attention" else -1
        curves[f"exact/{context}"] = np.array([exact]) + sign * spread
        curves[f"updates to low loss/{context}"] = arrived + np.array([-5.0, 0.0, 5.0])
        curves[f"training/{context}"] = np.zeros((3, 1000))
    return Results([], {"other text": [0, 40], "contexts": ["last", "attention"]}, curves)


JUDGED = dates.Config(seeds=3, tested_texts=(0, 40))


def missed(results):
    return [i for i, check in enumerate(dates.check(JUDGED, results)) if not check.passed]


def test_the_criteria_are_met_by_attention_that_is_ahead_and_faster():
    assert len(dates.check(JUDGED, found())) == 6
    assert not missed(found())


@pytest.mark.parametrize(
    ("broken", "criterion"),
    [
        ({"attention": (0.989, 0.95, 0.99, 0.95)}, 0),
        ({"last": (0.98, 0.94, 0.97, 0.6)}, 1),
        ({"last": (0.985, 0.85, 0.97, 0.848)}, 2),
        ({"last": (0.68, 0.85, 0.97, 0.6)}, 3),
        ({"attention": (0.995, 0.95, 0.99, 0.88)}, 4),
        ({"updates": (150.0, 290.0)}, 5),
        ({"updates": (np.inf, 290.0)}, 5),
    ],
)
def test_a_criterion_is_missed_alone(broken, criterion):
    assert missed(found(**broken)) == [criterion]


def test_a_bound_decides_and_not_the_mean():
    results = found()
    results.curves["exact/attention"][:, 0] = [0.999, 0.999, 0.98]  # mean 0.993
    assert missed(results) == [0]


def test_a_last_state_that_never_arrives_counts_with_all_its_updates():
    results = found(updates=(150.0, np.inf))
    np.testing.assert_allclose(dates.speedups(results.curves), 1000 / np.array([145, 150, 155]))


def test_nothing_is_judged_without_a_comparison():
    assert dates.check(dates.Config(contexts=("attention",)), found()) == []
    assert dates.check(dates.Config(seeds=1), found()) == []


def test_the_title_says_what_the_intervals_say():
    assert "35.0 points ahead of the last state" in finding(found())
    assert "10.0 points behind the last state" in finding(found(last=(0.98, 0.85, 0.97, 0.98), attention=(0.9, 0.9, 0.9, 0.88)))
    assert "not told apart from it" in finding(found(last=(0.98, 0.95, 0.97, 0.6)))
