"""Synthetic tasks of memory and order in time, with levels to beat: chance, and the best answer without memory.

task = tasks.temporal_order()
batch = task.sample(key, 20, 100)
_, outputs = network.apply(params, batch.xs)
task.loss(outputs, batch), task.solved(outputs, batch), task.memoryless(100)
"""

from recurrent.tasks._adding import AddingForm, adding
from recurrent.tasks._brackets import brackets
from recurrent.tasks._copy_memory import copy_memory, memorization
from recurrent.tasks._delayed_recall import Place, delayed_recall
from recurrent.tasks._delayed_xor import delayed_xor
from recurrent.tasks._reber import outer_accuracy, outer_steps, reber
from recurrent.tasks._task import Batch, Task
from recurrent.tasks._temporal_order import temporal_order
from recurrent.tasks._vector_copy import vector_copy
from recurrent.tasks._warped import WarpForm, warped
from recurrent.tasks._words import Factors, parity, permutations

__all__ = [
    "AddingForm",
    "Batch",
    "Factors",
    "Place",
    "Task",
    "WarpForm",
    "adding",
    "brackets",
    "copy_memory",
    "delayed_recall",
    "delayed_xor",
    "memorization",
    "outer_accuracy",
    "outer_steps",
    "parity",
    "permutations",
    "reber",
    "temporal_order",
    "vector_copy",
    "warped",
]
