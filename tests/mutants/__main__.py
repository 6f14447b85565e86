"""Breaks library and experiments in one place at a time, and lists the breaks that no test sees: `python -m tests.mutants`."""

import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from tests.mutants.library import MUTANTS
from tests.mutants.mutant import ROOT, DoesNotApply, Mutant, copy_of_source, located

ENOUGH = 0.95
PYTEST = [
    "-P",
    "-m",
    "pytest",
    "-x",
    "-q",
    "--color=no",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-m",
    "not slow and not peers",
]
PYTEST += ["-o", "pythonpath=tests"]  # and -P: the experiments, too, come from the copy, not from the current folder
TEST_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.*?)(?: - .*)?$", re.MULTILINE)
"""Unlike a file that cannot be collected, a test that ran has "::" in its name."""


class Outcome(NamedTuple):
    """What became of a mutant.

    Attributes:
      verdict: "seen", "timed out" (which counts as seen), "survived" or "error".
      detail: the test that saw it, or what went wrong.
    """

    verdict: str
    detail: str


def main() -> int:
    """Runs the mutants, says which no test sees, and returns the exit status."""
    options = _options()
    mutants = _chosen(options.only)
    _run_without_bug(mutants, options.jobs, options.time_limit)
    outcomes = {}
    with ThreadPoolExecutor(options.jobs) as pool, tqdm(total=len(mutants), unit="mutant", dynamic_ncols=True) as bar:
        running = {pool.submit(judge, mutant, options.time_limit): mutant.name for mutant in mutants}
        for done in as_completed(running):
            name, outcome = running[done], done.result()
            outcomes[name] = outcome
            if options.verbose or outcome.verdict != "seen":
                bar.write(f"{outcome.verdict:9}  {name}  {outcome.detail}".rstrip())
            bar.update()
    return _report(outcomes)


def judge(mutant: Mutant, time_limit: float) -> Outcome:
    """Runs the tests of one mutant against it."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            tests = list(map(located, mutant.tests))
            source = copy_of_source(Path(folder), mutant)
        except DoesNotApply as error:
            return Outcome("error", str(error))
        try:
            run = _pytest(source, tests, time_limit)
        except subprocess.TimeoutExpired:
            return Outcome("timed out", f"no verdict after {time_limit:.0f} s")
    return _outcome(run)


def _outcome(run: subprocess.CompletedProcess) -> Outcome:
    failed = TEST_FAILED.search(run.stdout)
    if run.returncode == 0:
        return Outcome("survived", "")
    if run.returncode == 1 and failed:
        return Outcome("seen", failed[1])
    return Outcome("error", f"no test ran (pytest ended with {run.returncode}): {_last_lines(run)}")


def _pytest(source: Path, tests: Iterable[str], time_limit: float) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(source / "src"), str(source)])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *PYTEST, *tests]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=time_limit)


def _run_without_bug(mutants: Sequence[Mutant], jobs: int, time_limit: float) -> None:
    """Ends the program if a test fails on the library as it is: it would see every mutant."""
    tests = sorted({located(test) for mutant in mutants for test in mutant.tests})
    shares = [share for share in (tests[job::jobs] for job in range(jobs)) if share]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        source = copy_of_source(Path(folder))
        print(f"{len(tests)} tests on the library as it is, then {len(mutants)} mutants", flush=True)
        for run in pool.map(lambda share: _pytest(source, share, time_limit * len(share)), shares):
            if run.returncode:
                raise SystemExit(f"tests fail without any mutant:\n{_last_lines(run, 20)}")


def _report(outcomes: dict[str, Outcome]) -> int:
    seen = sum(outcome.verdict in ("seen", "timed out") for outcome in outcomes.values())
    unseen = [f"  {name} ({verdict})" for name, (verdict, _) in sorted(outcomes.items()) if verdict in ("survived", "error")]
    print("\n".join([f"{seen} of {len(outcomes)} mutants are seen" + (", and not these:" if unseen else ""), *unseen]))
    return int(seen < ENOUGH * len(outcomes))


def _chosen(names: Sequence[str]) -> list[Mutant]:
    known = {mutant.name: mutant for mutant in MUTANTS}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, cutoff=0.3) or list(known)
            raise SystemExit(f"no mutant is called {name!r}; the nearest: {', '.join(map(repr, near))}")
    return [known[name] for name in names] or list(MUTANTS)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="run these mutants only")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: 2)")
    parser.add_argument("--time-limit", type=float, default=120, metavar="SECONDS", help="for one mutant (default: 120)")
    parser.add_argument("--verbose", action="store_true", help="also say which test saw which mutant")
    return parser.parse_args()


def _last_lines(run: subprocess.CompletedProcess, count: int = 3) -> str:
    lines = (run.stdout + run.stderr).strip().splitlines()
    return (" | " if count < 10 else "\n").join(lines[-count:])


if __name__ == "__main__":
    sys.exit(main())
