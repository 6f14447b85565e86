"""The liquid of a liquid state machine: a column of leaky integrate-and-fire neurons that is drawn and never trained."""

import functools
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float

from recurrent import checks
from recurrent.cells._column import (
    KINDS,
    PROBABILITIES,
    STRENGTHS_NA,
    by_kind,
    column,
    connection_probabilities,
    draw_synapses,
    exponential_strengths,
)
from recurrent.dense import dot, spread
from recurrent.factories import checked_cell
from recurrent.initializers import Initializer, draw, sparse
from recurrent.made import remembered
from recurrent.pytrees import at_least_float32
from recurrent.types import Cell

UTILIZATION = ((0.5, 0.05), (0.25, 0.32))
"""U of a synapse [from, to], excitatory before inhibitory: the share of its strength that a first spike uses."""
DEPRESSION_MS = ((1100.0, 125.0), (700.0, 144.0))
"""D of a synapse [from, to]: how fast it recovers what spikes have used."""
FACILITATION_MS = ((50.0, 1200.0), (20.0, 60.0))
"""F of a synapse [from, to]: how fast it forgets that spikes have raised the share."""
INPUT_SYNAPSES = sparse(0.3, exponential_strengths(18.0))
"""Three neurons of ten hear a train, through 18 nA on average; half as much is published for inhibitory ones."""


class LiquidStateParams(NamedTuple):
    """What is drawn of a liquid. Of the recurrent kernels only absolute values count; the signs are those of the neurons.

    Attributes:
      input_kernel: nA that a spike of the input adds to the excitatory current.
      excitatory_kernel, inhibitory_kernel: nA that a spike of these neurons adds to their current, before its utilization.
      bias: constant current in nA.
      positions: of the excitatory neurons, then of the inhibitory ones, in units of the grid; no step reads them.
    """

    input_kernel: Float[Array, "input hidden"]
    excitatory_kernel: Float[Array, "excitatory hidden"]
    inhibitory_kernel: Float[Array, "inhibitory hidden"]
    bias: Float[Array, "hidden"]
    positions: Float[Array, "hidden 3"]


class LiquidState(NamedTuple):
    """A liquid after a step.

    Attributes:
      v: membrane potentials in mV.
      refractory: steps for which a neuron is held at its reset potential.
      excitatory, inhibitory: synaptic currents in nA.
      spikes: 1 where a neuron fires at the end of the step, 0 elsewhere.
      trace: what the readout sees of all spikes so far.
      raised: u before a spike, that is what earlier ones have left of it, by the kind of the target; None if static.
      used: 1 - R, the share of the strength that is used up, likewise.
    """

    v: Float[Array, "*batch hidden"]
    refractory: Float[Array, "*batch hidden"]
    excitatory: Float[Array, "*batch hidden"]
    inhibitory: Float[Array, "*batch hidden"]
    spikes: Float[Array, "*batch hidden"]
    trace: Float[Array, "*batch hidden"]
    raised: Float[Array, "*batch hidden 2"] | None
    used: Float[Array, "*batch hidden 2"] | None


class LiquidConstants(NamedTuple):
    """Time constants in ms, potentials in mV, resistance in MΩ; pairs are for excitatory and inhibitory neurons or synapses."""

    step_ms: float
    membrane_ms: float
    rest_mv: float
    threshold_mv: float
    reset_mv: float
    resistance_mohm: float
    refractory_ms: tuple[float, float]
    synapse_ms: tuple[float, float]
    trace_ms: float

    def kept(self, time_ms: float) -> float:
        """exp(-Δ/τ): what a step leaves of a quantity that decays with τ."""
        return math.exp(-self.step_ms / time_ms)

    def gain(self, synapse_ms: float) -> float:
        """The part of a current that decays with τ_s which has reached the membrane at the end of the step.

        1/τ ∫₀^Δ e^{-(Δ-s)/τ} e^{-s/τ_s} ds = Δ/τ e^{-Δ/τ} (e^δ - 1)/δ with δ = Δ (1/τ - 1/τ_s).
        """
        delta = self.step_ms / self.membrane_ms - self.step_ms / synapse_ms
        mean = math.expm1(delta) / delta if delta else 1.0
        return self.step_ms / self.membrane_ms * self.kept(self.membrane_ms) * mean

    def refractory_steps(self) -> tuple[int, int]:
        """The refractory periods in steps, rounded up, whatever 0.3 / 0.1 is in floating point."""
        excitatory, inhibitory = (math.ceil(period / self.step_ms - 1e-9) for period in self.refractory_ms)
        return excitatory, inhibitory


