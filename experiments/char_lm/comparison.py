"""Losses of all models on the same characters, and the effect of an error, with intervals."""

from typing import Any

import numpy as np

from experiments.char_lm.baselines import SMOOTHINGS, choose
from experiments.common.intervals import Interval, of_items

LSTM, NGRAM = "nats per character, lstm", "nats per character, n-gram chosen on the validation part"
CHOSEN, NEAREST = "nats per character, that n-gram minus lstm", "nats per character, nearest n-gram on the test part minus lstm"
FIXED, CACHED = (f"nats per character, n-gram {kind} cache minus lstm {kind} cache" for kind in ("without", "with"))
FIRST = "prediction changed by an error, right after it"
FORCED, FREE = "prediction changed by an error, end of the true text", "characters changed by an error, end of the free run"
LAST = 10
"""Steps at the end whose mean is taken."""


def block_length(characters: int) -> int:
    """How many neighbours a bootstrap draws together: 1,000, or a twentieth of a shorter part."""
    return max(1, min(1000, characters // 20))


def compare(ngrams: dict[str, np.ndarray], lstms: dict[str, np.ndarray]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each model, with intervals of its loss and of what it needs more than the LSTM; differences; and the chosen.

    Args:
      ngrams: from `ngram_losses`.
      lstms: the same of the LSTM, and of the LSTM with a cache.
    """
    characters = lstms["test"].shape[1]
    blocks = np.arange(characters) // block_length(characters)
    names, means = [str(one) for one in ngrams["names"]], ngrams["validation"]
    test, (lstm, cached) = ngrams["test"][:, :characters].astype(np.float64), lstms["test"].astype(np.float64)
    found, more = ([of_items(losses, blocks) for losses in (*test - less, cached - less)] for less in (0, lstm))
    best, fixed, best_cached = (choose(names, means, cached=kind) for kind in (None, False, True))
    rows = [
        _row(name, float(mean), loss, excess)
        for name, mean, loss, excess in zip(
            [*names, *map(str, lstms["names"])],
            [*means, *lstms["validation"]],
            [*found[:-1], of_items(lstm, blocks), found[-1]],
            [*more[:-1], None, more[-1]],
            strict=True,
        )
    ]
    return rows, {
        LSTM: of_items(lstm, blocks),
        NGRAM: found[best],
        CHOSEN: more[best],
        NEAREST: min(more[:-1], key=lambda excess: excess.middle),
        FIXED: more[fixed],
        CACHED: of_items(test[best_cached] - cached, blocks),
        "best n-gram": names[best],
        "shown": [names[choose(names, means, kind, cached=False)] for kind in SMOOTHINGS]
        + [names[best_cached], *map(str, lstms["names"])],
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
