"""What a stranger gets: an sdist that builds, a wheel that runs, types that a checker sees, dependencies that are imported."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

import recurrent

pytestmark = pytest.mark.xdist_group("package")  # one process builds
ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "recurrent"
MODULES = {"orbax-checkpoint": "orbax", "ml-dtypes": "ml_dtypes", "typing-extensions": "typing_extensions"}
OPTIONAL = {"tensorboardX"}
"""Asked for by name, with a message that says what to install."""
PROJECT = ROOT / "tests" / "users_project" / "train.py"


def built(source: Path, target: Path, kind: str) -> Path:
    """What the build backend makes of a source tree."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=60)
    (path,) = target.glob({"sdist": "*.tar.gz", "wheel": "*.whl"}[kind])
    return path


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(built(ROOT, folder, "sdist")) as sdist:
        sdist.extractall(folder, filter="data")
    (source,) = (path for path in folder.iterdir() if path.is_dir())
    return source


@pytest.fixture(scope="module")
def site(unpacked, tmp_path_factory):
    """The wheel made of the source distribution, unpacked as pip installs it."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(built(unpacked, tmp_path_factory.mktemp("wheel"), "wheel")) as wheel:
        wheel.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A user's project in a folder of its own."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT, folder)
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_the_sdist_has_what_the_tests_need_and_no_leavings(unpacked):
    for folder in ("src", "tests"):
        assert files(unpacked / folder) == files(ROOT / folder)
    modules = {name for name in files(ROOT / "experiments") if name.endswith(".py")}
    assert modules <= files(unpacked / "experiments")
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE", "Makefile"} <= files(unpacked)
    assert {path.name for path in unpacked.iterdir() if path.is_dir()} == {"src", "tests", "experiments", "docs", "notebooks"}


def test_the_wheel_is_the_package_its_licence_and_nothing_else(site):
    (info,) = site.glob("*.dist-info")
    assert files(site / "recurrent") == files(PACKAGE)
    assert "py.typed" in files(PACKAGE)
    assert {path.name for path in site.iterdir()} == {"recurrent", info.name}
    assert files(info) == {"METADATA", "RECORD", "WHEEL", "licenses/LICENSE"}
    assert PathDistribution(info).version == recurrent.__version__
    assert f"\nversion: {recurrent.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {recurrent.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def run(command: list[str], folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Runs Python in a folder, the wheel found before the checkout."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where pyright looks for a Python
    environment = os.environ | {"PYTHONPATH": str(site), "PATH": path}
    command = [sys.executable, *command]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_a_users_project_trains_with_the_wheel(site, project):
    done = run(["train.py"], project, site)
    assert done.returncode == 0, done.stderr
    first, *losses = done.stdout.splitlines()
    assert first == f"{site / 'recurrent' / '__init__.py'} {recurrent.__version__}"
    assert len(losses) == 3
    assert float(losses[2]) < float(losses[0])


@pytest.mark.slow  # three runs of pyright
def test_a_strict_checker_knows_all_types(site, project):
    pyright = ["-m", "pyright"]
    # JAX's own functions are not annotated in full
    (project / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict", "reportUnknownMemberType": False}))
    assert run(pyright, project, site).stdout.startswith("0 errors, 0 warnings")
    (project / "train.py").write_text(PROJECT.read_text().replace("unroll(mean, params.mean", "unroll(mean, params.lstm"))
    assert '"LSTMParams" is not assignable to "MeanParams"' in run(pyright, project, site).stdout
    found = run([*pyright, "--verifytypes", "recurrent", "--ignoreexternal"], project, site).stdout
    assert f'Module directory: "{site / "recurrent"}"' in found
    assert "Type completeness score: 100%" in found


def imported(paths) -> set[str]:
    """The top-level modules that some files import, anywhere in them."""
    found = set()
    for node in (node for path in paths for node in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"recurrent"}


def modules_of(requirements: list[str]) -> set[str]:
    names = (re.match(r"[\w-]+", line)[0] for line in requirements)
    return {MODULES.get(name, name) for name in names}


def test_dependencies_are_what_is_imported():
    described = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core, interop = modules_of(described["dependencies"]), modules_of(described["optional-dependencies"]["interop"])
    paths = set(PACKAGE.rglob("*.py"))
    of_interop = set(PACKAGE.joinpath("interop").rglob("*.py"))
    assert imported(paths - of_interop) - OPTIONAL == core
    assert imported(of_interop) - core == interop
