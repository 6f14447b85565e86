"""Strict numerics for every test: float64 available, no silent promotion of dtypes or ranks."""

import atexit
import gc
import os
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
FLAGS = ["--xla_cpu_multi_thread_eigen=false"]  # XLA's CPU thread pool can wedge on few cores
if "OPTIMIZED" not in os.environ:
    if version("jaxlib").startswith("0.10."):  # later ones do not know the flag, and end the process
        FLAGS.append("--xla_cpu_use_fusion_emitters=false")  # they take half of the time that small programs compile
    os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "1")  # who called whom to make an operation is read by nobody
os.environ.setdefault("XLA_FLAGS", " ".join(FLAGS))
# several workers gain nothing from matrix products on threads that wait for each other
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# a second run compiles nothing, nor do the processes that tests start
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent.parent / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import hypothesis  # noqa: E402
import jax  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import pytest  # noqa: E402
from jax._src import pjit  # noqa: E402
from jax._src.interpreters import pxla  # noqa: E402

jax.config.update("jax_enable_x64", True)
# the tests compile far more than they run; `make optimized-test` compiles what users run
jax.config.update("jax_disable_most_optimizations", "OPTIMIZED" not in os.environ)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# tracing makes objects by the million and few cycles: with the default threshold a tenth of the time goes into looking for them
gc.set_threshold(200_000, 50, 100)

hypothesis.settings.register_profile("tests", deadline=None, max_examples=25, derandomize=True)
hypothesis.settings.load_profile("tests")


MAPS = Path("/proc/self/maps")
MOST_MAPS, EVERY = 55_000, 25
"""Memory maps that a process may hold before its programs are dropped, and tests between two looks.

Every compiled program takes some, and Linux ends a process that asks for more than 65,530 (vm.max_map_count).
"""
_tests_run = 0
# JAX keeps the text of its last 2,048 programs beside what was compiled from it: 1.4 MB each, looked through whenever another
# text is begun. The names are private, and a JAX without them only makes the tests slower.
TEXTS = [getattr(pjit, "_pjit_lower", None), getattr(pxla, "_cached_lowering_to_hlo", None)]


def pytest_runtest_teardown():
    global _tests_run
    for texts in TEXTS:
        if texts is not None:
            texts.cache_clear()
    _tests_run += 1
    if _tests_run % EVERY == 0 and MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
        gc.collect()


if "PYTEST_XDIST_WORKER" in os.environ:
    # a worker has handed in its results: taking two million objects apart, one by one, would keep the next run waiting
    atexit.register(os._exit, 0)


@pytest.fixture
def optimised():
    """For trainings that take longer without XLA's optimisations than the optimisations do."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture
def users_numerics():
    """Experiments run under JAX's defaults, not under the strict settings of the tests."""
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield
    plt.close("all")
