"""docs/guides: every block runs as it stands, and prints what the page says."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from blocks import ROOT, blocks_of, failures_of

GUIDES = sorted(path.stem for path in (ROOT / "docs" / "guides").glob("*.md"))
BLOCKS = {(guide, heading): code for guide in GUIDES for heading, code in blocks_of(f"docs/guides/{guide}.md").items()}
CHECKS = {
    ("variable-length", "A masked step"): """
assert np.array_equal(mask, recurrent.lengths_to_mask(jnp.array([5, 2, 0]), 5)) and np.isnan(xs).any()
assert float(printed[0].split()[-1]) <= 1e-6 and printed[1].endswith(" 0.0") and ys[1, 1].any()
assert not final_state.h[2].any() and final_state.h[:2].all()
gradient = jax.grad(lambda params: jnp.sum(run(cell, params, xs, lengths=jnp.array([5, 2, 0]))[0].h))(params)
assert all(np.isfinite(leaf).all() and leaf.any() for leaf in gradient)
""",
    ("variable-length", "The loss"): """
assert printed == ["over steps 1.4, over sequences 2.0, sum per sequence 3.5"], printed
assert jnp.isnan(jnp.sum(losses * mask.astype(jnp.float32))) and jnp.isfinite(masked_mean(losses, mask))
""",
    ("variable-length", "Padding at the front or at the back"): """
assert differences[0] <= 1e-6 and printed[0].endswith("with lengths by 0.1"), printed
assert np.array_equal(ys[-1], state_front.h)
cut, _ = recurrent.data.pad(sequences, 3)
kept, _ = recurrent.data.pad(sequences, 3, keep="back")
assert np.array_equal(cut[:, 0], sequences[0][:3]) and np.array_equal(kept[:, 0], sequences[0][-3:])
""",
    ("variable-length", "Against time and in both directions"): """
assert answer.shape == (2, 16) and float(printed[0].split()[-1]) <= 1e-6 and final_state.backward.h.all()
last = jax.jit(recurrent.unroll, static_argnums=0)(recurrent.lstm(3, 8), params.backward, xs[4:, :1])[1]
assert jnp.allclose(ys[-1, 0, 8:], last[0, 0], atol=1e-6), "the backward output at the last step has seen one input"
""",
    ("variable-length", "Few shapes instead of one"): """
import re
count, different, saved = map(int, re.findall(r"[0-9]+", printed[0]))
assert different == 3 and count == len(batches) and saved >= 50, printed
assert sum(int(mask.any(axis=0).sum()) for _, mask in batches) == len(sequences)
assert np.array_equal(buckets.batches[0].indices, bucket(
    [len(s) for s in sequences], 3, batch_size=16, order=epoch_order(200, epoch=0, seed=0)).batches[0].indices)
""",
    ("variable-length", "Packed rows instead of padding"): """
assert float(printed[0].split()[-1]) <= 1e-6
assert float(jnp.abs(run(cell, params, jnp.concatenate(sequences))[1] - one_by_one)[3:].max()) > 1e-3
""",
    ("state-and-resets", "Where a run starts"): """
assert printed == ["{'c': True, 'h': True}"], printed
assert gradient(params, xs.at[:4].set(0)).state.h.any() and not params.state.h.any()
""",
    ("state-and-resets", "One step at a time"): """
assert float(printed[0].split()[-1]) <= 1e-6 and ys.any() and jnp.allclose(state.c, final_state.c, atol=1e-6)
""",
    ("state-and-resets", "Training over windows of a stream"): """
assert losses[-1] < 0.01 * losses[0] and inputs.shape == (10, 10, 4, 1)
assert np.array_equal(inputs[1][:, 2], stream[2 * 100 + 10 : 2 * 100 + 20]) and np.array_equal(targets[0][:-1], inputs[0][1:])
""",
    ("state-and-resets", "Episodes"): """
assert printed == ["from a fresh start: row 0 True, row 1 False"], printed
""",
    ("state-and-resets", "Keeping a state"): """
import numpy as np
assert printed == ["the carry is the same: True"] and carry.h.any()
assert jnp.array_equal(restored.carry.h, carry.h) and restored.step == state.step
np.savez("carry.npz", *jax.tree.leaves(carry))
assert all(map(np.array_equal, np.load("carry.npz").values(), carry))
try:
    restore_checkpoint(Checkpoints("checkpoints", {"hidden_size": 9}), state)
