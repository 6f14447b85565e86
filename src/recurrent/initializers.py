"""Initialisers, drawn per gate block, and the presets of other libraries.

An initialiser is `(key, shape, dtype) -> array`, as in `jax.nn.initializers`. Cells call it once per gate with the shape
of one block (`[hidden, hidden]` for recurrent kernels), so "orthogonal" means that every gate is orthogonal. Wrap it in
`Fused` to draw all gates as one wide matrix instead, which is what Keras does.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import Tracer

from recurrent import checks
from recurrent.made import Made, remembered
from recurrent.pytrees import at_least_float32
from recurrent.spectra import spectral_radius

Initializer = Callable[..., Array]

zeros: Initializer = jax.nn.initializers.zeros
"""0 everywhere: spectral radius 0."""


def glorot_uniform(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """U(±√(6 / (fan_in + fan_out))); a square block has entries of variance 1/n and a spectral radius near 1."""
    return jax.nn.initializers.glorot_uniform()(key, shape, dtype)


def lecun_normal(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """Truncated normal of variance 1/fan_in; a square block has a spectral radius near 1."""
    return jax.nn.initializers.lecun_normal()(key, shape, dtype)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Drawn(Made):
    """An initialiser with options, which it prints and compares by."""

    draw: Callable[[Array, tuple[int, ...], Any], Array]

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        """Draws an array."""
        return self.draw(key, shape, dtype)


class Fused(NamedTuple):
    """Marks an initialiser that draws all gates at once, as one `[rows, gates * width]` matrix."""

    initializer: Initializer


class PerGate(NamedTuple):
    """Marks initialisers of a bias that differ from gate to gate, in the order of the gates.

    With `one_key`, they all get the same key: what two gates draw from it is the same.
    """

    initializers: tuple[Initializer, ...]
    one_key: bool = False


def draw(initializer: Initializer, key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Draws in at least float32, for there is no QR decomposition of half precision, and stores in `dtype`."""
    return initializer(key, shape, at_least_float32(dtype)).astype(dtype)


def draw_blocks(initializer: Initializer | Fused, key: Array, rows: int, width: int, gates: int, dtype: Any) -> Array:
    """Draws a `[rows, gates * width]` kernel gate by gate, or at once if the initialiser is `Fused`."""
    if isinstance(initializer, Fused):
        return draw(initializer.initializer, key, (rows, gates * width), dtype)
    return jnp.concatenate([draw(initializer, k, (rows, width), dtype) for k in jax.random.split(key, gates)], axis=-1)


def draw_bias(initializer: Initializer | PerGate, key: Array, width: int, gates: int, dtype: Any) -> Array:
    """Draws a `[gates * width]` bias gate by gate; a `PerGate` of more gates than asked for gives its last ones."""
    own, one_key = initializer if isinstance(initializer, PerGate) else ((initializer,) * gates, False)
    keys = [key] * gates if one_key else jax.random.split(key, gates)
    return jnp.concatenate([draw(i, k, (width,), dtype) for i, k in zip(own[-gates:], keys, strict=True)])


@remembered
def orthogonal(gain: float = 1.0) -> Drawn:
    """Returns a Haar-random orthogonal matrix times `gain`: every eigenvalue and singular value has modulus `gain`.

    Under `vmap` the matrices are drawn one after another: on a machine with few cores, the batched QR decompositions of several
    gates, run side by side, wait for each other's threads forever (jaxlib 0.10.2, `jit(vmap(lstm(8, 32).init))` on two cores).

    Reference: Saxe, McClelland & Ganguli (2014), Exact solutions to the nonlinear dynamics of learning.
    """
    haar = jax.nn.initializers.orthogonal(scale=gain)

    def init(key, shape, dtype):
        return jax.custom_batching.sequential_vmap(lambda key: haar(key, shape, dtype))(key)

    return Drawn(init)


@remembered
def identity(gain: float = 1.0) -> Drawn:
    """Returns `gain * I`: spectral radius `gain`.

    Reference: Le, Jaitly & Hinton (2015), A simple way to initialize recurrent networks of rectified linear units.
    """

    def init(key, shape, dtype):
        del key
        return gain * jnp.eye(*shape, dtype=dtype)

    return Drawn(init)


