"""Dates as ten languages write them, in the middle of other text, and the same dates in ISO 8601."""

import datetime
import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from babel import Locale
from babel.dates import format_date

FORMATS = ("short", "medium", "long", "full")
"""The four lengths that the Unicode CLDR gives every language."""
SPELLED_OUT = ("long", "full")
"""The formats that write the whole name of the month: who has read one of them can read the other."""
FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)
"""One century, so that a year of two digits, as in 04.03.87, means one year only."""
NUM_DAYS = (LAST - FIRST).days + 1
ISO = "0123456789-"
END = len(ISO)
"""The symbol after a date, and also the one the decoder starts from."""
ISO_STEPS = len("2000-01-01") + 1
LETTERS = "abcdefghijklmnopqrstuvwxyz"
OTHER_TEXT = np.array([*LETTERS, *" " * 6])
"""What other text is drawn from: words of four letters on average."""


class Pairs(NamedTuple):
    """Written dates and what they mean.

    Attributes:
      source: symbols, the language's tag first, `[S, pairs]`; 0 in the padding.
      lengths: valid steps of the source, `[pairs]`.
      target: ISO characters and the end symbol, `[11, pairs]`.
      days: the dates, as days since `FIRST`, `[pairs]`.
      languages: which language, `[pairs]`.
      formats: which format, `[pairs]`.
    """

    source: np.ndarray
    lengths: np.ndarray
    target: np.ndarray
    days: np.ndarray
    languages: np.ndarray
    formats: np.ndarray


class Days(NamedTuple):
    """Days since `FIRST`, in three parts."""

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def date_of(day: int) -> datetime.date:
    """The date so many days after `FIRST`."""
    return FIRST + datetime.timedelta(days=int(day))


def meaning(day: int) -> str:
    """What is to be written: the date in ISO 8601."""
    return date_of(day).isoformat()


@functools.cache
def _locale(language: str) -> Locale:
    return Locale.parse(language)


def tag(language: str) -> str:
    """The symbol in front of a text that tells its language, for 3/4/87 is April in Spain."""
    return f"<{language}>"


def written(day: int, language: str, form: str) -> str:
    """A date as a language writes it."""
    return format_date(date_of(day), form, locale=_locale(language))


def _of_2000(languages: tuple[str, ...]) -> Iterator[str]:
    """All dates of a year in which every month has every weekday."""
    start = (datetime.date(2000, 1, 1) - FIRST).days
    return (written(day, name, form) for day in range(start, start + 366) for name in languages for form in FORMATS)


@functools.cache
def alphabet(languages: tuple[str, ...]) -> list[str]:
    """Padding, the tags, and every character that other text and the dates of the year 2000 need, in which all names occur."""
    return ["", *map(tag, languages), *sorted({*LETTERS, *" ", *"".join(_of_2000(languages))})]


@functools.cache
def longest(languages: tuple[str, ...]) -> int:
    """Symbols of the longest date with its tag."""
    return 1 + max(map(len, _of_2000(languages)))


def split(share: float, seed: int) -> Days:
    """Divides all days, whatever the language: a share for validation, the same share for testing, the rest for training."""
    order = np.random.default_rng(seed).permutation(NUM_DAYS)
    held_out = max(1, round(share * NUM_DAYS))
    return Days(*map(np.sort, (order[2 * held_out :], order[:held_out], order[held_out : 2 * held_out])))


def combinations(languages: tuple[str, ...], seed: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs (language, format) to train on, and those held out: long and full in turn, swapped for the next seed."""
    unseen = [(i, FORMATS.index(SPELLED_OUT[(i + seed) % 2])) for i in range(len(languages))]
    seen = [(i, j) for i in range(len(languages)) for j in range(len(FORMATS)) if (i, j) not in unseen]
    return seen, unseen


def draw(
    days: np.ndarray,
    count: int,
    languages: tuple[str, ...],
    pairs: list[tuple[int, int]],
    other: tuple[int, int],
    num_steps: int,
    rng: np.random.Generator,
) -> Pairs:
    """Draws written dates at random, each within other text that begins anywhere before it.

    Args:
      days: to choose from.
      count: of written dates.
      languages: Babel's names.
      pairs: (language, format) to choose from.
      other: the least and the most characters of other text around a date.
      num_steps: symbols of every source, after padding.
      rng: of everything that is drawn.
    """
    chosen = rng.choice(days, count)
    which, forms = np.array(pairs)[rng.integers(0, len(pairs), count)].T
    around = rng.integers(other[0], other[1] + 1, count)
    before = rng.integers(0, around + 1)
    noise = OTHER_TEXT[rng.integers(0, len(OTHER_TEXT), (count, other[1]))]
    code = {symbol: i for i, symbol in enumerate(alphabet(languages))}
    source, lengths = np.zeros((num_steps, count), np.int32), np.zeros(count, np.int32)
    target = np.full((ISO_STEPS, count), END, np.int32)
    for i in range(count):
        date = written(chosen[i], languages[which[i]], FORMATS[forms[i]])
        text = within(date, "".join(noise[i, : before[i]]), "".join(noise[i, before[i] : around[i]]))
        symbols = [code[symbol] for symbol in (tag(languages[which[i]]), *text)]
        source[: len(symbols), i], lengths[i] = symbols, len(symbols)
        target[:-1, i] = [ISO.index(character) for character in meaning(chosen[i])]
    return Pairs(source, lengths, target, chosen, which, forms)


def within(date: str, before: str, after: str) -> str:
    """A date between two texts, of whose characters those next to the date become spaces."""
    return (before[:-1] + " " if before else "") + date + (" " + after[1:] if after else "")
