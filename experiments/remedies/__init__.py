"""Every remedy for vanishing gradients on one task, at equal parameters: how far gradients reach, and what that is worth.

Claim. What lets a network learn to remember is how far its gradients reach before training: where a hundredth of the gradient
is left over the whole delay, it learns in the fewest updates, whatever the remedy; a tanh network as torch draws it does not.

Task. `recurrent.tasks.delayed_recall`: one of 8 symbols at the first of 100 steps, and its name when a cue asks for it at the
last. Guessing has a loss of ln 8. A network solves it when of 500 fresh sequences fewer than 1 in 100 are answered wrong.

Networks of at most 4,000 parameters, readouts included. None: tanh with weights U(±1/√units), torch's. Matrix and loss: tanh
networks that start Gaussian (spectral radius 1) or orthogonal, the IRNN, the exponential map (modReLU), and Ω beside the loss
of the first network. Several time scales: constant leaks from 1 to 99 steps, a delay of 12 steps, a clockwork of periods 1 to
16. Gates: the LSTM of 1997, LSTMs with a forget bias of 0, of 1, and chrono, the GRU, the sLSTM. Linear states: the LRU on a
ring of radius 0.9 to 0.999, the minGRU. Others: an echo state network, whose reservoir is not trained, a neural Turing machine
with 8 slots, three residual layers of tanh.

Training: Adam on gradients clipped to norm 1, batches of 32, at most 1,000 updates, to the first test that is passed. Every
remedy chooses its rate, of 0.0003 to 0.03, by updates until solved, then loss, on a seed that is not reported.

Measured before and after training, on fresh sequences. Decay: the norm of dL/ds_{T-k} over that at k = 1, L being the loss at
the cue, of all leaves of the state, the median of 50 sequences; its horizon is the last lag up to which a hundredth is left.
The largest Lyapunov exponent along 4 sequences. How many directions of the first state still move the last one by a
hundredth. And the time of a step, forward and back, in one program with all others, in turns.

Criteria, fixed before the run. (1) Torch's tanh network has a horizon of at most half of the delay before training, and (2) no
network of it solves the task. (3) At least ten remedies solve it in all seeds. (4) Over all networks, the rank correlation of
horizon before training and updates (of those that never solve it: all of them) is below 0, upper bound of a bootstrap over
remedies. (5) Training takes whatever solves the task in all seeds to the edge between decay and explosion: the largest Lyapunov
exponent, median over seeds, is within 0.1 of 0 for each of them.

Pilots, one seed of 700, 1,500 updates, rates of 0.001 to 0.01. At 60 steps a Gaussian network lost little of its gradient, so
that the delay became 99, and "none" the network that torch draws. There all with a horizon of 41 or more solved the task
within 400 updates but the IRNN, which wanted lower rates, and none with one of 31 or less but Ω's, whose penalty mends it. (5)
asked for horizons that span the delay after training, until the LSTM of 1997 solved the task with a gradient that falls below
a hundredth within 4 steps and then stays: what its gates add at lag 1 is the larger part.

One run came before, with the same seeds and numbers but for costs: it had no decay of the trained IRNN, whose loss has no
gradient at all on some sequences, and these spoiled the median.

What a sceptic can still say. One task, one length, a thousand updates: gated networks with short horizons learn it with more,
or from shorter delays on. A hundredth is a convention. The echo state network is judged by its readout alone. Three seeds
cannot tell 150 updates from 200. The rate of a network that solves nothing says nothing.

Published, of single remedies: see the experiments named after them. All of them on one task is not published.
"""

import dataclasses
import functools

import numpy as np

from experiments.common.checks import Check, at_least, at_most
from experiments.common.devices import PARTS
from experiments.common.experiment import Experiment, Results
from experiments.common.intervals import Interval
from experiments.common.networks import count
from experiments.common.parts import Part, compute_now
from experiments.common.ranks import rank_correlations
from experiments.common.solving import first_network, own_key
from experiments.remedies import measures, trials
from experiments.remedies.figure import plot
from experiments.remedies.findings import findings
from experiments.remedies.networks import REMEDIES, VANILLA
from experiments.remedies.options import Config

