"""What the linear recurrent unit draws: unit variance from white noise in, to white noise out."""

import jax
import numpy as np
import pytest

from recurrent import lru

INPUT, HIDDEN = 60, 300


@pytest.mark.parametrize("skip", ["elementwise", "dense"])
def test_kernels_have_the_variances_of_the_published_code(skip):
    """B: 1/d, half of it in each part; C: 1/h in each part; D: 1 for a vector, 1/d for a matrix."""
    params = lru(INPUT, HIDDEN, skip=skip).init(jax.random.key(0))
    re, im = np.split(np.asarray(params.input_kernel), 2, axis=1)
    for part in (re, im):  # the standard error of the variance of 18 000 draws is 1 %
        np.testing.assert_allclose(np.var(part), 0.5 / INPUT, rtol=0.06)
    assert abs(np.corrcoef(re.ravel(), im.ravel())[0, 1]) < 0.05
    for part in np.split(np.asarray(params.output_kernel), 2):
        np.testing.assert_allclose(np.var(part), 1 / HIDDEN, rtol=0.06)
    expected, tolerance = (1, 0.6) if skip == "elementwise" else (1 / INPUT, 0.12)
    np.testing.assert_allclose(np.var(params.skip), expected, rtol=tolerance)
