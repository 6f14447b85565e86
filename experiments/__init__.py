"""One script per published claim: `python -m experiments` lists them."""

import os

# XLA's CPU thread pool can wedge on machines with few cores, all threads asleep and the computation unfinished (the same
# symptom as jax-ml/jax issue 25861). One thread per matrix product avoids it, and is no slower at these sizes. Has to be set
# before jax starts; a value that the user has set is left alone.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
