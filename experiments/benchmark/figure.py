"""The figure of `benchmark`: times relative to the explicit pass, and against the length of the sequence."""

from typing import Any

import matplotlib.pyplot as plt

COLOURS = {
    "explicit": "#000000",
    "autodiff": "#56B4E9",
    "flax linen": "#0072B2",
    "flax nnx": "#009E73",
    "haiku": "#E69F00",
    "equinox": "#CC79A7",
    "torch": "#D55E00",
}


def draw_ratios(rows: list[dict[str, Any]]) -> Any:
    """Draws the ratios of the main table with their ranges, and the length sweep."""
    timed = [row for row in rows if row.get("what") == "training step"]
    table = [row for row in timed if not row["size"].startswith("T=")]
    lengths = [row for row in timed if row["size"].startswith("T=")]
    figure, axes = plt.subplots(1, 2, figsize=(13, 5.5), width_ratios=(3, 2), layout="constrained")
    _draw_table(axes[0], table)
    _draw_lengths(axes[1], lengths)
    others = [row["explicit is faster by"] for row in table if row["library"] != "explicit"]
    faster = sum(ratio > 1 for ratio in others)
    figure.suptitle(f"The explicit backward pass is faster in {faster} of {len(others)} rows (points above the line)")
    return figure


def _draw_table(axes: Any, rows: list[dict[str, Any]]) -> None:
    settings = list(dict.fromkeys((row["network"], row["size"]) for row in rows))
    for library, colour in COLOURS.items():
        found = [row for row in rows if row["library"] == library]
        if library == "explicit" or not found:
            continue
        places = [settings.index((row["network"], row["size"])) for row in found]
        middle = [row["explicit is faster by"] for row in found]
        below = [row["explicit is faster by"] - row["least"] for row in found]
        above = [row["most"] - row["explicit is faster by"] for row in found]
        axes.errorbar(places, middle, yerr=[below, above], fmt="o", ms=5, lw=1, color=colour, label=library)
    axes.set_yscale("log")
    axes.set_yticks((0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 40), ("0.5", "0.7", "1", "1.5", "2", "3", "5", "10", "20", "40"))
    axes.minorticks_off()
    axes.axhline(1, color=COLOURS["explicit"], lw=1)
    axes.set_xticks(range(len(settings)), [f"{network}\n{size}" for network, size in settings], rotation=60, fontsize=8)
    axes.set_ylabel("time of a training step / explicit pass\n(median and range over rounds)")
    axes.set_title("Training step")
    axes.legend(fontsize=8)


def _draw_lengths(axes: Any, rows: list[dict[str, Any]]) -> None:
    for library, colour in COLOURS.items():
        found = [(int(row["size"][2:]), row["ms"]) for row in rows if row["library"] == library]
        if found:
            steps, ms = zip(*found, strict=True)
            axes.loglog(steps, ms, "o-", ms=4, color=colour, label=library)
    axes.set_xlabel("steps T")
    axes.set_ylabel("training step [ms]")
    axes.set_title("LSTM, batch 8, 32 inputs, 64 units")
    if rows:
        axes.legend(fontsize=8)
