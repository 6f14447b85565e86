"""Dates as ten languages write them, and the same dates in ISO 8601."""

import datetime
import functools
from typing import NamedTuple

import numpy as np
from babel.dates import format_date

FORMATS = ("short", "medium", "long", "full")
"""The four lengths that the Unicode CLDR gives every language."""
FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)
"""One century, so that a year of two digits, as in 04.03.87, means one year only."""
ISO = "0123456789-"
END = len(ISO)
"""The symbol after a date, and also the one the decoder starts from."""
ISO_STEPS = len("2000-01-01") + 1


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


def date_of(day: int) -> datetime.date:
    """The date so many days after `FIRST`."""
    return FIRST + datetime.timedelta(days=int(day))


NUM_DAYS = (LAST - FIRST).days + 1


def written(day: int, language: str, form: str) -> list[str]:
    """The symbols of a written date: the language's tag as one symbol, for 3/4/87 is April in Spain, then the characters."""
    return [f"<{language}>", *format_date(date_of(day), form, locale=language)]


@functools.cache
def alphabet(languages: tuple[str, ...]) -> list[str]:
    """Padding, the tags, and every character that dates of the year 2000 need, in which every name occurs."""
    start = (datetime.date(2000, 1, 1) - FIRST).days
    found = {s for d in range(start, start + 366) for name in languages for form in FORMATS for s in written(d, name, form)[1:]}
    return ["", *(f"<{name}>" for name in languages), *sorted(found)]


def split(share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divides all days into those for training and those held out, whatever the language."""
    order = np.random.default_rng(seed).permutation(NUM_DAYS)
    held_out = max(1, round(share * NUM_DAYS))
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def draw(days: np.ndarray, count: int, languages: tuple[str, ...], num_steps: int, seed: int) -> Pairs:
    """Draws days, languages and formats at random and writes them; every source is padded to `num_steps`."""
    rng = np.random.default_rng(seed)
    chosen, which, forms = rng.choice(days, count), rng.integers(0, len(languages), count), rng.integers(0, 4, count)
    code = {symbol: i for i, symbol in enumerate(alphabet(languages))}
    source, lengths = np.zeros((num_steps, count), np.int32), np.zeros(count, np.int32)
    target = np.full((ISO_STEPS, count), END, np.int32)
    for i, (day, language, form) in enumerate(zip(chosen, which, forms, strict=True)):
        symbols = [code[s] for s in written(day, languages[language], FORMATS[form])]
        source[: len(symbols), i], lengths[i] = symbols, len(symbols)
        target[:-1, i] = [ISO.index(c) for c in date_of(day).isoformat()]
    return Pairs(source, lengths, target, chosen, which, forms)


@functools.cache
def longest(languages: tuple[str, ...]) -> int:
    """Symbols of the longest date: two-digit days of the year 2000, in which every weekday meets every month."""
    start = (datetime.date(2000, 1, 1) - FIRST).days
    return max(len(written(d, name, form)) for d in range(start, start + 366) for name in languages for form in FORMATS)
