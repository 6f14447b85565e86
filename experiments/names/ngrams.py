"""The letter n-grams that the networks of `names` are compared with."""

import itertools
from collections.abc import Callable

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

SETTINGS = tuple(itertools.product((2, 3, 4, 5), (1.0, 5.0, 25.0, 125.0)))
"""Longest n-gram (the shortest is a single letter) and C of logistic regression: as many as all networks have together."""


def make_fit(texts: list[str], languages: np.ndarray) -> Callable[[tuple[int, float], np.ndarray, int], np.ndarray]:
    """Logistic regression on n-grams within words, weighted by their rarity; nothing is random."""
    names = np.array(texts, object)

    def fit(setting: tuple[int, float], rows: np.ndarray, seed: int) -> np.ndarray:
        del seed
        longest, strength = setting
        ngrams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, longest))
        model = make_pipeline(ngrams, LogisticRegression(C=strength, max_iter=2000))
        with threadpool_limits(1):  # the products are small, and threads on few cores wait for each other
            return model.fit(names[rows], languages[rows]).predict(names)

    return fit
