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
    readouts,
    seq2seq,
    tasks,
    training,
    trees,
    wrappers,
)

MUTANTS = (
    *drivers.MUTANTS,
    *backward.MUTANTS,
    *cells.MUTANTS,
    *wrappers.MUTANTS,
    *parallel.MUTANTS,
    *layers.MUTANTS,
    *readouts.MUTANTS,
    *seq2seq.MUTANTS,
    *numerics.MUTANTS,
    *orthogonal.MUTANTS,
    *flow.MUTANTS,
    *training.MUTANTS,
    *trees.MUTANTS,
    *tasks.MUTANTS,
    *contracts.MUTANTS,
    *experiments.MUTANTS,
)
