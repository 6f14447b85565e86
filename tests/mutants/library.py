"""All mutants of the library and the experiments."""

from tests.mutants import (
    backward,
    cells,
    contracts,
    drivers,
    experiments,
    flow,
    layers,
    numerics,
    orthogonal,
    parallel,
    seq2seq,
    tasks,
    training,
    wrappers,
)

MUTANTS = (
    *drivers.MUTANTS,
    *backward.MUTANTS,
    *cells.MUTANTS,
    *wrappers.MUTANTS,
    *parallel.MUTANTS,
    *layers.MUTANTS,
    *seq2seq.MUTANTS,
    *numerics.MUTANTS,
    *orthogonal.MUTANTS,
    *flow.MUTANTS,
    *training.MUTANTS,
    *tasks.MUTANTS,
    *contracts.MUTANTS,
    *experiments.MUTANTS,
)
