"""The figure of `dates`."""

import matplotlib.pyplot as plt
import numpy as np

from experiments.common.experiment import Results
from experiments.common.figures import PALETTE
from experiments.dates.data import FORMATS, ISO

LABELS = {"none": "no context", "last": "last state", "transformed": "transformed state", "attention": "attention"}
STYLES = dict(zip(LABELS, (":", "--", "-.", "-"), strict=True))


def plot(results: Results):
    """Draws training losses, exact matches, exact matches by language and format, and one attention map."""
    figure, ((losses, matches), (table, attention)) = plt.subplots(
        2, 2, figsize=(17, 12), layout="constrained", gridspec_kw={"width_ratios": [1, 1.25]}
    )
    _losses(losses, results)
    _matches(matches, results)
    _languages(table, results)
    _attention(attention, results)
    names = [LABELS[row["model"]] for row in reversed(results.rows)]
    exact, beam = ([f"{row[f'exact match {how}']:.1%}" for row in reversed(results.rows)] for how in ("greedy", "beam"))
    fast = ", ".join(str(row["updates to 0.01"]) for row in reversed(results.rows))
    figure.suptitle(
        f"Held-out dates in {len(results.summary['languages'])} languages to ISO 8601, written exactly: "
        f"{', '.join(f'{name} {share}' for name, share in zip(names, exact, strict=True))}\n"
        f"(with a beam of {results.summary['beam width']}: {', '.join(beam)}). Updates to a training loss of 0.01: {fast}",
        fontsize=14,
    )
    return figure


def _losses(axis, results: Results) -> None:
    for row in results.rows:
        name = row["model"]
        colour = PALETTE[list(LABELS).index(name)]
        loss = results.curves[f"training/{name}"]
        width = min(20, len(loss))
        smooth = np.convolve(loss, np.full(width, 1 / width), mode="valid")
        label = f"{LABELS[name]}: {row['loss']:.4f} on held-out dates"
        axis.semilogy(np.arange(len(smooth)) + width, smooth, color=colour, linestyle=STYLES[name], linewidth=2, label=label)
    chance = results.summary["loss of knowing only that it is a date of the century"]
    axis.axhline(chance, color="grey", linewidth=0.8, label=f"a date of the century, no more: {chance:.4f}")
    axis.set(title="(a) Training loss", xlabel="update", ylabel="loss (nats per character), mean of 20 updates")
    axis.legend(fontsize=10, loc="upper right", bbox_to_anchor=(1, 0.86))


def _matches(axis, results: Results) -> None:
    place = np.arange(len(results.rows))
    for shift, how, colour, hatch in ((-0.2, "greedy", PALETTE[0], ""), (0.2, "beam", PALETTE[4], "//")):
        values = [100 * row[f"exact match {how}"] for row in results.rows]
        label = how if how == "greedy" else f"beam of {results.summary['beam width']}"
        bars = axis.bar(place + shift, values, 0.38, color=colour, hatch=hatch, edgecolor="white", label=label)
        axis.bar_label(bars, [f"{value:.1f}" for value in values], fontsize=10)
    axis.axhline(99, color="black", linewidth=0.8, linestyle="--", label="target for attention: 99")
    axis.set_xticks(place, [f"{LABELS[row['model']]}\n{row['updates']} updates" for row in results.rows])
    axis.set(title="(b) Held-out dates written exactly", xlabel="context", ylabel="exact match (%)", ylim=(0, 110))
    axis.legend(fontsize=10, loc="center left")


def _languages(axis, results: Results) -> None:
    """Where the last state errs (or attention, if it is alone), and the worst that attention does."""
    languages = results.summary["languages"]
    shown = "last" if "greedy right/last" in results.curves else "attention"
    last, attention = (_by_language(results, name) for name in (shown, "attention"))
    least = min(95.0, np.nanmin(last))
    axis.imshow(last, aspect="auto", cmap="cividis", vmin=least, vmax=100)
    for i, j in np.argwhere(np.isfinite(last)):
        dark = last[i, j] < (least + 100) / 2
        axis.text(j, i, f"{last[i, j]:.1f}", ha="center", va="center", color="white" if dark else "black")
    axis.set_xticks(range(len(FORMATS)), FORMATS)
    axis.set_yticks(range(len(languages)), languages)
    cell = len(results.curves["language"]) / last.size
    axis.set(
        title=f"(c) {LABELS[shown].capitalize()}, greedy: exact match (%), worst {np.nanmin(last):.1f}\n"
        f"(attention: worst {np.nanmin(attention):.1f}); about {cell:.0f} dates per cell",
        xlabel="format of the Unicode CLDR",
        ylabel="language",
    )


def _by_language(results: Results, model: str) -> np.ndarray:
    """Exact match in percent by language and format, NaN where nothing was drawn."""
    found = np.full((len(results.summary["languages"]), len(FORMATS)), np.nan)
    for i, j in np.ndindex(found.shape):
        here = (results.curves["language"] == i) & (results.curves["format"] == j)
        if here.any():
            found[i, j] = 100 * results.curves[f"greedy right/{model}"][here].mean()
    return found


def _attention(axis, results: Results) -> None:
    alphabet, source = results.summary["alphabet"], results.curves["shown source"]
    written = ["␣" if alphabet[i].isspace() else alphabet[i] for i in source]
    weights = results.curves["weights/attention"][:, : len(source)]
    characters = [*ISO, "end"]
    characters = [characters[t] for t in results.curves["shown target"]]
    image = axis.imshow(weights, aspect="auto", cmap="cividis", vmin=0, vmax=1)
    axis.figure.colorbar(image, ax=axis, label="weight")
    axis.set_xticks(range(len(written)), [f"\n{symbol}" if str(symbol)[1:] else symbol for symbol in written])
    axis.set_yticks(range(len(characters)), characters)
    sources = ", ".join(f"{to} at {written[i]}" for to, i in zip(characters[:4], weights[:4].argmax(axis=1), strict=True))
    axis.set(
        title=f"(d) Where attention looks; strongest for the year: {sources}",
        xlabel="character read (the tag is one symbol)",
        ylabel="character written (teacher forcing)",
    )
