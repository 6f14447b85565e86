"""Modules of flax, cells of flax, and exported programs."""

from tests.mutants.mutant import Mutant

_PLAIN = ("test_plain.py",)
_LINEN_PARAMS = ("test_linen.py::test_parameters_are_those_of_the_network",)
_LINEN_VALUES = ("test_linen.py::test_values_and_gradients",)
_LINEN_INSIDE = ("test_linen.py::test_inside_other_modules_scanned_and_mapped",)
_NNX_PARAMS = ("test_nnx.py::test_parameters_are_those_of_the_network",)
_PROGRAMS = ("test_programs.py",)

MUTANTS = (
    Mutant(
        "leaves come back in the order of dicts",
        "interop/_plain.py",
        "[found[keys] for keys in expected]",
        "list(found.values())",
        _PLAIN,
    ),
    Mutant(
        "leaves of any shape come back",
        "interop/_plain.py",
        "if jnp.shape(found[keys]) != jnp.shape(leaf):",
        "if False:",
        _PLAIN,
    ),
    Mutant("leaves too many go unnoticed", "interop/_plain.py", "if missing or extra:", "if missing:", _PLAIN),
    Mutant(
        "linen draws every parameter with a key of its own", "interop/_linen.py", "if not drawn:", "if True:", _LINEN_PARAMS
    ),
    Mutant(
        "linen forgets the state",
        "interop/_linen.py",
        "apply(self.params_given(), xs, state, lengths",
        "apply(self.params_given(), xs, None, lengths",
        _LINEN_VALUES,
    ),
    Mutant(
        "linen forgets the resets",
        "interop/_linen.py",
        "mask=mask, resets=resets)",
        "mask=mask, resets=None)",
        (*_LINEN_VALUES, "test_policy.py"),
    ),
    Mutant(
        "linen's parameters have no sharding",
        "interop/_linen.py",
        "return leaf if axes is None else nn.Partitioned(leaf, names=axes)",
        "return leaf",
        _LINEN_INSIDE,
    ),
    Mutant(
        "cells in modules run with autodiff",
        "interop/_modules.py",
        "return scanned(network) if",
        'return scanned(network, backprop="autodiff") if',
        ("test_linen.py::test_cells_run_with_the_explicit_pass_unless_the_layer_says_otherwise",),
    ),
    Mutant(
        "a carry keeps the dtype of flax",
        "interop/_modules.py",
        "leaf.astype(dtype) if pytrees.is_inexact(leaf) else leaf, carry",
        "leaf, carry",
        ("test_linen.py::test_the_carry_has_the_dtype_of_states_here",),
    ),
    Mutant(
        "a cell of linen steps with other inputs",
        "interop/_linen.py",
        "state, x_t)\n        return state_of",
        "state, -x_t)\n        return state_of",
        ("test_linen.py::test_cells_of_linen",),
    ),
    Mutant(
        "nnx draws with the default key",
        "interop/_nnx.py",
        "network.init(rngs.params())",
        "network.init(rngs.default())",
        _NNX_PARAMS,
    ),
    Mutant(
        "nnx looks for shardings without the names above",
        "interop/_nnx.py",
        'f"{above}{name}/"',
        'f"{name}/"',
        ("test_nnx.py::test_shardings",),
    ),
    Mutant(
        "nnx holds parameters under names of modules",
        "interop/_nnx.py",
        "if hasattr(self, name):",
        "if False:",
        ("test_nnx.py::test_what_does_not_fit_is_refused",),
    ),
    Mutant(
        "a cell of nnx may keep random streams",
        "interop/_nnx.py",
        "    if others:",
        "    if False:",
        ("test_nnx.py::test_what_does_not_fit_is_refused",),
    ),
    Mutant(
        "a program returns a tuple as a dict",
        "interop/_programs.py",
        "tuple(map(plain, returned)) if type(returned) is tuple else plain(returned)",
        "plain(returned)",
        _PROGRAMS,
    ),
    Mutant(
        "a program is for this machine only",
        "interop/_programs.py",
        "platforms=platforms)(*map",
        "platforms=None)(*map",
        _PROGRAMS,
    ),
    Mutant(
        "a program is written over an old one",
        "interop/_programs.py",
        "    check_new(path)\n",
        "",
        _PROGRAMS,
    ),
)
