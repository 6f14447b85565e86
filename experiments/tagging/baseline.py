"""A network without recurrence that sees the characters around."""

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier
from tqdm import tqdm

from experiments.tagging.data import CLASSES, Corpus, cut, one_hot_contexts


def predict_from_around(config: Any, training: Corpus, symbols: int, reach: int, held: list[np.ndarray]) -> list[np.ndarray]:
    """What 64 ReLU units, fitted to `reach` characters on both sides, say of each of some arrays of windows `[T, N]`."""
    starts = np.random.default_rng(config.seed).choice(training.starts, -(-config.baseline_characters // config.window))
    xs = one_hot_contexts(cut(training.codes, starts, config.window), reach, reach, symbols)
    model = MLPClassifier(hidden_layer_sizes=(64,), random_state=config.seed)
    for _ in tqdm(range(config.baseline_epochs), desc=f"tagging, window of {reach}", unit="epoch", leave=False):
        model.partial_fit(xs, cut(training.labels, starts, config.window).reshape(-1), classes=np.arange(len(CLASSES)))
    said = (np.asarray(model.predict(one_hot_contexts(codes, reach, reach, symbols))).reshape(codes.shape) for codes in held)
    return [one.astype(np.int8) for one in said]
