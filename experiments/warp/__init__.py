"""Warped time: what is learned of a sequence, when each of its characters lasts for several steps?

Claim. A network with gates answers however time is warped; constant leaks do where all is slowed down alike, not where each
character lasts for a time of its own; a network without either fails.

Task. `recurrent.tasks.warped`: name the character before the current one, at every one of T = 100 steps. Of a warp w every
character lasts for w steps ("uniform"), or for 1 to w ("variable"). Who remembers nothing has a loss of ln 8 = 2.079, who
guesses ln 9; the task itself has none, for its answers are certain.

Networks, 32 units each: tanh; tanh with constant, learned leaks; and one whose leaks are gates, functions of input and state:
an LSTM with coupled gates and without output gate. Leaks and gates have the same time constants at the start, 2 to w + 2.

Training: RMSprop, decay 0.9, whose rate falls to 0 along a cosine over 1,500 updates of 32 fresh sequences. Each network
chooses a rate of 0.001, 0.003, 0.01, 0.03 and 0.1 for either form, by its loss at w = 20 on a seed that is not reported. A
training ends at the first test, one every 50 updates, with a loss below 0.02; rates that get there are told apart by updates.
What is reported is the loss of another 1,000 fresh sequences.

Criteria, fixed before the run, for each of three seeds: (1) gates: a loss below 0.05 at every warp, both forms. Leaks: (2)
below 0.05 at every uniform warp, (3) above 0.05 at variable warps of 20 and 50. (4) tanh: above half of ln 8 at warps of 20
and 50, both forms.

Published, T = 500, 64 units, 1,563 to 4,689 updates, warps to 100, in figures without numbers: gates near 0 throughout, leaks
at 0 where warps are uniform alone, tanh far from 0 where they are not small. That size, for an accelerator: `--length 500
--warps 1 20 50 100 --hidden-size 64 --updates 4689 --seeds 5`.

Pilots, on another seed, set units and updates. In them variable warps of 20 left tanh at 0.10 and leaks at 0.03, so that (3)
and (4) were likely to be missed; they stay as published. At 50 tanh was at 1.2, leaks at 0.2 and gates at 0.02. With 64 units
gates needed fewer updates. One run came before, seeds 0 to 2, in which both forms had one rate, of 0.003, 0.01 and 0.03: it met
(1) and (2), and missed (3) with 0.019 at variable warps of 20 (0.19 at 50), and (4) with 0.29 at uniform and 0.51 at variable
ones of 20, where tanh had a rate that suits uniform warps alone.

What a sceptic can still say: at T = 100 a uniform warp of 50 shows two characters, so that tanh has little to lose and to learn
there. Three seeds are few, and all warps of a form share one rate. Orthogonal matrices at the start, which all have here, keep
what a Gaussian one loses. Gates have twice the weights: 3,049 parameters with the readout, where tanh has 1,673.
"""

import dataclasses
import functools
import itertools

import numpy as np

from experiments.common.checks import Check, at_least, at_most
from experiments.common.devices import PARTS
from experiments.common.experiment import Experiment, Results
from experiments.common.networks import count
from experiments.common.options import check_counts, check_rates
from experiments.common.parts import Part, compute_now
from experiments.common.solving import CHOICE, own_key, solve, test
from experiments.warp.figure import plot
from experiments.warp.findings import ANSWERED, DONE, losses
from experiments.warp.networks import FORMS, GATED, LEAKY, NETWORKS, PLAIN, UNIFORM, VARIABLE, Form, make_setting

