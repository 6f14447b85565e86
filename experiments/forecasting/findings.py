"""What the forecasts say: rows of the table, which model of a family is chosen, and the comparisons of the criteria."""

from typing import Any

import numpy as np

from experiments.common.experiment import Results
from experiments.common.intervals import Interval, of_mean
from experiments.forecasting.composition import SEASONAL
from experiments.forecasting.evaluation import diebold_mariano, overlapping

FAMILIES = {
    "classical": ("Naive", "Seasonal", "ETS", "Auto-ARIMA", "Auto-SARIMA", "VAR"),
    "recurrent": ("RNN", "LSTM", "GRU", "ESN"),
}
SIGNIFICANT = 0.05


def mase(results: Results, series: str, kind: str) -> np.ndarray:
    """Mean over origins and horizons, `[seed]`."""
    return results.curves[f"scaled/{series}/{kind}"].mean(axis=(1, 2))


def series_of(results: Results) -> list[str]:
    """Names of the series."""
    return [str(name) for name in results.curves["series"]]


def kinds_of(results: Results, series: str) -> list[str]:
    """The models that were fitted to a series."""
    return [name.split("/", 2)[2] for name in results.curves if name.startswith(f"scaled/{series}/")]


def against_seasonal(results: Results, series: str, kind: str) -> tuple[float, float]:
    """Diebold and Mariano's statistic of the scaled errors, mean over seeds and horizons, and its probability."""
    ours, theirs = (results.curves[f"scaled/{series}/{name}"].mean(axis=(0, 2)) for name in (kind, SEASONAL))
    return diebold_mariano(ours, theirs, overlapping(results.curves[f"origins/{series}"], int(results.curves["horizon"])))


def row(results: Results, series: str, kind: str) -> dict[str, Any]:
    """Scores of one model on one series; bounds over seeds, if there are several."""
    horizon = int(results.curves["horizon"])
    errors = results.curves[f"scaled/{series}/{kind}"].mean(axis=(0, 1))
    found = mase(results, series, kind)
    interval = of_mean(found)
    bounds = {"low": interval.low, "high": interval.high} if len(found) > 1 else {"low": "", "high": ""}
    statistic, probability = against_seasonal(results, series, kind)
    others = {
        title: float(results.curves[f"{key}/{series}/{kind}"].mean())
        for title, key in (("sMAPE", "symmetric"), ("quantile loss", "quantile"), ("coverage", "covered"))
    }
    steps = {f"step {h}": float(errors[h - 1]) for h in sorted({1, max(horizon // 2, 1), horizon})}
    validation = float(results.curves[f"validation/{series}/{kind}"].mean())
    about = {"series": series, "model": kind, "validation": validation, "MASE": interval.middle}
    return about | bounds | steps | others | {"DM": statistic, "p": probability}


def chosen(results: Results, series: str) -> dict[str, str]:
    """The model of each family with the least MASE on the validation part, if any of the family was fitted."""
    found = {}
    for family, names in FAMILIES.items():
        if there := [name for name in names if name in kinds_of(results, series)]:
            errors = [results.curves[f"validation/{series}/{name}"].mean() for name in there]
            found[family] = there[int(np.nan_to_num(errors, nan=np.inf).argmin())]
    return found


def of_pair(results: Results, one: str, other: str) -> Interval:
    """The geometric mean over series of the ratio of MASEs of two models, or of the chosen ones of two families."""
    logs = []
    for series in series_of(results):
        names = [chosen(results, series).get(name, name) for name in (one, other)]
        ours, theirs = (mase(results, series, name).mean() for name in names)
        logs.append(np.log(ours / theirs))
    return Interval(*np.exp(of_mean(np.array(logs))).tolist())


def better_than_seasonal(results: Results) -> int:
    """On how many series the chosen classical model is better than the seasonal naive one, at 5 %."""
    tests = (against_seasonal(results, series, chosen(results, series)["classical"]) for series in series_of(results))
    return sum(statistic < 0 and probability < SIGNIFICANT for statistic, probability in tests)


def coverage(results: Results, family: str) -> float:
    """How often values lie within the 80 % intervals of a family's chosen models, mean over series."""
    shares = [results.curves[f"covered/{series}/{chosen(results, series)[family]}"].mean() for series in series_of(results)]
    return float(np.mean(shares))
