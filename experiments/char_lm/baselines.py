"""All n-gram models on the same text, and which of them the validation part chooses."""

from collections.abc import Callable, Sequence

import numpy as np
from tqdm import tqdm

from experiments.char_lm.cache import cache
from experiments.char_lm.data import Corpus
from experiments.char_lm.kneser_ney import kneser_ney
from experiments.char_lm.witten_bell import witten_bell

SMOOTHINGS = {"Witten-Bell": witten_bell, "Kneser-Ney": kneser_ney}
CACHE = "cache"
WINDOWS = (300, 3_000, 30_000)
"""Symbols that a cache remembers."""
WEIGHTS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of a cache in its mixture with an n-gram model."""


def baselines(corpus: Corpus, max_order: int) -> dict[str, np.ndarray]:
    """Every n-gram model: its name, its mean loss on the validation part, and its loss of every test character.

    The last one mixes the best of the others with a cache, P = (1 - w) P_ngram + w P_cache; order, window and w of the cache
    are the best on the validation part.
    """
    symbols, cut = len(corpus.alphabet), corpus.end - corpus.split
    found = {"uniform": np.full(len(corpus.codes) - corpus.split, 1 / symbols)}
    for smoothing, model in tqdm(SMOOTHINGS.items(), desc="n-grams", leave=False):
        probabilities = model(corpus.codes, corpus.split, symbols, max_order)
        found |= {name_of(smoothing, order): probabilities[order] for order in range(1, max_order + 1)}
    test, validation = ({name: p[part] for name, p in found.items()} for part in (slice(cut), slice(cut, None)))
    means = {name: _loss(p) for name, p in validation.items()}
    best = min(means, key=means.__getitem__)
    name, recent, weight = _best_cache(corpus, validation[best], max_order)
    means[f"{best}, {name}"] = _loss(_mix(validation[best], recent(corpus.validation), weight))
    test[f"{best}, {name}"] = _mix(test[best], recent(corpus.test), weight)
    return {
        "names": np.array(list(means)),
        "validation": np.array(list(means.values())),
        "test": -np.log(np.stack(list(test.values()))).astype(np.float32),
    }


def name_of(smoothing: str, order: int) -> str:
    """What a model is called in the table."""
    return f"{smoothing}, order {order}"


def choose(names: Sequence[str], validation: np.ndarray, kind: str = "") -> int:
    """The model of lowest validation loss among those of a kind: a smoothing without a cache, `CACHE`, or all."""
    fits = [i for i, name in enumerate(names) if kind in name and (kind in ("", CACHE) or CACHE not in name)]
    return min(fits, key=validation.__getitem__)


def _best_cache(corpus: Corpus, static: np.ndarray, max_order: int) -> tuple[str, Callable[[np.ndarray], np.ndarray], float]:
    """Name, function of a part, and weight of the cache that helps a model most on the validation part."""
    symbols, found = len(corpus.alphabet), {}
    for window in tqdm(WINDOWS, desc="caches", leave=False):
        probabilities = cache(corpus.validation, symbols, max_order, window)[:, 1:]
        for order, recent in enumerate(probabilities, start=1):
            found |= {(order, window, weight): _loss(_mix(static, recent, weight)) for weight in WEIGHTS}
    order, window, weight = min(found, key=found.__getitem__)
    name = f"{CACHE} of {window:,} (order {order}, weight {weight:g})"
    return name, lambda codes: cache(codes, symbols, order, window)[-1, 1:], weight


def _mix(static: np.ndarray, recent: np.ndarray, weight: float) -> np.ndarray:
    return (1 - weight) * static + weight * recent


def _loss(probabilities: np.ndarray) -> float:
    return float(-np.log(probabilities).mean())
