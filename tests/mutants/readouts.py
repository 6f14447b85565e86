"""Reservoirs and what is read out of them."""

from tests.mutants.mutant import Mutant

_RIDGE = ("test_ridge.py",)
_CAPACITY = ("test_memory_capacity.py",)
_RESERVOIR = ("test_echo_state.py",)
_GAUSSIAN = ("test_noise_streams.py",)

MUTANTS = (
    Mutant(
        "rows are read without their mean",
        "readouts/_sums.py",
        "kept.reshape(-1, 1).astype(dtype)",
        "0 * kept.reshape(-1, 1).astype(dtype)",
        _RIDGE,
    ),
    Mutant(
        "masked rows count in the mean",
        "readouts/_sums.py",
        "kept.reshape(-1, 1).astype(dtype)",
        "jnp.ones((rows.shape[0], 1), dtype)",
        _RIDGE,
    ),
    Mutant(
        "earlier rows are forgotten",
        "readouts/_sums.py",
        "jnp.concatenate([sums.factor, rows])",
        "jnp.concatenate([0 * sums.factor, rows])",
        _RIDGE,
    ),
    Mutant(
        "an error without the intercept",
        "readouts/_sums.py",
        "[readout.bias[..., None, :], readout.kernel, minus]",
        "[0 * readout.bias[..., None, :], readout.kernel, minus]",
        _RIDGE,
    ),
    Mutant(
        "a variance around 0",
        "readouts/_sums.py",
        "jnp.square(sums.factor[1:, -sums",
        "jnp.square(sums.factor[:, -sums",
        _RIDGE,
    ),
    Mutant(
        "a penalty on twice the squares", "readouts/_ridge.py", "sizes + ridge / sizes", "sizes + 2 * ridge / sizes", _RIDGE
    ),
    Mutant(
        "an intercept that is penalised",
        "readouts/_ridge.py",
        "deviations = factor[0] / factor[0, 0], factor[1:, 1:]",
        "deviations = 0 * factor[0], factor[:, 1:]",
        _RIDGE,
    ),
    Mutant(
        "directions that are lost get a weight",
        "readouts/_ridge.py",
        "(sizes <= rounding) & (ridge",
        "(sizes < 0) & (ridge",
        _RIDGE,
    ),
    Mutant(
        "a washout that is a step short",
        "readouts/_run.py",
        "begins=state is None) > washout",
        "begins=state is None) >= washout",
        _RIDGE,
    ),
    Mutant("a washout after a state that was handed on", "readouts/_run.py", "begins=state is None)", "begins=True)", _RIDGE),
    Mutant("no washout after resets", "readouts/_run.py", "jnp.where(resets, taken", "jnp.where(resets & False, taken", _RIDGE),
    Mutant(
        "masked steps are washed out, too",
        "readouts/_run.py",
        "jnp.cumsum(mask, axis=0",
        "jnp.cumsum(mask | True, axis=0",
        _RIDGE,
    ),
    Mutant(
        "the last steps that fill no chunk are left out",
        "readouts/_run.py",
        "if covered < num_steps:",
        "if covered == 0:",
        _RIDGE,
    ),
    Mutant(
        "what the size of a sample gives counts as memory", "readouts/_capacity.py", " - 1 / (fresh.rows - 1)", "", _CAPACITY
    ),
    Mutant(
        "memory is measured where readouts were fitted",
        "readouts/_capacity.py",
        "squared_correlation(fresh,",
        "squared_correlation(seen,",
        _CAPACITY,
    ),
    Mutant(
        "the second half begins without a past", "readouts/_capacity.py", "lagged[half:], state)", "lagged[half:])", _CAPACITY
    ),
    Mutant(
        "scalings of features become those of units",
        "cells/_echo_state.py",
        "np.broadcast_to(scales, input_size)[:, None]",
        "np.broadcast_to(scales, input_size)[:1, None]",
        _RESERVOIR,
    ),
    Mutant(
        "a reservoir keeps the radius it is drawn with",
        "cells/_echo_state.py",
        "if spectral_radius is not None:",
        "if spectral_radius is None:",
        _RESERVOIR,
    ),
    Mutant(
        "eigenvalues turn the other way",
        "cells/_echo_state.py",
        "phases = np.angle(eigenvalues)",
        "phases = -np.angle(eigenvalues)",
        _RESERVOIR,
    ),
    Mutant(
        "real parts of a diagonal form are read alone",
        "cells/_echo_state.py",
        "[back.real, -back.imag]",
        "[back.real, 0 * back.imag]",
        _RESERVOIR,
    ),
    Mutant(
        "thinned entries are rescaled",
        "initializers.py",
        "base(k_base, shape, dtype), 0)",
        "base(k_base, shape, dtype) / density, 0)",
        _RESERVOIR,
    ),
    Mutant(
        "a closed loop hears the answer before the last",
        "wrappers/_closed_loop.py",
        "return ClosedLoopState(after, y_t), y_t",
        "return ClosedLoopState(after, state.y_tm1 + 0 * y_t), y_t",
        _RESERVOIR,
    ),
    Mutant(
        "an input behind the output",
        "wrappers/_emit.py",
        "[x_t.astype(y_t.dtype), y_t]",
        "[y_t, x_t.astype(y_t.dtype)]",
        _RESERVOIR,
    ),
    Mutant(
        "Gaussian noise of the variance σ", "wrappers/_noise.py", "x + size * _normal", "x + size**0.5 * _normal", _GAUSSIAN
    ),
    Mutant(
        "Gaussian noise that is uniform",
        "wrappers/_noise.py",
        "(math.sqrt(2) * jax.lax.erf_inv(wide))",
        "(math.sqrt(3) * wide)",
        _GAUSSIAN,
    ),
)
