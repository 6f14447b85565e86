"""What was drawn: spectral radius and singular values of every recurrent block."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recurrent.pytrees import at_least_float32, leaf_names
from recurrent.spectra import singular_range, spectral_radius
from recurrent.types import Params


class BlockReport(NamedTuple):
    """One square block `[n, n]` of a kernel `[n, gates * n]`.

    Attributes:
      name: path of the kernel in the parameters.
      block: index of the gate within it.
      size: n.
      spectral_radius: ρ, the largest modulus of an eigenvalue.
      sigma_max: largest singular value.
      sigma_min: smallest singular value.
      horizon: steps after which ρ^steps has fallen to 1/e, or grown e-fold; inf at ρ = 1.
    """

    name: str
    block: int
    size: int
    spectral_radius: float
    sigma_max: float
    sigma_min: float
    horizon: float

    def __str__(self) -> str:
        """One line of a table."""
        return (
            f"{self.name}[{self.block}]  {self.size} x {self.size}  rho {self.spectral_radius:.4f}  "
            f"sigma {self.sigma_min:.4f} .. {self.sigma_max:.4f}  horizon {self.horizon:.1f} steps"
        )


def describe(params: Params) -> list[BlockReport]:
    """Reports on every square block of every kernel that has any; each report prints as one line of a table.

    A kernel `[n, k * n]` counts as k blocks. An input kernel is reported as well if its shape happens to allow it.

    Args:
      params: any tree of parameters, with concrete values.

    >>> import jax
    >>> import recurrent
    >>> cell = recurrent.elman(3, 8, recurrent_init=recurrent.initializers.identity(0.5))
    >>> [report] = recurrent.describe(cell.init(jax.random.key(0)))
    >>> print(f"spectral radius {report.spectral_radius:.3f}, horizon {report.horizon:.3f} steps")
    spectral radius 0.500, horizon 1.443 steps
    """
    reports = []
    for name, leaf in zip(leaf_names(params), jax.tree.leaves(params), strict=True):
        if leaf.ndim != 2 or not leaf.size or leaf.shape[1] % leaf.shape[0]:
            continue
        size = leaf.shape[0]
        blocks = jnp.moveaxis(leaf.reshape(size, -1, size), 1, 0).astype(at_least_float32(leaf.dtype))
        radii, (largest, smallest) = spectral_radius(blocks), singular_range(blocks)
        for i, (radius, high, low) in enumerate(zip(radii.tolist(), largest.tolist(), smallest.tolist(), strict=True)):
            log_radius = abs(math.log(radius)) if radius > 0 else math.inf
            horizon = 1 / log_radius if log_radius > 0 else math.inf
            reports.append(BlockReport(name, i, size, radius, high, low, horizon))
    return reports