except ValueError as error:
    assert "hidden_size" in str(error)
else:
    raise AssertionError("a checkpoint of another configuration is not refused")
""",
    ("long-sequences", "Memory"): """
whole, checkpointed = (float(line.split(": ")[1].split()[0]) for line in printed)
assert 7 <= whole <= 12 and checkpointed < 1, printed
""",
    ("long-sequences", "The gradient of a window"): """
assert printed == ["relative error 0.10, cosine 0.995"], printed
""",
    ("long-sequences", "Clipping"): """
assert printed == ["recurrent: norm 1.0", "optax: norm 0.0"], printed
""",
    ("long-sequences", "All steps at once"): """
assert float(printed[0].split()[-1]) <= 1e-5 and one_by_one[:, 0].all() and not at_once[40:, 1].any()
""",
    ("initialisation", "What was drawn"): """
found = {line.split(": ")[0]: float(line.split(": ")[1]) for line in printed}
expected = {"per gate": 1.00, "torch": 0.62, "fused": 0.53}
assert all(abs(found[name] - expected[name]) <= 0.01 for name in expected) and len(radii) == 4, found
assert len(recurrent.describe({"input_kernel": params.recurrent_kernel})) == 4
""",
    ("initialisation", "Time scales of the gates"): """
import re
spans = [list(map(float, re.findall(r"[0-9]+[.][0-9]+", line))) for line in printed]
assert spans[:3] == [[0.5, 0.5, 1.4, 1.4], [0.73, 0.73, 3.2, 3.2], [0.95, 0.95, 20.6, 20.6]], printed
assert 1 < spans[3][2] < spans[3][3] < 100
z = jax.nn.sigmoid(recurrent.gru(3, 8).init(jax.random.key(0)).bias[8:16])
assert jnp.allclose(-1 / jnp.log(1 - z), 1.44, atol=0.01)
""",
    ("initialisation", "What the gradient makes of it"): """
import numpy as np
rates = {line.split(": ")[0]: float(line.split(": ")[1].split()[0]) for line in printed}
assert np.allclose(list(rates.values()), [0.40, 0.66, 0.86, 0.98], atol=0.011), rates
assert abs(10 ** (decay[0] - decay[-1]).mean() - 0.3) < 0.03
""",
    ("speed", "Compile once"): """
assert printed == ["4 calls, 2 compilations: [(6, 2, 3), (9, 2, 3)]"], printed
""",
    ("speed", "The backward pass"): """
assert float(printed[0].split()[-1]) <= 1e-6 and all(leaf.any() for leaf in gradients["explicit"])
""",
    ("speed", "How to measure"): """
assert len(printed) == 2 and compiling > running[10] and memory > 0, printed
""",
    ("speed", "Donation"): """
assert printed == ["update 1; the old parameters are deleted: True"] and params.bias.is_deleted(), printed
""",
    ("accelerators", "Is it used?"): """
assert printed[0].startswith("cpu "), printed
""",
    ("accelerators", "The floor per step"): """
assert float(printed[0].split()[-1]) <= 1e-6 and one.any()
""",
    ("accelerators", "cuDNN"): """
assert len(printed) == 1 and "it knows no mask" in printed[0] and final_state.h.all()
""",
    ("accelerators", "Precision"): """
