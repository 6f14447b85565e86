"""The explicit backward pass: its engine, its derivation from the step, and its record."""

from tests.mutants.mutant import Mutant

_FLAGS = ("test_bptt.py::test_derived_and_written_by_hand_agree_under_masks_and_resets",)
_CHUNKS = ("test_bptt.py::test_chunks_share_outputs_and_unrolled_loops_change_nothing",)
_MIXED = ("test_mixed_rows.py",)
_SCALED = (
    "test_flow_matrix.py::test_gradients_beyond_float32",
    "test_flow_matrix.py::test_contributions_add_up_in_both_directions_under_all_flags",
)


def _derivation(*names: str) -> tuple[str, ...]:
    return tuple(f"test_derivation.py::test_explicit_equals_autodiff[{name}-7]" for name in names)


MUTANTS = (
    Mutant(
        "a derivative that is written down is mapped over time",
        "bptt/_phases.py",
        "if any(equation.primitive.name == OWN_DERIVATIVE for equation in part.equations):",
        "if False:",
        _derivation("a rule before the loop", "a rule after the loop"),
    ),
    Mutant(
        "the backward pass sees the state before a reset",
        "bptt/_engine.py",
        "return before if resets is None else pytrees.where(resets, jnp.broadcast_to(fresh, before.shape), before)",
        "return before",
        _MIXED,
    ),
    Mutant(
        "no gradient reaches the fresh state",
        "bptt/_engine.py",
        "dfresh_t = pytrees.where(flags_t.resets, dstate_tm1, zeros)",
        "dfresh_t = zeros",
        ("test_driver.py::test_gradient_of_a_reset_reaches_a_learned_state",),
    ),
    Mutant(
        "deltas pass a reset",
        "bptt/_engine.py",
        "dstate_tm1 = pytrees.where(flags_t.resets, zeros, dstate_tm1)",
        "dstate_tm1 = dstate_tm1",
        _FLAGS,
    ),
    Mutant(
        "deltas pass a cut",
        "bptt/_engine.py",
        "    if flags_t.cuts is not None:\n",
        "    if False:\n",
        ("test_driver.py::test_truncation_equals_stopping_by_hand",),
    ),
    Mutant(
        "deltas do not pass a masked step",
        "bptt/_engine.py",
        "dstate_tm1 = pytrees.where(flags_t.mask, dstate_tm1, passed)",
        "dstate_tm1 = pytrees.where(flags_t.mask, dstate_tm1, pytrees.zeros_like(passed))",
        _FLAGS,
    ),
    Mutant(
        "against time, chunks start at the wrong edge",
        "bptt/_engine.py",
        "first, earlier = (size - 1, j + 1) if reverse else (0, j - 1)",
        "first, earlier = (0, j + 1) if reverse else (0, j - 1)",
        _CHUNKS,
    ),
    Mutant(
        "the state before a chunk is that after its first step",
        "bptt/_engine.py",
        "(start - 1, start == 0)",
        "(start, start == 0)",
        _CHUNKS,
    ),
    Mutant(
        "gradients of the parameters are those of the last chunk",
        "bptt/_engine.py",
        "return dstate, dfresh, pytrees.add(dparams, dparams_chunk),",
        "return dstate, dfresh, dparams_chunk,",
        _CHUNKS,
    ),
    Mutant(
        "held states stand in for made ones though rows are mixed",
        "bptt/_phases.py",
        "self._divide(held_states=False)",
        "self._divide(held_states=True)",
        _MIXED,
    ),
    Mutant(
        "no step is found to mix its rows in the loop",
        "bptt/_phases.py",
        "self.mixes_rows: bool = bool(self.batch_shape) and not self._loop_treats_rows_apart()",
        "self.mixes_rows = False",
        _MIXED,
    ),
    Mutant(
        "a tangent that enters twice counts once",
        "bptt/_phases.py",
        "total[v] = total[v] + delta if v in total else delta",
        "total[v] = delta",
        _MIXED,
    ),
    Mutant(
        "tangents of the outputs do not leave the loop",
        "bptt/_split.py",
        "bool(depends[v] & Depends.LOOP) and program.maker.get(v, -1) not in late_tangents",
        "False",
        _derivation("gates as outputs"),
    ),
    Mutant(
        "a running sum over the rows counts as keeping them apart",
        "bptt/_rows.py",
        'return p["axis"] > 0',
        'return p["axis"] >= 0',
        _derivation("rows ordered"),
    ),
    Mutant(
        "rows turned around count as kept apart",
        "bptt/_rows.py",
        'case "rev":\n            return 0 not in p["dimensions"]',
        'case "rev":\n            return True',
        _MIXED,
    ),
    Mutant(
        "a value of each row counts as the same in all",
        "bptt/_rows.py",
        "return name in _ONE_BY_ONE and all(plain)",
        "return name in _ONE_BY_ONE",
        _derivation("rows told apart"),
    ),
    Mutant(
        "gradients of the outputs are not scaled with the rest",
        "bptt/_record.py",
        "pytrees.scale_rows(dleaving_t, -common)",
        "dleaving_t",
        _SCALED,
    ),
    Mutant(
        "deltas keep their scale to themselves",
        "bptt/_record.py",
        "return Sweep(dstates, exponents, pytrees.scale_rows(deltas, scales), dlate)",
        "return Sweep(dstates, exponents, deltas, dlate)",
        _SCALED,
    ),
    Mutant(
        "the recorded run reads gradients of masked outputs",
        "bptt/_record.py",
        "dys = _engine.masked(recorded.run.flags.mask, inexact(dys))",
        "dys = inexact(dys)",
        _SCALED,
    ),
    Mutant(
        "chunks are chosen for the cache alone",
        "bptt/_chunks.py",
        "while count < CHUNKS and whole + part / count > allowed:",
        "while False:",
        ("test_chunks.py",),
    ),
    Mutant(
        "chunks of few rows are cut further",
        "bptt/_chunks.py",
        "min(_chunks_for_memory(phases), num_steps // fewest)",
        "_chunks_for_memory(phases)",
        ("test_chunks.py",),
    ),
)
