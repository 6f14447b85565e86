"""All n-gram models on the same text, and which of them the validation part chooses."""

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from experiments.char_lm.cache import cache
from experiments.char_lm.data import Corpus
from experiments.char_lm.kneser_ney import kneser_ney
from experiments.char_lm.witten_bell import witten_bell

SMOOTHINGS = {"Witten-Bell": witten_bell, "Kneser-Ney": kneser_ney}
CACHE = "cache"
WINDOWS = (3_000, 30_000, 300_000)
"""Symbols that a cache remembers."""
WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Shares of a cache in its mixture with another model."""


def ngram_losses(corpus: Corpus, max_order: int) -> dict[str, np.ndarray]:
    """Every n-gram model: its name, its mean loss on the validation part, and its loss of every test character.

    The last one mixes the best of the others with a cache.
    """
    symbols, cut = len(corpus.alphabet), corpus.end - corpus.split
    found = {"uniform": np.full(len(corpus.codes) - corpus.split, 1 / symbols)}
    for smoothing, model in tqdm(SMOOTHINGS.items(), desc="n-grams", leave=False):
        probabilities = model(corpus.codes, corpus.split, symbols, max_order)
        found |= {name_of(smoothing, order): probabilities[order] for order in range(1, max_order + 1)}
    test, validation = ({name: p[part] for name, p in found.items()} for part in (slice(cut), slice(cut, None)))
    means = {name: _loss(p) for name, p in validation.items()}
    best = min(means, key=means.__getitem__)
    name, mixed, test_mixed = with_cache(corpus, validation[best], test[best], max_order)
    means[f"{best}, {name}"], test[f"{best}, {name}"] = _loss(mixed), test_mixed
    return {
        "names": np.array(list(means)),
        "validation": np.array(list(means.values())),
        "test": -np.log(np.stack(list(test.values()))).astype(np.float32),
    }


def name_of(smoothing: str, order: int) -> str:
    """What a model is called in the table."""
    return f"{smoothing}, order {order}"


def choose(names: Sequence[str], validation: np.ndarray, kind: str = "", cached: bool | None = None) -> int:
    """The model of lowest validation loss among those with a word in their name, and with, without, or whatever the cache."""
    fits = [i for i, name in enumerate(names) if kind in name and cached in (None, CACHE in name)]
    return min(fits, key=validation.__getitem__)


def with_cache(corpus: Corpus, validation: np.ndarray, test: np.ndarray, max_order: int) -> tuple[str, np.ndarray, np.ndarray]:
    """P = (1 - w) P_model + w P_cache, with the order, window and w of the cache that are best on the validation part.

    Args:
      corpus: the text.
      validation: probabilities P_model of the validation part, from its beginning.
      test: those of the test part.
      max_order: the longest n-gram of the cache.

    Returns:
      What was chosen, in words, and the mixtures of both parts.
    """
    symbols, found = len(corpus.alphabet), {}
    for window in tqdm(WINDOWS, desc="caches", leave=False):
        for order, recent in enumerate(cache(corpus.validation, symbols, max_order, window), start=1):
            found |= {(order, window, weight): _loss(_mix(validation, recent, weight)) for weight in WEIGHTS}
    order, window, weight = min(found, key=found.__getitem__)
    mixed, test_mixed = (
        _mix(model, cache(codes, symbols, order, window)[-1], weight)
        for model, codes in ((validation, corpus.validation), (test, corpus.test))
    )
    return f"{CACHE} of {window:,} (order {order}, weight {weight:g})", mixed, test_mixed


def _mix(model: np.ndarray, recent: np.ndarray, weight: float) -> np.ndarray:
    return (1 - weight) * model + weight * recent[1 : len(model) + 1]  # the first is of the character before the part


def _loss(probabilities: np.ndarray) -> float:
    return float(-np.log(probabilities).mean())
