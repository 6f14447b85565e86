"""The figure of `plates`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results

COLOURS = {"gru": "#0072B2", "mlp": "#D55E00", "linear": "#009E73"}
LABELS = {"gru": "GRU, reading columns", "mlp": "MLP on the whole plate", "linear": "logistic regression on the whole plate"}


def plot(results: Results):
    """Draws accuracy by place for each model."""
    figure, axis = plt.subplots(figsize=(10, 6), layout="constrained")
    places = np.arange(results.curves["gru"].shape[1])
    for offset, (name, colour) in enumerate(COLOURS.items()):
        values = results.curves[name]
        axis.bar(places + 0.27 * (offset - 1), np.median(values, axis=0), 0.25, color=colour, label=LABELS[name])
        for seed in values:
            axis.plot(places + 0.27 * (offset - 1), seed, ".", color="black", markersize=4)
    axis.axhline(0.1, color="grey", linestyle=":", label="chance")
    axis.set_xticks(places, [f"place {p}\n{'trained' if p % 2 == 0 else 'never trained'}" for p in places])
    axis.set(ylabel="accuracy on held-out digits (bar: median, dots: seeds)", ylim=(0, 1.02))
    summary = results.summary
    axis.set_title(
        f"Digits at places never trained: GRU {summary['gru, places never trained']:.1%}, "
        f"MLP {summary['mlp, places never trained']:.1%}, chance 10 %"
    )
    figure.legend(loc="outside lower center", ncols=4)
    return figure
