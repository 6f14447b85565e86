"""Reservoirs: recurrences that are drawn and never trained; what is trained is a readout (`recurrent.readouts`)."""

import functools
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike

from recurrent import checks
from recurrent.cells._leaky import LeakyParams, leaky
from recurrent.cells._lru import LRUParams
from recurrent.initializers import Drawn, Initializer, gaussian, uniform, with_spectral_radius, zeros
from recurrent.made import remembered
from recurrent.types import Cell


@remembered
def echo_state(
    input_size: int,
    hidden_size: int,
    *,
    spectral_radius: float | None = 0.9,
    leak: float | Sequence[float] = 1.0,
    input_scaling: float | Sequence[float] = 1.0,
    activation: str | Callable[[Array], Array] = "tanh",
    kernel_init: Initializer = uniform(1.0),
    recurrent_init: Initializer = gaussian(),
    bias_init: Initializer = zeros,
    dtype: DTypeLike | None = None,
    param_dtype: DTypeLike = jnp.float32,
) -> Cell[LeakyParams, Array]:
    """r_t = (1 - a) ⊙ r_{t-1} + a ⊙ φ((s ⊙ x_t) U + r_{t-1} W + b), y_t = r_t: a `leaky` cell, W of a set spectral radius.

    U, W and b are not trained: leave them out of what the optimiser sees, and fit a readout with `recurrent.readouts`. Without
    inputs and biases, tanh reservoirs forget where they began if ρ((1 - a) I + a W) < 1, at least near 0; with strong inputs
    often for larger ρ, too.

    Sparse reservoirs: `recurrent_init=sparse(0.05)`. A readout of [x_t, r_t]: `emit_with_input`. Feedback: an echo state
    network that reads [x_t, y_{t-1}], the target before while it is trained, and what its readout says in `closed_loop`.
    Noise: `gaussian_noise`. Linear ones that run in parallel over time: `diagonalized`.

    Args:
      input_size: features of x_t.
      hidden_size: units of the reservoir.
      spectral_radius: of W; None leaves W as it is drawn, as a `delay_line` needs, whose radius is 0.
      leak: a in (0, 1], of all units, or one for each.
      input_scaling: s, of all features of x_t, or one for each.
      activation: φ, as for `elman`.
      kernel_init, recurrent_init, bias_init, dtype, param_dtype: as for all cells; W is rescaled after it was drawn.

    Raises:
      ValueError: a radius or a scaling that is negative or not finite, scalings that are not one for each feature, a leak
        outside (0, 1], a drawn W whose eigenvalues are all 0.

    Reference: Jaeger (2001), The "echo state" approach to analysing and training recurrent neural networks, GMD report 148;
    leaks: Jaeger, Lukoševičius, Popovici & Siewert (2007).
    """
    checks.sizes("echo_state", input_size=input_size, hidden_size=hidden_size)
    scales = _checked_scales(input_scaling, input_size)
    scaled = Drawn(lambda key, shape, dtype: jnp.asarray(scales, dtype) * kernel_init(key, shape, dtype))
    if spectral_radius is not None:
        recurrent_init = with_spectral_radius(spectral_radius, recurrent_init)
    inits = {"kernel_init": scaled, "recurrent_init": recurrent_init, "bias_init": bias_init}
    return leaky(input_size, hidden_size, leak=leak, activation=activation, dtype=dtype, param_dtype=param_dtype, **inits)


def _checked_scales(given: float | Sequence[float], input_size: int) -> np.ndarray:
    """One factor for each row of U."""
    scales = np.array(given, float)
    if scales.shape not in ((), (input_size,)):
        raise ValueError(
            f"echo_state: input_scaling must be one number, or one for each of {input_size} features; got shape {scales.shape}"
        )
    if not np.all((scales >= 0) & np.isfinite(scales)):
        raise ValueError(f"echo_state: a scaling must be at least 0 and finite; got {given}")
    return np.broadcast_to(scales, input_size)[:, None]


def diagonalized(params: LeakyParams) -> LRUParams:
    """The same states as r = Re(s C) with s_t = Λ ⊙ s_{t-1} + x_t B: W = V Λ V⁻¹, B = U V, C = V⁻¹.

    They are parameters of `lru(input, hidden, output_size=hidden, skip="dense")`, which `unroll_parallel` runs in O(log T)
    dependent operations. For echo states with `activation="identity"`, a leak of 1 and no bias.

    Raises:
      ValueError: a bias, an eigenvalue of modulus 1 or more, or a matrix that is not diagonalisable or so nearly not that half
        of the digits would be lost.
    """
    dtype = params.recurrent_kernel.dtype
    kernel, input_kernel = (np.asarray(leaf, np.float64) for leaf in (params.recurrent_kernel, params.input_kernel))
    if np.any(np.asarray(params.bias)) or params.leak_logit is not None:
        raise ValueError(
            "diagonalized: the bias must be 0 and the leak fixed, at 1; give the reservoir a constant input instead"
        )
    eigenvalues, vectors = np.linalg.eig(kernel)
    if not np.all(np.abs(eigenvalues) < 1):
        raise ValueError(
            f"diagonalized: the eigenvalues of an LRU have a modulus below 1; got one of {np.abs(eigenvalues).max():.6g}: "
            "draw the reservoir with a smaller spectral_radius"
        )
    condition = np.linalg.cond(vectors)
    if not condition < jnp.finfo(dtype).eps ** -0.5:
        raise ValueError(
            f"diagonalized: the eigenvectors of W have the condition number {condition:.3g}, so that half of the digits of "
            f"{dtype} or more would be lost: W is defective, or nearly so"
        )
    modes, back = input_kernel @ vectors, np.linalg.inv(vectors)
    with np.errstate(divide="ignore"):  # an eigenvalue of 0: ν = ∞, and exp(-exp(ν)) = 0
        nu_log = np.log(-np.log(np.abs(eigenvalues)))
    phases = np.angle(eigenvalues)
    converted = functools.partial(jnp.asarray, dtype=dtype)
    return LRUParams(
        nu_log=converted(nu_log),
        theta_log=converted(np.log(np.where(phases > 0, phases, phases + 2 * np.pi))),
        gamma_log=converted(np.zeros(len(kernel))),
        input_kernel=converted(np.concatenate([modes.real, modes.imag], axis=1)),
        output_kernel=converted(np.concatenate([back.real, -back.imag])),
        skip=converted(np.zeros(input_kernel.shape)),
    )