def henaff(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """A skew matrix of 2 x 2 blocks [[0, θ], [-θ, 0]] with θ ~ U(-π, π): its exponential turns every plane by an angle θ.

    Raises:
      ValueError: the shape is not square, or its side not even.

    Reference: Henaff, Szlam & LeCun (2016), Recurrent orthogonal networks and long-memory tasks.
    """
    pairs = _pairs("henaff", shape)
    return _skew_blocks(jax.random.uniform(key, (pairs,), dtype, -math.pi, math.pi))


def cayley_angles(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """A skew matrix of 2 x 2 blocks of √((1 - cos θ) / (1 + cos θ)) with θ ~ U(0, π/2): its Cayley map turns planes by -θ.

    Raises:
      ValueError: the shape is not square, or its side not even.

    Reference: Helfrich, Willmott & Ye (2018), section 3.2.
    """
    pairs = _pairs("cayley_angles", shape)
    return _skew_blocks(jnp.tan(jax.random.uniform(key, (pairs,), dtype, 0, math.pi / 2) / 2))


def rotations(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """Returns exp(`henaff`): every pair of units is turned by an angle of its own, U(-π, π); all eigenvalues have modulus 1.

    Raises:
      ValueError: the shape is not square, or its side not even.

    Reference: Henaff, Szlam & LeCun (2016), section 4.
    """
    angles = jnp.diagonal(henaff(key, shape, dtype), 1)[::2]
    return jnp.diag(jnp.repeat(jnp.cos(angles), 2)) + _skew_blocks(jnp.sin(angles))


def _skew_blocks(values: Array) -> Array:
    """The matrix with blocks [[0, v], [-v, 0]] along its diagonal."""
    beside = jnp.stack([values, jnp.zeros_like(values)], axis=-1).reshape(-1)[:-1]
    return jnp.diag(beside, 1) - jnp.diag(beside, -1)


def _pairs(name: str, shape: tuple[int, ...]) -> int:
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] % 2:
        raise ValueError(f"{name}: units come in pairs, one for each angle; got shape {shape}: take an even number of units")
    return shape[0] // 2


@remembered
def gaussian(gain: float = 1.0) -> Drawn:
    """Returns entries of N(0, gain² / fan_in): the spectral radius of a square block tends to `gain` (Girko's law)."""

    def init(key, shape, dtype):
        return (gain / shape[0] ** 0.5) * jax.random.normal(key, shape, dtype)

    return Drawn(init)


@remembered
def normal(standard_deviation: float) -> Drawn:
    """Returns entries of N(0, standard_deviation²); a square block has spectral radius near `standard_deviation * √n`."""
    return Drawn(jax.nn.initializers.normal(standard_deviation))


@remembered
def uniform(bound: float) -> Drawn:
    """Returns entries of U(-bound, bound).

    Raises:
      ValueError: a bound that is negative or not finite.
    """
    _check_size("a bound", bound)
    return Drawn(lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -bound, bound))


@remembered
def signs(magnitude: float = 1.0) -> Drawn:
    """Returns entries of ±magnitude, either sign with probability 1/2.

    Raises:
      ValueError: a magnitude that is negative or not finite.
    """
    _check_size("a magnitude", magnitude)
    return Drawn(lambda key, shape, dtype: magnitude * jax.random.rademacher(key, shape, dtype))


@remembered
def sparse(density: float, base: Initializer | None = None) -> Drawn:
    """Keeps every entry of what `base` (Gaussian by default) draws with probability `density`; the others are 0.

    What is kept is not rescaled; `with_spectral_radius(0.9, sparse(0.1))` does that.

    Raises:
      ValueError: a density outside (0, 1].
    """
    if not 0 < density <= 1:
        raise ValueError(f"a density is the share of entries that are kept, above 0 and at most 1; got {density}")
    base = gaussian() if base is None else base

    def init(key, shape, dtype):
        k_base, k_kept = jax.random.split(key)
        return jnp.where(jax.random.uniform(k_kept, shape) < density, base(k_base, shape, dtype), 0)

    return Drawn(init)


@remembered
def delay_line(weight: float = 1.0) -> Drawn:
    """Returns `weight` right above the diagonal: every unit hands its value on to the next, the last one forgets it.

    The matrix is nilpotent: its spectral radius is 0 whatever the weight.

    Raises:
      ValueError: a weight that is negative or not finite.

    Reference: Rodan & Tiňo (2011), Minimum complexity echo state network, section III.
    """
    _check_size("a weight", weight)
    return Drawn(lambda key, shape, dtype: weight * jnp.eye(*shape, k=1, dtype=dtype))


def _check_size(what: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(f"{what} must be at least 0 and finite; got {value}")


@remembered
def with_spectral_radius(radius: float, base: Initializer | None = None) -> Drawn:
    """Draws from `base` (Gaussian by default) and rescales to a spectral radius of exactly `radius`.

    Raises:
      ValueError: `radius` is negative, a drawn matrix is asked for that is not square, or one was drawn whose
        eigenvalues are all 0 (under `jit`, its entries become NaN instead).
    """
    _check_size("a spectral radius", radius)
    base = gaussian() if base is None else base

    def init(key, shape, dtype):
        matrix = base(key, shape, dtype)
        found = spectral_radius(matrix)
        if not isinstance(found, Tracer) and not found > 0:
            raise ValueError("with_spectral_radius: the drawn matrix is nilpotent, so no factor gives it a spectral radius")
        return matrix * (radius / found)

    return Drawn(init)


@remembered
def log_time(max_steps: float, sign: float = 1.0) -> Drawn:
    """Returns sign · ln u with u ~ U(1, max_steps - 1): such a bias alone opens a gate to σ(ln u) = u / (1 + u).

    Raises:
      ValueError: not 2 <= max_steps < inf, a sign that is neither 1 nor -1.
    """
    if not 2 <= max_steps < math.inf:
        raise ValueError(f"max_steps must be at least 2, for times of 1 to max_steps - 1, and finite; got {max_steps}")
    checks.choice("sign", float(sign), (1.0, -1.0))
    return Drawn(lambda key, shape, dtype: sign * jnp.log(jax.random.uniform(key, shape, dtype, 1.0, max_steps - 1.0)))


@remembered
def uniform_by_hidden(num_terms: int = 1) -> Drawn:
    """Returns a sum of `num_terms` draws from U(±1/√hidden), `hidden` being the last axis; torch's rule for everything.

    A square block has a spectral radius near √(num_terms / 3): 0.58 for one term.
    """

    def init(key, shape, dtype):
        bound = shape[-1] ** -0.5
        return jax.random.uniform(key, (num_terms, *shape), dtype, -bound, bound).sum(axis=0)

    return Drawn(init)


def _forget_bias(cell: str, value: float) -> dict[str, Any]:
    """Only the LSTM has a forget bias to set."""
    checks.choice("the cell of a preset", cell, ("elman", "lstm", "gru"))
    return {"forget_bias": value} if cell == "lstm" else {}


def torch_like(cell: str) -> dict[str, Any]:
    """Options that give a cell torch's initial distribution: U(±1/√hidden) everywhere, no forget bias.

    Torch has two biases per gate; here they are one, drawn as the sum of two, but those of the GRU's candidate, which stay two
    (b_n and, with `reset="after"`, b_hn) and are drawn as one each. Spectral radius of a recurrent block:
    near 1/√3 = 0.58, about 0.62 at hidden size 128. Use as `lstm(28, 128, **torch_like("lstm"))`.
    """
    uniform = uniform_by_hidden()
    both = uniform_by_hidden(2)
    bias = PerGate((both, both, uniform)) if cell == "gru" else both
    options = {"kernel_init": uniform, "recurrent_init": uniform, "bias_init": bias}
    return options | _forget_bias(cell, 0.0)


def keras_like(cell: str) -> dict[str, Any]:
    """Options that give a cell Keras' initial distribution: fused Glorot and fused orthogonal, forget bias 1.

    "Orthogonal" applies to the fused `[hidden, gates * hidden]` matrix, so that each block has rms singular value
    1/√gates. Spectral radius of a recurrent block at hidden size 128: 1 for elman, about 0.5 for the LSTM, 0.6 for the GRU.
    """
    options = {"kernel_init": Fused(glorot_uniform), "recurrent_init": Fused(orthogonal()), "bias_init": zeros}
    return options | _forget_bias(cell, 1.0)


def flax_like(cell: str) -> dict[str, Any]:
    """Options that give a cell flax.linen's initial distribution: LeCun normal, orthogonal per gate, no forget bias.

    Spectral radius of every recurrent block: 1.
    """
    options = {"kernel_init": lecun_normal, "recurrent_init": orthogonal(), "bias_init": zeros}
    return options | _forget_bias(cell, 0.0)


def chrono(cell: str, max_steps: float) -> dict[str, Any]:
    """Options that let every unit start with a time scale u ~ U(1, max_steps - 1) of its own: it forgets in about u steps.

    The LSTM gets b_f = ln u and b_i = -ln u of the same u, so that f = u / (1 + u) and i = 1 - f at rest. What lets go of the
    past in `gru` and `mgu` is z and f: their bias is -ln u. Other biases are 0. For dependencies of up to 500 steps, use it as
    `gru(1, 64, **chrono("gru", 500))`. "lstm" is for every `lstm_variant`, too: b_i = -ln u serves both gates where f = 1 - i.

    Raises:
      ValueError: not 2 <= max_steps < inf, another cell.

    Reference: Tallec & Ollivier (2018), Can recurrent neural networks warp time?, section 2.
    """
    keep, renew = log_time(max_steps), log_time(max_steps, -1.0)
    options = {
        "lstm": {"bias_init": PerGate((renew, keep, zeros, zeros), one_key=True), "forget_bias": 0.0},
        "gru": {"bias_init": PerGate((zeros, renew, zeros))},
        "mgu": {"bias_init": PerGate((renew, zeros))},
    }
    checks.choice("the cell of chrono", cell, tuple(options))
    return options[cell]


def irnn(standard_deviation: float = 0.001) -> dict[str, Any]:
    """Options that turn `elman` into the IRNN: ReLU, identity recurrence, input weights N(0, 0.001²), zero bias.

    Spectral radius: 1. Use as `elman(1, 100, **irnn())`.

    Reference: Le, Jaitly & Hinton (2015), section 3.
    """
    return {
        "activation": "relu",
        "kernel_init": normal(standard_deviation),
        "recurrent_init": identity(),
        "bias_init": zeros,
    }
