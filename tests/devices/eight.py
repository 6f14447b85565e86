"""What eight devices find and what one finds: `python eight.py FOLDER PART ...` leaves PART.npz in the folder for each part."""

import functools
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import noisy_training
import numpy as np

from experiments.common import devices
from experiments.common.devices import Devices
from experiments.common.training import batch_keys, train_one
from recurrent import learned_state, lru, unroll
from recurrent.cells import delta_rule, diagonal
from recurrent.parallel import communicated_bytes, unroll_over_devices

D, H, T, ROWS = 3, 4, 16, 2
MAKERS = {
    "lru": functools.partial(lru, D, H, param_dtype="float64"),
    "delta_rule": functools.partial(delta_rule, D, H, key_size=3, param_dtype="float64"),
}


def on_both(run):
    """The leaves of what a training returns on eight devices and on one."""
    found = {}
    for count in (8, 1):
        devices.start(Devices(devices=count))
        found |= named(str(count), run(count))
    return found


def named(prefix, tree):
    return {f"{prefix}/{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(tree))}


def fit(folder):
    def run(count):
        noisy_training.train(folder / str(count), saved=False)
        return noisy_training.found_in(folder / str(count))

    return on_both(run)


def parts(folder):
    """Networks of several seeds, each trained on a device of its own."""
    del folder
    used = set()

    def loss_of(network, given, key):
        return jnp.sum((network - given - jax.random.normal(key, (3,))) ** 2)

    def trained(seed):
        found = train_one(loss_of, jnp.zeros(3), batch_keys(seed, 1, 4)[0], 0.1, f"seed {seed}", given=jnp.ones(3))
        used.update(found[0].devices())
        return found

    return on_both(lambda _: devices.each(trained, range(3))) | {"devices": len(used)}


def time_axis(folder, variants=(("delta_rule", True, True),)):
    """Values and gradients of the loop and of the run over devices, in float64, with flags or without, both ways."""
    del folder
    found = {}
    with jax.enable_x64(True):
        for name, reverse, flagged in variants:
            cell, given, flags = setting_of(name, flagged)
            for label, run in (("1", unroll), ("8", functools.partial(unroll_over_devices, mesh=mesh_of_time(), axis="time"))):
                found |= named(label, differentiated(functools.partial(run, cell, reverse=reverse, **flags), *given))
    return found


def time_axis_whole(folder):
    return time_axis(
        folder, [(name, reverse, flags) for name in MAKERS for reverse in (False, True) for flags in (False, True)]
    )


def setting_of(name, flagged):
    rng = np.random.default_rng(0)
    cell = learned_state(MAKERS[name](), scale=0.5)
    params = jax.tree.map(lambda leaf: leaf + 0.1 * rng.normal(size=leaf.shape), cell.init(jax.random.key(0)))
    state = jax.tree.map(lambda leaf: leaf + rng.normal(size=leaf.shape), cell.initial_state(params, (ROWS,)))
    xs = jnp.asarray(rng.normal(size=(T, ROWS, D)))
    mask, resets = (jnp.asarray(rng.random((T, ROWS)) < share) for share in (0.7, 0.2))
    mask = mask.at[4:8, 0].set(False)  # two stretches of a row without any valid step
    if not flagged:
        return cell, (params, xs, state), {}
    return cell, (params, jnp.where(mask[..., None], xs, jnp.nan), state), {"mask": mask, "resets": resets}


def differentiated(run, *given):
    def both(*given):
        found = run(*given)
        return loss(found), found

    return jax.jit(jax.value_and_grad(both, (0, 1, 2), has_aux=True))(*given)


def loss(found):
    return sum(jnp.sum(jnp.cos(jnp.arange(x.size, dtype=x.dtype)).reshape(x.shape) * x**2) for x in jax.tree.leaves(found))


def mesh_of_time():
    return jax.make_mesh((8,), ("time",), axis_types=(jax.sharding.AxisType.Auto,))


def traffic(folder):
    """Bytes that are communicated, and those of what should be."""
    del folder
    mesh, cell = mesh_of_time(), diagonal(D, H)
    params = cell.init(jax.random.key(0))
    run = functools.partial(unroll_over_devices, cell, mesh=mesh, axis="time")
    found = {"state": bytes_of(cell.initial_state(params, (ROWS,))), "params": bytes_of(params)}
    along = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("time"))
    for length in (T, 8 * T):
        xs, mask = jax.device_put((jnp.ones((length, ROWS, D)), jnp.ones((length, ROWS), bool)), along)
        gradient = jax.jit(jax.grad(lambda params, xs, mask: loss(run(params, xs, mask=mask))))
        found[f"gradient {length}"] = communicated_bytes(gradient.lower(params, xs, mask).compile())
    devices.start(Devices(devices=8))
    noisy = noisy_training.make_cell()
    with devices.spread():
        state = noisy_training.begin(noisy)
        compiled = noisy_training.make_step(noisy).lower(state, noisy_training.batches_at(0)).compile()
    return found | {"step": communicated_bytes(compiled), "trained": bytes_of((state.params, state.carry))}


def bytes_of(tree):
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 8)
    for part in sys.argv[2:]:
        np.savez(Path(sys.argv[1]) / f"{part}.npz", **globals()[part](Path(sys.argv[1])))
