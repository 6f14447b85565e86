"""The figure of `benchmark`: times relative to the explicit pass, and against the length of the sequence."""

from typing import Any

import matplotlib.pyplot as plt

from experiments.common.figures import WIDTH, headline

LOOKS = {
    "autodiff": ("#56B4E9", "o"),
    "flax linen": ("#0072B2", "s"),
    "flax nnx": ("#009E73", "^"),
    "haiku": ("#E69F00", "v"),
    "equinox": ("#CC79A7", "D"),
    "torch": ("#D55E00", "X"),
}
"""Colour and marker of every library; "autodiff" is this one's own loop, differentiated."""
TICKS = (0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 40)


def draw_ratios(rows: list[dict[str, Any]]) -> Any:
    """Draws ratios with their intervals, of training steps and forward passes, and the length sweep."""
    timed = [row for row in rows if "library" in row]
    table = [row for row in timed if not row["size"].startswith("T=")]
    training, forward = ([row for row in table if row["what"] == what] for what in ("training step", "forward"))
    figure = plt.figure(figsize=(WIDTH, 10.5), layout="constrained")
    axes = figure.subplot_mosaic("AAA;BBC", height_ratios=(1.15, 1))
    _draw_table(axes["A"], training, "(a) Training step")
    _draw_table(axes["B"], forward, "(b) Forward pass")
    _draw_lengths(axes["C"], [row for row in timed if row["size"].startswith("T=")])
    handles = [axes["A"].plot([], [], marker, color=colour)[0] for colour, marker in LOOKS.values()]
    figure.legend(handles, list(LOOKS), loc="outside lower center", ncols=len(LOOKS))
    headline(figure, finding(training))
    return figure


def finding(training: list[dict[str, Any]]) -> str:
    """Counts the training steps in which other libraries are slower or faster for sure, by their intervals."""
    others = [row for row in training if row["library"] not in ("explicit", "autodiff")]
    slower, faster = (sum(test(row) for row in others) for test in (lambda row: row["low"] > 1, lambda row: row["high"] < 1))
    return (
        f"Training steps of other libraries against the explicit backward pass: {slower} of {len(others)} take longer, "
        f"{faster} less time, and {len(others) - slower - faster} cannot be told apart (95 % intervals)"
    )


def _draw_table(axes: Any, rows: list[dict[str, Any]], title: str) -> None:
    settings = list(dict.fromkeys((row["network"], row["size"]) for row in rows))
    for i, (library, (colour, marker)) in enumerate(LOOKS.items()):
        found = [row for row in rows if row["library"] == library]
        places = [settings.index((row["network"], row["size"])) + (i - 2.5) * 0.13 for row in found]
        middle = [row["explicit is faster by"] for row in found]
        errors = [[abs(row["explicit is faster by"] - row[name]) for row in found] for name in ("low", "high")]
        axes.errorbar(places, middle, yerr=errors, fmt=marker, ms=4.5, lw=1, color=colour)
    for place in range(0, len(settings), 2):
        axes.axvspan(place - 0.5, place + 0.5, color="0.95", zorder=0)
    axes.set_yscale("log")
    axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    axes.axhline(1, color="black", lw=1)
    axes.set_xticks(range(len(settings)), [f"{network}, {size}" for network, size in settings], rotation=55, ha="right")
    axes.set_xlim(-0.6, len(settings) - 0.4)
    axes.set_ylabel("time / time of the explicit pass")
    axes.set_title(f"{title}: geometric mean over rounds and its 95 % interval; above the line, slower")


def _draw_lengths(axes: Any, rows: list[dict[str, Any]]) -> None:
    for library, (colour, marker) in {"explicit": ("#000000", "."), **LOOKS}.items():
        found = [(int(row["size"][2:]), row["ms"]) for row in rows if row["library"] == library]
        if found:
            steps, ms = zip(*found, strict=True)
            axes.loglog(steps, ms, "-" if library == "explicit" else "--", marker=marker, ms=4.5, color=colour)
    axes.set(xlabel="steps T", ylabel="training step (ms)", title="(c) LSTM, B8 D32 H64; solid: explicit")
