"""Strict numerics for every test: float64 available, no silent promotion of dtypes or ranks."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

hypothesis.settings.register_profile("tests", deadline=None, max_examples=25, derandomize=True)
hypothesis.settings.load_profile("tests")

# XLA's CPU client can deadlock when computations are dispatched asynchronously on few cores (jax-ml/jax issue 25861)
jax.config.update("jax_cpu_enable_async_dispatch", False)
