"""Writes the golden files of `test_files.py`: a checkpoint of torch 2.13, and the same arrays as an .npz.

How: `python tests/interop/golden/make_golden.py`. The checkpoint holds more than the weights of one layer, as users' do: a
number, the state dict of a model under "model", a tensor that is a transposed view, and one in half precision.
"""

from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent


class Model(torch.nn.Module):
    """A recurrent layer among others."""

    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.LSTM(3, 4, dtype=torch.float64)
        self.out = torch.nn.Linear(4, 2)


def main() -> None:
    """Writes both files."""
    torch.manual_seed(0)
    model = Model()
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    extra = {"view": base[1].T, "half": torch.tensor([1.5, -2.25], dtype=torch.bfloat16), "none": torch.zeros(0, 3)}
    saved = {"epoch": 3, "model": model.state_dict(), "extra": extra}
    torch.save(saved, HERE / "checkpoint.pt")
    arrays = {f"model.{name}": value.numpy() for name, value in saved["model"].items()}
    arrays |= {f"extra.{name}": value.float().numpy() for name, value in extra.items()}
    np.savez(HERE / "checkpoint.npz", **arrays)


if __name__ == "__main__":
    main()