def background(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """13.5 nA for every neuron: through 1 MΩ it takes a neuron to 13.5 mV, 1.5 mV below the threshold."""
    del key
    return jnp.full(shape, 13.5, dtype)


@remembered
def liquid_state(
    input_size: int,
    hidden_size: int,
    *,
    step_ms: float = 1.0,
    membrane_ms: float = 30.0,
    rest_mv: float = 0.0,
    threshold_mv: float = 15.0,
    reset_mv: float = 13.5,
    resistance_mohm: float = 1.0,
    refractory_ms: tuple[float, float] = (3.0, 2.0),
    synapse_ms: tuple[float, float] = (3.0, 6.0),
    trace_ms: float = 30.0,
    synapses: Literal["static", "dynamic"] = "dynamic",
    inhibitory: float = 0.2,
    base: tuple[int, int] = (3, 3),
    reach: float = 2.0,
    probabilities: Sequence[Sequence[float]] = PROBABILITIES,
    strengths_na: Sequence[Sequence[float]] = STRENGTHS_NA,
    kernel_init: Initializer = INPUT_SYNAPSES,
    bias_init: Initializer = background,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[LiquidStateParams, LiquidState]:
    """τ dv/dt = -(v - v_rest) + R (I^E - I^I + b): a neuron at the threshold fires, is reset, and held there for a while.

    Every spike of neuron j adds u_j R_j |w_ji| to I^E_i or I^I_i, as j is excitatory or inhibitory (Dale's principle), a step
    after it was fired; x_t U is added to I^E_i at once, so that x_t counts the spikes of the input in the step. Currents decay
    exponentially, and v is integrated exactly between spikes, which fall on the grid of steps: a step may be longer than a time
    constant, but spikes are late by less than a step, and refractory periods rounded up to whole ones.

    "dynamic" synapses get stronger and tire: u jumps by U (1 - u) at a spike of neuron j and falls to 0 with F; R, what is
    there to be used, loses u R and returns to 1 with D. U, D and F depend on the kinds of both neurons; they are not drawn, so
    that u and R belong to neurons and kinds of targets instead of synapses. "static" synapses use U of their strength at
    every spike, as dynamic ones at the first.

    y_t = e^{-Δ/τ_y} y_{t-1} + spikes. The liquid is not trained: gradients take spikes for constants, as they are almost
    everywhere, and nothing stands in for the threshold. All that is drawn is in the parameters.

    Args:
      input_size: spike trains, or other signals, of the input.
      hidden_size: neurons.
      step_ms: Δ, the time that a step takes.
      membrane_ms: τ.
      rest_mv, threshold_mv, reset_mv: potentials; the one at the start is that of rest.
      resistance_mohm: R of the membrane.
      refractory_ms: for how long excitatory and inhibitory neurons are held at the reset potential.
      synapse_ms: τ of excitatory and inhibitory currents.
      trace_ms: τ_y.
      synapses: see above.
      inhibitory: share of the neurons, rounded; they are drawn.
      base: sides of the column, which is filled layer by layer, see `column`.
      reach: λ of `connection_probabilities`.
      probabilities: of synapses between neighbours by the kinds of both, [from, to], excitatory before inhibitory.
      strengths_na: means of |w|, likewise; a strength has an exponential distribution.
      kernel_init: of U; by default `INPUT_SYNAPSES`.
      bias_init: of b; `background` by default.
      dtype, param_dtype: as for all cells.

    Raises:
      ValueError: a time, a resistance or a reach that is not positive; a potential that is not finite, a reset that is not
        below the threshold; a negative refractory period; neurons of only one kind; tables of other shapes or ranges.

    Reference: Maass, Natschläger & Markram (2002), Real-time computing without stable states, section 5 and appendix B;
    synapses: Markram, Wang & Tsodyks (1998), Differential signaling via the same axon of neocortical pyramidal neurons;
    integration: Rotter & Diesmann (1999), Exact digital simulation of time-invariant linear systems.
    """
    checks.sizes("liquid_state", hidden_size=hidden_size)
    checks.choice("liquid_state: synapses", synapses, ("static", "dynamic"))
    pairs = _pair("refractory_ms", refractory_ms), _pair("synapse_ms", synapse_ms)
    constants = LiquidConstants(step_ms, membrane_ms, rest_mv, threshold_mv, reset_mv, resistance_mohm, *pairs, trace_ms)
    _check_constants(constants)
    checks.positive(**{"liquid_state: reach": reach})
    _check_table("probabilities", probabilities, 1.0)
    _check_table("strengths_na", strengths_na, math.inf)
    count = _count(inhibitory, hidden_size)
    points = column(hidden_size, base)

    def init(key):
        k_input, k_bias, k_places, k_synapses = jax.random.split(key, 4)
        positions = jax.random.permutation(k_places, jnp.asarray(points, at_least_float32(param_dtype)))
        likely = connection_probabilities(positions, count, reach, probabilities)
        kernel = draw_synapses(k_synapses, likely, by_kind(strengths_na, hidden_size, count)).astype(param_dtype)
        return LiquidStateParams(
            input_kernel=draw(kernel_init, k_input, (input_size, hidden_size), param_dtype),
            excitatory_kernel=kernel[:-count],
            inhibitory_kernel=kernel[-count:],
            bias=draw(bias_init, k_bias, (hidden_size,), param_dtype),
            positions=positions.astype(param_dtype),
        )

    def state(zeros):
        resource = zeros if synapses == "dynamic" else lambda *_: None
        v, refractory, excitatory, inhibitory, spikes, trace = (zeros(hidden_size) for _ in range(6))
        raised, used = (resource(hidden_size, len(KINDS)) for _ in range(2))
        return LiquidState(v + rest_mv, refractory, excitatory, inhibitory, spikes, trace, raised, used)

    sizes = {"input": input_size, "hidden": hidden_size, "excitatory": hidden_size - count, "inhibitory": count}
    step = functools.partial(liquid_state_step, constants=constants, dtype=dtype)
    return checked_cell("liquid_state", LiquidStateParams, sizes, init, state, step)


def liquid_state_step(
    params: LiquidStateParams, state: LiquidState, x_t: Array, constants: LiquidConstants, dtype: DTypeLike | None = None
) -> tuple[LiquidState, Array]:
    """s_t, y_t of a liquid."""
    c, inputs = constants, dot(x_t, params.input_kernel, dtype)
    counts = len(params.excitatory_kernel), len(params.inhibitory_kernel)
    amounts, raised, used = released(state, counts, c)
    excitatory = state.excitatory + inputs + arriving(amounts[..., : counts[0], :], params.excitatory_kernel, counts[0], dtype)
    inhibitory = state.inhibitory + arriving(amounts[..., counts[0] :, :], params.inhibitory_kernel, counts[0], dtype)
    driven = (1 - c.kept(c.membrane_ms)) * spread(params.bias, inputs)
    driven = driven + c.gain(c.synapse_ms[0]) * excitatory - c.gain(c.synapse_ms[1]) * inhibitory
    v = c.rest_mv + c.kept(c.membrane_ms) * (state.v - c.rest_mv) + c.resistance_mohm * driven
    v = jnp.where(state.refractory > 0, c.reset_mv, v)
    fires = v >= c.threshold_mv
    spikes = fires.astype(v.dtype)
    trace = c.kept(c.trace_ms) * state.trace + spikes
    periods = spread(jnp.asarray(np.repeat(c.refractory_steps(), counts)), v)
    after = LiquidState(
        v=jnp.where(fires, c.reset_mv, v),
        refractory=jnp.where(fires, periods, jnp.maximum(state.refractory - 1, 0)),
        excitatory=c.kept(c.synapse_ms[0]) * excitatory,
        inhibitory=c.kept(c.synapse_ms[1]) * inhibitory,
        spikes=spikes,
        trace=trace,
        raised=raised,
        used=used,
    )
    return after, trace


def released(
    state: LiquidState, counts: tuple[int, int], constants: LiquidConstants
) -> tuple[Float[Array, "*batch hidden 2"], Array | None, Array | None]:
    """u R of the neurons that have fired, by the kind of the target; `raised` and `used` at the end of the step."""
    spikes = state.spikes[..., None]

    def of_neurons(table):
        each = jnp.asarray(np.repeat(table, counts, axis=0), spikes.dtype)
        return jnp.broadcast_to(each, (*state.spikes.shape, len(KINDS)))

    utilization = of_neurons(UTILIZATION)
    if state.raised is None or state.used is None:
        return spikes * utilization, None, None
    u = state.raised + spikes * utilization * (1 - state.raised)
    amounts = spikes * u * (1 - state.used)
    kept = (of_neurons(np.exp(-constants.step_ms / np.array(times))) for times in (FACILITATION_MS, DEPRESSION_MS))
    raised, used = (share * left for share, left in zip((u, state.used + amounts), kept, strict=True))
    return amounts, raised, used


def arriving(
    amounts: Float[Array, "*batch sources 2"], kernel: Float[Array, "sources hidden"], excitatory: int, dtype: DTypeLike | None
) -> Float[Array, "*batch hidden"]:
    """Σ_j amount_j |w_ji|, the amount being that for the kind of target i; the first `excitatory` targets are of that kind."""
    targets = jnp.split(jnp.abs(kernel), [excitatory], axis=-1)
    return jnp.concatenate([dot(amounts[..., kind], targets[kind], dtype) for kind in range(len(KINDS))], axis=-1)


def _count(inhibitory: float, hidden_size: int) -> int:
    """Inhibitory neurons, at least one of each kind."""
    count = round(inhibitory * hidden_size) if 0 < inhibitory < 1 else 0
    if not 0 < count < hidden_size:
        raise ValueError(
            f"liquid_state: inhibitory must be a share that gives neurons of both kinds; {inhibitory} of {hidden_size} does not"
        )
    return count


def _pair(name: str, given: Sequence[float]) -> tuple[float, float]:
    if len(given) != len(KINDS):
        raise ValueError(f"liquid_state: {name} must be a pair, for excitatory and inhibitory neurons; got {given}")
    return given[0], given[1]


def _check_constants(c: LiquidConstants) -> None:
    times = {"step_ms": c.step_ms, "membrane_ms": c.membrane_ms, "trace_ms": c.trace_ms, "resistance_mohm": c.resistance_mohm}
    times |= {f"synapse_ms[{i}]": time for i, time in enumerate(c.synapse_ms)}
    checks.positive(**{f"liquid_state: {name}": value for name, value in times.items()})
    for name, value in {"rest_mv": c.rest_mv, "threshold_mv": c.threshold_mv, "reset_mv": c.reset_mv}.items():
        if not math.isfinite(value):
            raise ValueError(f"liquid_state: {name} must be finite; got {value}")
    if not c.reset_mv < c.threshold_mv:
        raise ValueError(
            f"liquid_state: reset_mv must be below threshold_mv, or a neuron fires at every step; got {c.reset_mv} and "
            f"{c.threshold_mv}"
        )
    if not all(0 <= period < math.inf for period in c.refractory_ms):
        raise ValueError(f"liquid_state: refractory_ms must be at least 0 and finite; got {c.refractory_ms}")


def _check_table(name: str, table: Sequence[Sequence[float]], most: float) -> None:
    values = np.array(table, float)
    if values.shape != (len(KINDS), len(KINDS)) or not np.all((values >= 0) & (values <= most) & np.isfinite(values)):
        raise ValueError(
            f"liquid_state: {name} must be a table [from, to] of 2 x 2 finite numbers of at least 0"
            f"{'' if most == math.inf else f' and at most {most:g}'}; got {table}"
        )