SOLVED, EDGE = 10, 0.1
"""Remedies that must solve the task, and how far from 0 their Lyapunov exponents may be afterwards, nats per step."""
DRAWS = 2000
"""Resampled sets of remedies for an interval."""


def run(config: Config, part: Part = compute_now) -> Results:
    """Trains and measures every remedy, then times them side by side."""
    settings = {name: trials.make_setting(config, name) for name in REMEDIES}
    curves = {"remedies": np.array(list(REMEDIES)), "length": np.array(config.length), "updates": np.array(config.updates)}
    for name, found in part.each("remedy", functools.partial(trials.study, config), REMEDIES).items():
        curves |= {f"{key}/{name}": values for key, values in found.items()}
    networks = {name: first_network(setting, own_key(config.seed)) for name, setting in settings.items()}
    costs = part("costs", functools.partial(measures.costs, settings, config.length, networks))
    results = Results([], {}, curves | {f"cost/{name}": costs[name] for name in REMEDIES})
    rows = []
    for name, found in findings(results).items():
        setting = settings[name]
        row = {"remedy": name, "family": REMEDIES[name].family}
        row |= {"parameters": count(setting.cell, setting.task.outputs, setting.hidden_size)}
        row |= {"rate": float(curves[f"rate/{name}"]), "solved": f"{found.solved} of {found.seeds}", "updates": found.updates}
        row |= {"horizon before": found.horizon_before, "after": found.horizon_after}
        row |= {"exponent before": found.exponent_before, "exponent after": found.exponent_after}
        row |= {"kept before": found.kept_before, "kept after": found.kept_after}
        rows.append(row | {"us/step": found.cost, "wrong": float(np.median(curves[f"wrong/{name}"]))})
    task = settings[VANILLA].task
    return results._replace(rows=rows, summary={"chance": task.chance(config.length)})


def correlation(results: Results) -> Interval:
    """Spearman's correlation of horizon before training and updates, with a percentile bootstrap over remedies."""
    found = list(findings(results).values())
    horizons, updates = np.array([one.horizon_before for one in found]), np.array([one.updates for one in found])
    updates = np.minimum(updates, 2 * float(results.curves["updates"]))  # all that never solve it rank as the slowest
    drawn = np.random.default_rng(0).integers(len(found), size=(DRAWS, len(found)))
    low, high = np.quantile(rank_correlations(horizons[drawn], updates[drawn]), (0.025, 0.975))
    return Interval(float(low), float(rank_correlations(horizons[None], updates)[0]), float(high))


def check(config: Config, results: Results) -> list[Check]:
    """Compares this run with what was fixed in advance; none under other options."""
    if dataclasses.replace(config, seed=Config.seed) != Config():
        return []
    found = findings(results)
    solvers = {name: one for name, one in found.items() if one.solved == one.seeds}
    edge = max((abs(one.exponent_after) for one in solvers.values()), default=np.nan)
    ranks = correlation(results)
    return [
        at_most(f"(1) {VANILLA}: horizon before training", found[VANILLA].horizon_before, (config.length - 1) / 2),
        at_most(f"(2) {VANILLA}: networks that solve the task", found[VANILLA].solved, 0),
        at_least("(3) remedies that solve it in all seeds", len(solvers), SOLVED),
        Check(
            "(4) rank correlation of horizon and updates",
            ranks.middle,
            "upper bound below 0",
            ranks.high < 0,
            ranks.low,
            ranks.high,
        ),
        at_most("(5) largest Lyapunov exponent of those that solve it, farthest from 0", edge, EDGE),
    ]


EXPERIMENT = Experiment(
    name="remedies",
    claim="Whatever lets a gradient reach across a delay at the start lets it be learned; torch's tanh network does not.",
    source="all remedies on one task; sources of each in its cell's docstring",
    config=Config,
    run=run,
    plot=plot,
    check=check,
    spreads=PARTS,
)
