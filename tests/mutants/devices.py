"""Several devices and processes, time divided among devices, and cuDNN's LSTM."""

from tests.mutants.mutant import Mutant

_DEVICES, _FIT, _OVER = "experiments/common/devices.py", "train/_fit.py", "parallel/_over_devices.py"
_TOGETHER = ("test_devices.py::test_two_processes_find_what_one_finds_and_agree",)
_TRAFFIC = ("test_devices.py::test_no_more_is_communicated_than_totals_and_gradients",)
_TIME = ("test_devices.py::test_time_that_is_spread_gives_the_values_and_gradients_of_the_loop",)
_REFUSED = ("test_devices.py::test_devices_that_do_not_divide_an_experiment_are_refused_before_anything_is_written",)
_CUDNN = ("test_cudnn.py::test_weights_and_sequences_are_those_of_cudnn",)

MUTANTS = (
    Mutant("any number that is large enough is divided", _DEVICES, "if number % devices:", "if number < devices:", _REFUSED),
    Mutant(
        "experiments that cannot be spread take devices", _DEVICES, "if asked.total > 1 and not spreads:", "if False:", _REFUSED
    ),
    Mutant(
        "every device runs all rows",
        _DEVICES,
        "run, in_specs=(alike, steps, states), out_specs=(states, steps)",
        "run, in_specs=(alike, alike, alike), out_specs=(alike, alike)",
        _TRAFFIC,
    ),
    Mutant(
        "every device trains all networks",
        _DEVICES,
        "divided = jax.shard_map(mapped, in_specs=shared, out_specs=shared, check_vma=False)",
        "divided = mapped",
        ("test_devices.py::test_networks_that_are_spread_are_those_of_one_device_bit_for_bit",),
    ),
    Mutant("all processes print", _DEVICES, "or jax.process_index() == 0", "or True", _TOGETHER),
    Mutant("an error of process 0 stays there", _DEVICES, "    if error is not None:\n        raise error\n", "", _TOGETHER),
    Mutant("every process appends to the log", _FIT, "    if not writes:\n", "    if False:\n", _TOGETHER),
    Mutant("every process saves", _FIT, "                if writes:\n", "                if True:\n", _TOGETHER),
    Mutant("every stretch begins with the state before the first", _OVER, "leaf[jax.lax.axis_index(axis)]", "leaf[0]", _TIME),
    Mutant(
        "what was before a reset comes back from another device",
        _OVER,
        "states = pytrees.where(started, b, states)",
        "states = states",
        _TIME,
    ),
    Mutant(
        "stretches run in time what runs against it", _OVER, "shift(leaf, first, reverse=reverse)", "shift(leaf, first)", _TIME
    ),
    Mutant(
        "padding reaches the coefficients",
        _OVER,
        "xs if flags.mask is None else without_padding(xs, flags.mask)",
        "xs",
        _TIME,
    ),
    Mutant("cuDNN's kernels are not turned over", "unrolling/_cudnn.py", "kernel.T.reshape(-1)", "kernel.reshape(-1)", _CUDNN),
    Mutant(
        "cuDNN moves the state of an empty row",
        "unrolling/_cudnn.py",
        "pytrees.where(lengths > 0, after, sequence.state)",
        "after",
        _CUDNN,
    ),
    Mutant(
        "cuDNN takes a cell that computes in half precision",
        "unrolling/_cudnn.py",
        'dict(recipe.named).get("dtype")',
        "None",
        ("test_cudnn.py::test_everything_else_is_refused_with_the_reason",),
    ),
)
