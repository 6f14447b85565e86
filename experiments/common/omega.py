"""The penalty on gradients that change their norm from step to step."""

import dataclasses

from jax import Array

from experiments.common.networks import Network, logits_of
from experiments.common.solving import task_loss
from recurrent import Cell
from recurrent.flow import flow_regularizer
from recurrent.tasks import Batch, Task


def omega(cell: Cell, task: Task, network: Network, batch: Batch, *, squared: bool = True, exact: bool = False) -> Array:
    """Ω for the loss of the task: 0 if its backpropagated gradient keeps its norm from step to step."""

    def loss(run):
        # of the states: dE/dh_T would be 0 if the loss read outputs, which are functions of h_{T-1} to the regulariser
        return task.loss(logits_of(network, run.states), batch)

    return flow_regularizer(cell, network.cell, batch.xs, loss, squared=squared, exact=exact)


@dataclasses.dataclass(frozen=True)
class WithOmega:
    """The loss of the task plus weight · Ω; an `Objective` that compares by its options.

    Reference: Pascanu, Mikolov & Bengio (2013), section 3.3.
    """

    weight: float
    squared: bool
    exact: bool

    def __call__(self, cell: Cell, task: Task, network: Network, batch: Batch) -> Array:
        """What is minimised."""
        found = omega(cell, task, network, batch, squared=self.squared, exact=self.exact)
        return task_loss(cell, task, network, batch) + self.weight * found
