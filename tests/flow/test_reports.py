"""Reports on kernels whose spectra are known."""

import jax.numpy as jnp
import numpy as np
import pytest

from recurrent import describe

ROTATION = 0.5 * np.array([[0.0, 1.0], [-1.0, 0.0]])
SHEAR = np.array([[2.0, 3.0], [0.0, 1.0]])
NILPOTENT = np.array([[0.0, 3.0], [0.0, 0.0]])
KEEPING = np.array([[0.0, 4.0], [0.25, 0.0]])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_radius_singular_values_and_horizon_of_every_block(dtype):
    """σ of the shear: (σ₁ ± σ₂)² = ‖W‖² ± 2 |det W| = 14 ± 4."""
    kernel = jnp.asarray(np.concatenate([ROTATION, SHEAR, NILPOTENT, KEEPING], axis=1), dtype)
    reports = describe({"kernel": kernel, "bias": jnp.ones(4), "wide": jnp.ones((3, 4))})
    assert [(report.name, report.block, report.size) for report in reports] == [("['kernel']", block, 2) for block in range(4)]
    largest = [0.5, (18**0.5 + 10**0.5) / 2, 3, 4]
    smallest = [0.5, (18**0.5 - 10**0.5) / 2, 0, 0.25]
    found = [(report.spectral_radius, report.sigma_max, report.sigma_min) for report in reports]
    np.testing.assert_allclose(found, np.transpose([[0.5, 2, 0, 1], largest, smallest]), rtol=1e-5, atol=1e-6)
    horizons = [report.horizon for report in reports]
    np.testing.assert_allclose(horizons[:3], [1 / np.log(2), 1 / np.log(2), 0], rtol=1e-4)
    assert horizons[3] > 1e5
