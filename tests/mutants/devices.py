"""Several devices and processes, time divided among devices, and cuDNN's LSTM."""

from tests.mutants.mutant import Mutant

_DEVICES, _PARTS, _PROCESSES = (f"experiments/common/{name}.py" for name in ("devices", "parts", "processes"))
_FIT, _OVER = "train/_fit.py", "parallel/_over_devices.py"
_TOGETHER = ("test_devices.py::test_two_processes_find_what_one_finds_and_agree",)
_TRAFFIC = ("test_devices.py::test_no_more_is_communicated_than_totals_and_gradients",)
_TIME = ("test_devices.py::test_time_that_is_spread_gives_the_values_and_gradients_of_the_loop",)
_REFUSED = ("test_devices.py::test_devices_that_do_not_divide_an_experiment_are_refused_before_anything_is_written",)
_CUDNN = ("test_cudnn.py::test_weights_and_sequences_are_those_of_cudnn",)

MUTANTS = (
    Mutant("any number that is large enough is divided", _DEVICES, "% asked.total:", "< asked.total:", _REFUSED),
    Mutant(
        "experiments that cannot be spread take devices",
        _DEVICES,
        "if asked.total > 1 and spreads is None:",
        "if False:",
        _REFUSED,
    ),
    Mutant(
        "every device runs all rows",
        _DEVICES,
        "run, in_specs=(alike, steps, states), out_specs=(states, steps)",
        "run, in_specs=(alike, alike, alike), out_specs=(alike, alike)",
        _TRAFFIC,
    ),
    Mutant(
        "one device computes all parts",
        _DEVICES,
        "stack.enter_context(jax.default_device(device))",
        "pass",
        ("test_devices.py::test_networks_that_are_spread_are_those_of_one_device_bit_for_bit",),
    ),
    Mutant(
        "parts are computed one after another",
        _DEVICES,
        "ThreadPoolExecutor(free.qsize())",
        "ThreadPoolExecutor(1)",
        ("test_parts.py::test_as_many_parts_are_computed_at_once_as_there_are_devices",),
    ),
    Mutant(
        "threads compute with the settings of the program",
        _DEVICES,
        "stack.enter_context(context(value))",
        "pass",
        ("test_parts.py::test_threads_take_over_what_is_set_for_the_one_that_starts_them",),
    ),
    Mutant(
        "after an error all parts are computed",
        _DEVICES,
        "return_when=FIRST_EXCEPTION",
        'return_when="ALL_COMPLETED"',
        ("test_parts.py::test_an_error_ends_the_parts_that_were_not_begun_and_is_raised",),
    ),
    Mutant(
        "an interrupt waits for the parts at work",
        _DEVICES,
        "        _abandoned = True",
        "        _abandoned = False",
        ("test_parts.py::test_an_interrupt_leaves_threads_alone_and_ends_the_process",),
    ),
    Mutant(
        "parts get each other's files",
        _PARTS,
        "for part in (what, *parts)",
        "for part in (what, *parts[:1])",
        ("test_parts.py::test_as_many_parts_are_computed_at_once_as_there_are_devices",),
    ),
    Mutant(
        "parts come in the order in which they were computed",
        _PARTS,
        "return {key: (found | saved)[key] for key in names}",
        "return found | saved",
        ("test_parts.py::test_parts_that_are_saved_are_loaded",),
    ),
    Mutant("every process computes all parts", _DEVICES, "range(own, len(items), count)", "range(len(items))", _TOGETHER),
    Mutant("all processes print", _PROCESSES, "or jax.process_index() == 0", "or True", _TOGETHER),
    Mutant("an error of process 0 stays there", _PROCESSES, "    if error is not None:\n        raise error\n", "", _TOGETHER),
    Mutant(
        "an error in a part stays in its process", _DEVICES, "    if error is not None:\n        raise error\n", "", _TOGETHER
    ),
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
