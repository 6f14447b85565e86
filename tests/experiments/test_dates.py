"""The experiment that writes dates in ISO 8601."""

import datetime
import re

import numpy as np
import pytest
from babel.dates import get_day_names, get_month_names
from runs import FILES, finished, refused

from experiments import dates
from experiments.common.command import main
from experiments.dates.data import END, FIRST, FORMATS, ISO, LAST, NUM_DAYS, alphabet, date_of, draw, longest, split, written

pytestmark = [pytest.mark.xdist_group("experiments"), pytest.mark.usefixtures("users_numerics")]

LANGUAGES = dates.Config().languages
TINY = [
    "--languages", "en_US", "de", "--hidden-size", "4", "--embed-size", "3", "--batch-size", "2", "--updates", "3",
    "--training-pairs", "20", "--test-pairs", "5", "--beam-width", "2", "--contexts", "attention",
]  # fmt: skip


def test_dates_runs_and_an_interrupted_run_continues(tmp_path, monkeypatch):
    folder, rows, summary = finished(dates.EXPERIMENT, TINY, tmp_path)
    assert [row["model"] for row in rows] == ["attention"]
    assert all(row["updates"] == "3" for row in rows)
    assert summary["loss of knowing only that it is a date of the century"] == pytest.approx(np.log(36525) / 11)
    metrics = (folder / "metrics.csv").read_bytes()
    for name in FILES - {"config.json", "parts"}:
        (folder / name).unlink()
    monkeypatch.setattr(dates, "train", None)  # everything is loaded
    main(dates.EXPERIMENT, [*TINY, "--resume", str(folder)])
    assert (folder / "metrics.csv").read_bytes() == metrics


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--languages", "en_US", "klingon"], "klingon"),
        (["--languages", "de", "de"], "languages"),
        (["--contexts", "last"], "contexts"),
        (["--held-out", "1"], "held_out"),
        (["--beam-width", "0"], "beam_width"),
        (["--seed", "-1"], "seed"),
    ],
)
def test_a_bad_option_stops_before_anything_is_written(options, message, tmp_path, capsys):
    assert message in refused(dates.EXPERIMENT, options, tmp_path / "results", capsys)


def test_no_date_is_in_training_and_held_out():
    training, held_out = split(0.1, seed=0)
    assert not set(training) & set(held_out)
    np.testing.assert_array_equal(np.sort(np.concatenate([training, held_out])), np.arange(NUM_DAYS))
    assert len(held_out) == round(0.1 * NUM_DAYS)
    assert np.isin(draw(held_out, 50, LANGUAGES, longest(LANGUAGES), seed=1).days, held_out).all()
    assert not np.array_equal(held_out, split(0.1, seed=1)[1])


def test_the_century_makes_years_of_two_digits_unambiguous():
    assert (date_of(0), date_of(NUM_DAYS - 1)) == (FIRST, LAST)
    assert len({year % 100 for year in range(FIRST.year, LAST.year + 1)}) == LAST.year - FIRST.year + 1


def test_every_written_date_is_in_its_language_and_means_its_iso_date():
    pairs = draw(split(0.1, 0)[1], 400, LANGUAGES, longest(LANGUAGES), seed=2)
    symbols = alphabet(LANGUAGES)
    assert set(pairs.languages) == set(range(len(LANGUAGES)))
    for i, day in enumerate(pairs.days):
        date, language, form = date_of(day), LANGUAGES[pairs.languages[i]], FORMATS[pairs.formats[i]]
        source = [symbols[code] for code in pairs.source[: pairs.lengths[i], i]]
        assert source == written(day, language, form)
        assert source[0] == f"<{language}>"
        assert not pairs.source[pairs.lengths[i] :, i].any()
        assert pairs.target[-1, i] == END
        iso = "".join(ISO[code] for code in pairs.target[:-1, i])
        assert datetime.date.fromisoformat(iso) == date
        text = "".join(source[1:])
        numbers = {int(number) for number in re.findall(r"\d+", text)}
        assert date.day in numbers
        assert numbers & {date.year, date.year % 100}
        if form == "full":
            assert get_day_names("wide", "format", language)[date.weekday()] in text
            assert get_month_names("wide", "format", language)[date.month] in text


def test_the_order_of_day_and_month_depends_on_the_language():
    day = (datetime.date(1987, 3, 4) - FIRST).days
    assert written(day, "en_US", "short") == ["<en_US>", *"3/4/87"]
    assert written(day, "es", "short") == ["<es>", *"4/3/87"]
    assert written(day, "de", "short") == ["<de>", *"04.03.87"]
