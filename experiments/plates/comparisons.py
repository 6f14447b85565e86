"""What the models get at trained places, at places never trained, and without the margin, run by run."""

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean
from experiments.plates.data import trained_slots
from experiments.plates.models import OLDER

LABELS = {
    "gru": "GRU, reading columns",
    "convolution": "convolution over columns",
    "mlp": "MLP on the whole plate",
    "linear": "logistic regression on the whole plate",
    OLDER: "GRU, states averaged",
}


def at_trained(results: Results, name: str) -> np.ndarray:
    """Accuracies `[run]`, averaged over the trained places."""
    places = results.curves[name]
    return places[:, trained_slots(places.shape[1])].mean(axis=1)


def at_never_trained(results: Results, name: str) -> np.ndarray:
    """Accuracies `[run]`, averaged over the places never trained."""
    places = results.curves[name]
    return np.delete(places, trained_slots(places.shape[1]), axis=1).mean(axis=1)


def gru_minus_convolution(results: Results) -> Interval:
    """How much more the GRU gets right at places never trained."""
    return of_mean(at_never_trained(results, "gru") - at_never_trained(results, "convolution"))


def lost_without_margin(results: Results, name: str) -> Interval:
    """How much less a model gets right at the last place if the plate ends there."""
    return of_mean(results.curves[name][:, -1] - results.curves[f"{name}, no margin"][:, -1])
