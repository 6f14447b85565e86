"""What is measured: spectra, top exponents, slopes of gradients, and iterations of Newton's method."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from tqdm import tqdm

from experiments.common.sweeping import sweep
from experiments.lyapunov.networks import Network, draw_driven, draw_free, params_of, product_cell
from experiments.lyapunov.options import Config
from recurrent import elman, gradient_decay, spectral_radius, unroll_parallel
from recurrent.flow import decay_rate, lyapunov_spectrum
from recurrent.initializers import orthogonal

RESTING_GAINS = (0.5, 0.8)
"""Gains at which a network without input comes to rest at 0, whatever its matrix."""
STRENGTHS = {"newton": 1.0, "strong": 10.0}
"""What the published inputs are multiplied by."""
TOLERANCE = 1e-10
"""Residual at which Newton's method ends."""


def burn_in(steps: int) -> int:
    """Steps before those that count, while the state and the directions settle."""
    return steps // 10


def random_products(config: Config) -> dict[str, Array]:
    """All exponents of products of random matrices `[network, n]`; every step is new, so that all count."""
    size = config.spectrum_size

    def one(key):
        xs = jax.random.normal(key, (config.steps, size**2)) / size**0.5
        return lyapunov_spectrum(product_cell(size), (), xs)

    return {"exponents": jax.jit(functools.partial(sweep, one))(_keys(config, 0, config.spectra))}


def orthogonal_networks(config: Config) -> dict[str, Array]:
    """All exponents of linear networks with orthogonal W `[network, n]`, in float32."""
    cell = elman(1, config.spectrum_size, activation="identity", recurrent_init=orthogonal())
    xs = jnp.zeros((config.steps, 1), jnp.float32)
    one = lambda key: lyapunov_spectrum(cell, cell.init(key), xs)  # noqa: E731
    return {"exponents": jax.jit(functools.partial(sweep, one))(_keys(config, 1, config.spectra))}


def resting(config: Config) -> dict[str, np.ndarray]:
    """The upper half of the exponents of tanh networks at rest, and ln |eigenvalue| of gain W, `[gain, network, n / 2]`."""
    size, count = config.spectrum_size, config.spectrum_size // 2
    networks = _free(config, 2, config.spectra, size)
    spectrum = functools.partial(_exponents, count=count, discard=burn_in(config.steps))
    moduli = np.sort(np.abs(np.linalg.eigvals(np.asarray(networks.matrix))), axis=-1)[:, ::-1]
    log_moduli = np.log(moduli[:, :count]) + np.log(RESTING_GAINS)[:, None, None]
    return {"exponents": _by_gain(RESTING_GAINS, spectrum, networks, "resting"), "log_moduli": log_moduli}


def transition(config: Config) -> dict[str, np.ndarray]:
    """Top exponents of tanh networks without input `[gain, network]`, and ln of the spectral radius of W `[network]`."""
    networks = _free(config, 3, config.free_networks, config.free_size)
    top = functools.partial(_exponents, count=1, discard=burn_in(config.steps))
    radii = jax.jit(spectral_radius)(networks.matrix)
    return {"exponent": _by_gain(config.gains, top, networks, "transition")[..., 0], "log_radius": np.log(radii)}


def gradients(config: Config) -> dict[str, np.ndarray]:
    """Top exponent, and slope of ln |dE/dh_k| against the lag, of driven tanh networks `[gain, network]`."""
    steps, size, cut = config.long_steps, config.driven_size, burn_in(config.long_steps)
    draw = functools.partial(draw_driven, size=size, num_steps=steps + cut)
    networks = jax.jit(jax.vmap(draw))(_keys(config, 4, config.driven_networks))

    def one(gain, network):
        exponent = _exponents(gain, network, count=1, discard=cut)[0]
        readout = jax.random.normal(jax.random.key(config.seed), (size,))
        loss = lambda h: jnp.vdot(readout, h)  # noqa: E731
        params = params_of(network, gain)
        decay = gradient_decay(elman(size, size), params, network.xs, loss, network.start)
        return jnp.stack([exponent, decay_rate(decay.total, cut, steps)])

    return dict(zip(("exponent", "slope"), np.moveaxis(_by_gain(config.gains, one, networks, "gradients"), -1, 0), strict=True))


def newton(config: Config, inputs: str, i: int) -> dict[str, np.ndarray]:
    """Iterations, convergence and residual of Newton's method on driven network i `[gain]`, and its top exponent there."""
    network = draw_driven(_keys(config, 4, config.driven_networks)[i], config.driven_size, config.unrolled)
    network = network._replace(xs=STRENGTHS[inputs] * network.xs)
    gains = tqdm(config.gains, desc=f"{inputs}, network {i}", unit="gain", leave=False)
    found = [jax.device_get(_iterate(gain, network)) for gain in gains]
    return {name: np.stack([values[name] for values in found]) for name in found[0]}


@jax.jit
def _iterate(gain: Any, network: Network) -> dict[str, Array]:
    num_steps, size = network.xs.shape
    options = {"method": "deer", "tolerance": TOLERANCE, "max_iterations": num_steps}
    _, _, found = unroll_parallel(elman(size, size), params_of(network, gain), network.xs, network.start, **options)
    return {**found._asdict(), "exponent": _exponents(gain, network, count=1)[0]}


JOBS: dict[str, Callable[[Config], dict[str, Any]]] = {
    "products": random_products,
    "orthogonal": orthogonal_networks,
    "resting": resting,
    "transition": transition,
    "gradients": gradients,
}
"""What is measured besides Newton's iterations."""


def _exponents(gain: Any, network: Network, *, count: int, discard: int = 0) -> Array:
    cell = elman(network.xs.shape[-1], len(network.matrix))
    return lyapunov_spectrum(cell, params_of(network, gain), network.xs, network.start, num_exponents=count, discard=discard)


def _free(config: Config, stream: int, networks: int, size: int) -> Network:
    draw = functools.partial(draw_free, size=size, num_steps=config.steps + burn_in(config.steps))
    return jax.jit(jax.vmap(draw))(_keys(config, stream, networks))


def _by_gain(gains: tuple[float, ...], one: Callable[..., Array], networks: Network, label: str) -> np.ndarray:
    """`one(gain, network)` for all gains and networks, `[gain, network, ...]`."""
    all_networks = jax.jit(lambda gain, networks: sweep(functools.partial(one, gain), networks))
    return np.stack([all_networks(gain, networks) for gain in tqdm(gains, desc=label, unit="gain", leave=False)])


def _keys(config: Config, stream: int, count: int) -> Array:
    return jax.random.split(jax.random.fold_in(jax.random.key(config.seed), stream), count)
