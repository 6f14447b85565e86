"""Writes the golden files of `tests/test_golden.py`: torch's recurrent networks and all their gradients, in float64.

What: one `.npz` next to this script for each of nn.RNN (tanh and relu), nn.LSTM and nn.GRU, single layer, one direction.
Weights, both biases, the initial state and the inputs are random and not zero; the inputs grow over time, so that a run in
the wrong direction shows. The loss is Σ loss_outputs ⊙ outputs + Σ loss_final_h ⊙ final_h (+ Σ loss_final_c ⊙ final_c).

How: `python tests/golden/make_golden.py`, with torch 2.13, the version of the committed files; each file names its own in
`torch_version`. The draws come from numpy with a fixed seed, so only rounding can change between versions of torch.

Keys: torch's parameters under torch's names and in torch's layout ([out, in]); `xs`, `h0`, `c0`, time-major and without the
axis of layers; `loss_*`, `outputs`, `final_*`; and `grad_<name>` for every parameter, `xs`, `h0` and `c0`.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

NUM_STEPS, BATCH, INPUT, HIDDEN = 7, 3, 3, 5

NETWORKS: dict[str, nn.RNNBase] = {
    "rnn_tanh": nn.RNN(INPUT, HIDDEN, nonlinearity="tanh", dtype=torch.float64),
    "rnn_relu": nn.RNN(INPUT, HIDDEN, nonlinearity="relu", dtype=torch.float64),
    "lstm": nn.LSTM(INPUT, HIDDEN, dtype=torch.float64),
    "gru": nn.GRU(INPUT, HIDDEN, dtype=torch.float64),
}


def draw(network: nn.RNNBase, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Everything that the loss can be differentiated by: parameters, inputs and initial state."""
    growth = np.linspace(0.5, 1.5, NUM_STEPS)[:, None, None]
    leaves = {name: 0.5 * rng.normal(size=tuple(weight.shape)) for name, weight in network.named_parameters()}
    leaves["xs"] = growth * rng.normal(size=(NUM_STEPS, BATCH, INPUT))
    leaves["h0"] = rng.normal(size=(BATCH, HIDDEN))
    if isinstance(network, nn.LSTM):
        leaves["c0"] = rng.normal(size=(BATCH, HIDDEN))
    return leaves


def run(network: nn.RNNBase, leaves: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Outputs and final state as functions of `leaves`."""
    parameters = {name: leaves[name] for name, _ in network.named_parameters()}
    h0 = leaves["h0"][None]
    state = (h0, leaves["c0"][None]) if "c0" in leaves else h0
    outputs, final = torch.func.functional_call(network, parameters, (leaves["xs"], state))
    if "c0" in leaves:
        return {"outputs": outputs, "final_h": final[0][0], "final_c": final[1][0]}
    return {"outputs": outputs, "final_h": final[0]}


def golden(network: nn.RNNBase, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Inputs, results and gradients of one network, under the names of the module docstring."""
    arrays = draw(network, rng)
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}
    results = run(network, leaves)
    loss_weights = {name: rng.normal(size=tuple(result.shape)) for name, result in results.items()}
    sum((results[name] * torch.tensor(weight)).sum() for name, weight in loss_weights.items()).backward()
    return (
        {"torch_version": np.array(str(torch.__version__))}
        | arrays
        | {f"loss_{name}": weight for name, weight in loss_weights.items()}
        | {name: result.detach().numpy() for name, result in results.items()}
        | {f"grad_{name}": leaf.grad.numpy() for name, leaf in leaves.items()}
    )


def main() -> None:
    for seed, (name, network) in enumerate(NETWORKS.items()):
        path = Path(__file__).parent / f"{name}.npz"
        np.savez_compressed(path, **golden(network, np.random.default_rng(seed)))
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
