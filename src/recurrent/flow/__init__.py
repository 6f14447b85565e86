"""Gradient flow through recurrent networks, as pure functions of any cell, exact, for any state.

They take a cell, its params, inputs `xs` of shape `[T, *batch, ...]`, the state before the first step, and the flags of
`unroll`: lengths, mask, resets, reverse. t counts the steps of the run, so that with `reverse` step 1 is the last one of `xs`,
and index T of what is returned is the final state. A held step carries gradients on unchanged; beyond a reset they are 0, and
their log10 is -inf. Integer leaves of a state have no gradient. Inputs of masked steps are never read. `growth` and
`saturation` take states alone.
"""

from recurrent.flow._contributions import temporal_contributions
from recurrent.flow._decay import Decay, VanishingBound, decay_rate, gradient_decay, vanishing_bound
from recurrent.flow._growth import growth, saturation
from recurrent.flow._jacobians import Transport, step_jacobians, transport
from recurrent.flow._lyapunov import lyapunov_spectrum
from recurrent.flow._nonfinite import NonFinite, explain_nonfinite, first_nonfinite_step
from recurrent.flow._paths import PathShares, path_shares
from recurrent.flow._regularizer import flow_regularizer
from recurrent.flow._report import BlockReport, describe
from recurrent.flow._states import Run, state_gradients
from recurrent.flow._truncation import TruncationBias, truncation_bias
from recurrent.spectra import singular_range, spectral_radius

__all__ = [
    "BlockReport",
    "Decay",
    "NonFinite",
    "PathShares",
    "Run",
    "Transport",
    "TruncationBias",
    "VanishingBound",
    "decay_rate",
    "describe",
    "explain_nonfinite",
    "first_nonfinite_step",
    "flow_regularizer",
    "gradient_decay",
    "growth",
    "lyapunov_spectrum",
    "path_shares",
    "saturation",
    "singular_range",
    "spectral_radius",
    "state_gradients",
    "step_jacobians",
    "temporal_contributions",
    "transport",
    "truncation_bias",
    "vanishing_bound",
]