SLOW = 20
"""Warps from which on networks without gates are to fail, and at which rates are chosen."""


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of the experiment."""

    warps: tuple[int, ...] = (1, 5, 20, 50)
    """How many steps a character lasts at most, increasing."""
    length: int = 100
    """Steps of a sequence."""
    hidden_size: int = 32
    """Units."""
    batch_size: int = 32
    """Sequences per update."""
    updates: int = 1500
    """Updates at most, rounded up to whole stretches of 50."""
    learning_rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1)
    """Learning rates that networks choose from, for either form."""
    seeds: int = 3
    """Networks of each kind."""
    seed: int = 10
    """Seed of networks and sequences."""

    def __post_init__(self):
        """Refuses values that cannot be run, before anything is computed."""
        check_counts(self, "length", "hidden_size", "batch_size", "updates", "seeds")
        check_counts(self, "seed", least=0)
        check_rates(self, "0.003 0.01")
        if not self.warps or list(self.warps) != sorted(set(self.warps)) or self.warps[0] < 1:
            raise ValueError(f"--warps must increase from 1 or more; got {self.warps}: try 1 20")
        if max(self.warps[-1], SLOW) >= self.length:
            raise ValueError(
                f"--length must be above the largest warp and above {SLOW}, at which rates are chosen; "
                f"got {self.length} for {self.warps}: try 100"
            )


def settings(config: Config) -> list[tuple[Form, int]]:
    """Forms and warps; a warp of 1 is the same in both forms, and stands once."""
    return [(form, warp) for form in FORMS for warp in config.warps if warp > 1 or form == UNIFORM]


def run(config: Config, part: Part = compute_now) -> Results:
    """Chooses every network's rates, and trains it at every warp."""
    rows, curves = [], {"warps": np.array(config.warps)}
    choices = part.each("rate", lambda pair: choose(config, *pair), itertools.product(NETWORKS, FORMS))
    rates = {pair: float(found["rate"]) for pair, found in choices.items()}
    for (name, form), found in choices.items():
        curves |= {f"choice/{name}/{form}/{key}": values for key, values in found.items()}

    def training(key):
        name, form, warp = key
        return train_all(config, name, form, warp, rates[name, form])

    trained = part.each("training", training, [(name, *setting) for name in NETWORKS for setting in settings(config)])
    for (name, form, warp), found in trained.items():
        curves[f"loss/{name}/{form}/{warp}"] = found["losses"]
        setting = make_setting(config, name, form, warp)
        row = {"network": name, "parameters": count(setting.cell, setting.task.outputs, config.hidden_size)}
        row |= {"form": form, "rate": rates[name, form], "warp": warp, "loss": float(found["losses"].mean())}
        row |= {"best": float(found["losses"].min()), "worst": float(found["losses"].max())}
        rows.append(row | {"updates": float(np.median(found["updates"]))})
    task = make_setting(config, next(iter(NETWORKS)), *settings(config)[0]).task
    levels = {"chance": task.chance(config.length), "memoryless": task.memoryless(config.length)}
    return Results(rows, levels, curves | {name: np.array(level) for name, level in levels.items()})


def choose(config: Config, name: str, form: Form) -> dict[str, np.ndarray]:
    """Trains a network at every rate, on a seed that is not reported; none if there is one rate.

    Returns:
      losses, updates: at the end, `[rate]`.
      rate: the one with the least loss; of those at which the training was ended, that with the fewest updates.
    """
    rates = config.learning_rates
    if len(rates) == 1:
        return {"rate": np.array(rates[0])}
    found = [train(config, name, form, SLOW, rate, config.seed + CHOICE) for rate in rates]
    losses, updates = (np.array([one[key] for one in found]) for key in ("stopped_at", "updates"))
    lost = np.maximum(np.nan_to_num(losses, nan=np.inf), DONE)
    return {"losses": losses, "updates": updates, "rate": np.array(rates[int(np.lexsort((updates, lost))[0])])}


def train_all(config: Config, name: str, form: Form, warp: int, rate: float) -> dict[str, np.ndarray]:
    """Losses at the end and updates made, `[seed]`."""
    found = [train(config, name, form, warp, rate, config.seed + i) for i in range(config.seeds)]
    return {key: np.array([one[key] for one in found]) for key in found[0]}


def train(config: Config, name: str, form: Form, warp: int, rate: float, seed: int) -> dict[str, float]:
    """Trains one network until its loss is low enough, or to the end.

    Returns:
      stopped_at: the loss of the last test of the training.
      losses: that of fresh sequences after it.
      updates: made.
    """
    setting = make_setting(config, name, form, warp)
    label = f"{name}, {form} {warp}, rate {rate:g}, seed {seed}"
    done = lambda losses: bool(losses[-1] < DONE)  # noqa: E731
    course = solve(setting, seed, rate, config.updates, label, stop=False, done=done)
    fresh = test(setting, config.length, course.network, own_key(seed))
    return {"stopped_at": float(course.losses[-1]), "losses": float(fresh[0]), "updates": float(course.updates[-1])}


def check(config: Config, results: Results) -> list[Check]:
    """Compares the worst of the seeds with what was fixed in advance; none under other options."""
    if dataclasses.replace(config, seed=Config.seed) != Config():
        return []
    half = float(results.curves["memoryless"]) / 2
    slow, ends = [warp for warp in config.warps if warp >= SLOW], functools.partial(losses, results)
    gated = [ends(GATED, form)[warp] for form in FORMS for warp in config.warps]
    plain = [ends(PLAIN, form)[warp] for form in FORMS for warp in slow]
    uniform, variable = list(ends(LEAKY, UNIFORM).values()), [ends(LEAKY, VARIABLE)[warp] for warp in slow]
    return [
        at_most("(1) gated: worst loss, all warps", np.max(gated), ANSWERED),
        at_most("(2) leaky: worst loss, uniform warps", np.max(uniform), ANSWERED),
        at_least(f"(3) leaky: best loss, variable warps >= {SLOW}", np.min(variable), ANSWERED),
        at_least(f"(4) tanh: best loss, warps >= {SLOW}", np.min(plain), half),
    ]


EXPERIMENT = Experiment(
    name="warp",
    claim="Gates answer however time is warped; constant leaks where it is slowed down alike; a network without them fails.",
    source="Tallec & Ollivier (2018), Can recurrent neural networks warp time?, section 3",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    spreads=PARTS,
)
