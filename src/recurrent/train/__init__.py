"""Training: clipping with statistics, optimisers, train states, pure train steps, evaluation, checkpoints, a driver loop."""

from recurrent.train._checkpoints import Checkpoints, restore_checkpoint, save_checkpoint
from recurrent.train._clipping import (
    ClipState,
    NonFinitePolicy,
    clip_by_global_norm,
    clip_by_tensor_norm,
    raise_if_nonfinite,
)
from recurrent.train._evaluate import EarlyStopping, evaluate
from recurrent.train._fit import fit
from recurrent.train._optimizer import OptimizerName, make_optimizer
from recurrent.train._step import LossFn, Metrics, TrainState, TrainStep, init_train_state, make_train_step

__all__ = [
    "Checkpoints",
    "ClipState",
    "EarlyStopping",
    "LossFn",
    "Metrics",
    "NonFinitePolicy",
    "OptimizerName",
    "TrainState",
    "TrainStep",
    "clip_by_global_norm",
    "clip_by_tensor_norm",
    "evaluate",
    "fit",
    "init_train_state",
    "make_optimizer",
    "make_train_step",
    "raise_if_nonfinite",
    "restore_checkpoint",
    "save_checkpoint",
]