assert printed[0] == "parameters float32, state float32, outputs float32", printed
assert 1e-4 < float(printed[1].split()[-1]) < 1e-2, printed
""",
}


def test_every_block_is_tested():
    assert set(BLOCKS) == set(CHECKS)


def test_blocks_do_what_the_guides_say(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # they compile far more than they run
    names = {f"{guide}: {heading}": (guide, heading) for guide, heading in BLOCKS}
    blocks, checks = ({name: table[key] for name, key in names.items()} for table in (BLOCKS, CHECKS))
    failures = failures_of(blocks, checks, tmp_path)
    assert not failures, "\n".join(failures.values())


def quoted_of_initialisation():
    rank = measured("remedies", "(4) rank correlation of horizon and updates")
    yield f"the rank correlation of horizon and updates is {rank:.2f}"


def quoted_of_long_sequences():
    first, fall = "LSTM {}, last state: error at window 1", "LSTM {}, last state: error at window 1 minus at 32"
    before, after = (
        measured("truncation", first.format(stage)) - measured("truncation", fall.format(stage))
        for stage in ("untrained", "trained")
    )
    yield f"last state's gradient of {before:.2f} with a window of 32 before training, {after:.2f} after"
    explicit, autodiff = (
        CPU["", "", f"memory with checkpoint_every=128, {way}, T=16384", ""] for way in ("explicit", "autodiff")
    )
    yield f"{explicit['most']:.0f} MB without, {explicit['least']:.1f} MB with `checkpoint_every=128`"
    yield f"with autodiff {autodiff['most']:.0f} and {autodiff['least']:.1f} MB"


def quoted_of_speed():
    ms = {name: 1e3 * value for name, value in recorded("parallel").items() if name.startswith("seconds, ")}
    loop, scan = ms["seconds, min_gru/loop"], ms["seconds, min_gru/associative"]
    yield f"a minGRU takes {loop:.2f} ms by the loop and {scan:.2f} ms by the scan"
    yield f"a tanh network {ms['seconds, tanh/loop']:.2f} ms by the loop and {ms['seconds, tanh/deer']:.0f} ms by `deer`"
    gains = [CPU["lstm", size, "training step", "autodiff"] for size in "SL"]
    small, large = (f"{gain['explicit is faster by']:.2f} ({gain['low']:.2f}-{gain['high']:.2f})" for gain in gains)
    yield f"an LSTM trains {small} times as fast with it at B32 T100 H128, {large} times at B128 T100 H512"
    rates = [step["GFLOP"] / step["ms"] * 1e3 for step in (CPU["lstm", size, "training step", "explicit"] for size in SIZES)]
    yield "reach {:.0f} at H64 with one row, {:.0f} at H128, {:.0f} at H256 and {:.0f} at H512".format(*rates)


def quoted_of_accelerators():
    gpu, cpu = (
        [table["lstm", "stream", what, "explicit"]["ms"] for what in ("training step", "forward")] for table in (GPU, CPU)
    )
    yield '| H200, `backprop="explicit"` | {0:.1f} ms, {0:.0f} µs per step | {1:.1f} ms, {1:.0f} µs per step |'.format(*gpu)
    yield '| two CPU cores, `backprop="explicit"` | {:.1f} ms | {:.1f} ms |'.format(*cpu)
    times = [1e3 * GPU["lstm", size, "training step", "explicit"]["ms"] / steps for size, steps in SIZES.items()]
    yield "| µs per step of time | {:.0f} | {:.0f} | {:.0f} | {:.0f} |".format(*times)


def recorded(name):
    return json.loads((ROOT / "experiments" / name / "summary.json").read_text())


def measured(name, criterion):
    return next(check["measured"] for check in recorded(name)["checks"] if check["name"] == criterion)


def benchmark(name):
    """Rows by network, size, what was measured and library; what is a number is one."""
    with (ROOT / "docs" / name).open() as file:
        rows = list(csv.DictReader(file))
    names = [(row["network"].removeprefix("cost"), row["size"], row["what"], row["library"]) for row in rows]
    return {name: {key: number(text) for key, text in row.items()} for name, row in zip(names, rows, strict=True)}


def number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


SIZES = {"stream": 1000, "S": 100, "M": 256, "L": 100}
CPU, GPU = benchmark("benchmark-2026-11-26.csv"), benchmark("benchmark-2026-11-26-h200.csv")
QUOTED = {
    "initialisation": quoted_of_initialisation,
    "long-sequences": quoted_of_long_sequences,
    "speed": quoted_of_speed,
    "accelerators": quoted_of_accelerators,
}


@pytest.mark.parametrize("guide", QUOTED)
def test_numbers_of_recorded_runs_are_quoted_as_recorded(guide):
    text = " ".join((ROOT / "docs" / "guides" / f"{guide}.md").read_text().split())
    for quote in QUOTED[guide]():
        assert quote in text, quote


@pytest.mark.parametrize("guide", GUIDES)
def test_links_of_a_guide_lead_somewhere(guide):
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / "docs" / "guides" / f"{guide}.md").read_text()):
        path, _, heading = target.partition("#")
        page = (ROOT / "docs" / "guides" / (path or f"{guide}.md")).resolve()
        assert page.exists(), target
        assert not heading or heading in anchors_of(page), f"{target}: no such heading"


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
