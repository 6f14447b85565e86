"""One of two processes that train together: `python together.py FOLDER PORT PROCESS [KILLED]`.

With KILLED, process 1 kills itself before that update.
"""

import os
import signal
import sys
from pathlib import Path

import jax
import noisy_training
import pytest

from experiments.common import devices, processes
from experiments.common.devices import Devices


def batches_at(position):
    if process == 1 and killed == position:
        os.kill(os.getpid(), signal.SIGKILL)
    return noisy_training.batches_at(position)


def refused():
    raise ValueError(f"process {process} refuses")


if __name__ == "__main__":
    folder, port, process = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    killed = int(sys.argv[4]) if len(sys.argv) > 4 else None
    devices.SILENCE = 5
    devices.start(Devices(2, f"localhost:{port}", 2, process))
    with processes.quiet():
        print(processes.agreed(lambda: f"process {process} says"))
    assert processes.agreed(lambda: process) == 0
    with pytest.raises(ValueError, match="process 0 refuses"):
        processes.agreed(refused)
    assert devices.each(lambda i: (i, process, len(jax.devices())), range(5)) == [(i, i % 2, 4) for i in range(5)]
    with pytest.raises(ValueError, match="process 1 refuses"):
        devices.each(lambda i: refused() if process else i, range(5))
    noisy_training.train(folder, batches_at=batches_at)
