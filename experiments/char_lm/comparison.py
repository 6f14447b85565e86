"""Losses of all models on the same characters, and the effect of an error, with intervals."""

from typing import Any

import numpy as np

from experiments.char_lm.baselines import CACHE, SMOOTHINGS, choose
from experiments.common.intervals import Interval, of_items

LSTM, NGRAM = "nats per character, lstm", "nats per character, n-gram chosen on the validation part"
CHOSEN, NEAREST = "nats per character, that n-gram minus lstm", "nats per character, nearest n-gram on the test part minus lstm"
FIRST = "prediction changed by an error, right after it"
FORCED, FREE = "prediction changed by an error, end of the true text", "characters changed by an error, end of the free run"
LAST = 10
"""Steps at the end whose mean is taken."""


def block_length(characters: int) -> int:
    """How many neighbours a bootstrap draws together: 1,000, or a twentieth of a shorter part."""
    return max(1, min(1000, characters // 20))


def compare(
    ngrams: dict[str, np.ndarray], lstm: np.ndarray, validation: float, name: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each model, with intervals of its loss and of what it needs more than the LSTM; and which were chosen.

    Args:
      ngrams: from `baselines`.
      lstm: -ln p of test characters.
      validation: mean of -ln p on the validation part.
      name: of the LSTM.
    """
    blocks = np.arange(len(lstm)) // block_length(len(lstm))
    names, means = [str(one) for one in ngrams["names"]], ngrams["validation"]
    tests = [np.asarray(losses, np.float64)[: len(lstm)] for losses in ngrams["test"]]
    found = [of_items(losses, blocks) for losses in (*tests, lstm)]
    more = [of_items(losses - lstm, blocks) for losses in tests]
    rows = [
        _row(model, float(mean), loss, excess)
        for model, mean, loss, excess in zip([*names, name], [*means, validation], found, [*more, None], strict=True)
    ]
    best = choose(names, means)
    return rows, {
        LSTM: found[-1],
        NGRAM: found[best],
        CHOSEN: more[best],
        NEAREST: min(more, key=lambda excess: excess.middle),
        "best n-gram": names[best],
        **{f"best {kind}": names[choose(names, means, kind)] for kind in (*SMOOTHINGS, CACHE)},
        "lstm": name,
    }


def _row(model: str, validation: float, loss: Interval, excess: Interval | None) -> dict[str, Any]:
    row = {"model": model, "validation nats": validation, "test nats": loss.middle, "low": loss.low, "high": loss.high}
    row["bits"] = loss.middle / np.log(2)
    return row if excess is None else row | {"minus lstm": excess.middle, "its low": excess.low, "its high": excess.high}


def measures_of(spread: dict[str, np.ndarray], block: int) -> dict[str, Interval]:
    """How much an error changes at first and at the end; errors that begin in the same block of text are drawn together."""
    blocks = spread["start"] // block
    return {
        FIRST: of_items(spread["forced"][0], blocks),
        FORCED: of_items(spread["forced"][-LAST:].mean(axis=0), blocks),
        FREE: of_items(spread["free"][-LAST:].mean(axis=0), blocks),
    }
