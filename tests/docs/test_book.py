"""The pages that `make docs` generates, and the links among those that are written by hand."""

import pkgutil
import re
import zlib

import pytest
from blocks import ROOT

import recurrent
from docs.book import gallery
from docs.book.docstrings import to_rst
from docs.book.names import address_elsewhere, full_name
from docs.book.reference import MODULES, missing_names, pages, public_names
from docs.book.sources import PAGES, write_tree
from experiments.common.checks import Check
from experiments.common.experiment import Experiment

CHECKS = [Check("error *after* x_", 0.25, "at most 1", True), Check("gain", 0.5, "lower bound at least 0", False, -0.1, 1.1)]


def test_a_page_of_the_gallery_shows_a_miss():
    experiment = Experiment("cliff", "A wall|", "Somebody (1999)", *[None] * 4)  # pyright: ignore[reportArgumentType]
    summary = {"checks": [check._asdict() for check in CHECKS], "environment": {"device": "cpu cpu", "jax": "0.10.2"}}
    text = gallery.page(experiment, summary, "Claim: a wall.\n\nCriteria:\n  (1) one that is\n  long. And ends.\n  (2) two.")
    assert "A wall\\|" in text
    assert "**1 of 2 criteria missed**, in a run of" in text
    assert "on cpu, jax 0.10.2: ``python -m experiments cliff --check``" in text
    assert "   * - error \\*after\\* x\\_\n     - 0.25\n     - at most 1\n     - met" in text
    assert "   * - gain\n     - 0.5 [-0.1, 1.1]\n     - lower bound at least 0\n     - **missed**" in text
    assert "\n- (1) one that is long. And ends.\n\n- (2) two.\n" in text
    index = gallery.index({"cliff": (experiment, summary)})
    assert "   .. figure:: cliff.png\n" in index
    assert "*1 of 2 criteria missed.*" in index
    assert "*All 1 criteria met.*" in gallery.index({"cliff": (experiment, summary | {"checks": summary["checks"][:1]})})


def test_every_room_has_a_page_with_all_that_it_lists():
    rooms = {f"recurrent.{name}" for name in recurrent.__all__ if hasattr(getattr(recurrent, name), "__path__")}
    packages = {f"recurrent.{module.name}" for module in pkgutil.iter_modules(recurrent.__path__) if module.ispkg}
    assert rooms | packages <= set(MODULES)
    generated = pages()
    for module in MODULES:
        text = generated[f"api/{module}.rst"].decode()
        found = re.findall(r"^\.\. auto(?:function|class|data):: (\S+)$", text, re.MULTILINE)
        assert found == [f"{module}.{name}" for name in public_names(module)]
        assert f"   {module}\n" in generated["api/index.rst"].decode()
    assert {"zeros", "orthogonal", "torch_like"} <= set(public_names("recurrent.initializers"))
    assert not {"jax", "Array", "draw_", "Callable"} & set(public_names("recurrent.initializers"))


def test_a_public_name_without_a_page_is_found(tmp_path):
    lines = b"recurrent.lstm py:function 1 api/recurrent.html#$ -\nrecurrent.gru std:label -1 guide.html#$ gru\n"
    (tmp_path / "objects.inv").write_bytes(b"# 1\n# 2\n# 3\n# 4\n" + zlib.compress(lines))
    assert missing_names(tmp_path / "objects.inv", {"recurrent": ["gru", "lstm"]}) == ["recurrent.gru"]
    assert "recurrent.flow.transport" in missing_names(tmp_path / "objects.inv")


def test_docstrings_become_restructured_text():
    docstring = """h|x| = x_ * W, with `a_*b`s.

    code *as* it_ stands

Forms:
  "one": 1.
  "two": 2 of them

>>> print("*")
*

Args:
  x: any `T`, or
    its *shape."""
    expected = r"""h\|x\| = x\_ \* W, with ``a_*b``\ s.

::

    code *as* it_ stands

Forms:

- "one": 1.

- "two": 2 of them

>>> print("*")
*

Args:
  x: any ``T``, or
    its \*shape.
"""
    assert "\n".join(to_rst(docstring.splitlines())) == expected


@pytest.mark.parametrize(
    ("text", "room", "name"),
    [
        ("lstm(3, 8)", "docs/weights", "recurrent.lstm"),
        ("lstm", "recurrent.cells", "recurrent.cells.lstm"),
        ("flow.transport", "index", "recurrent.flow.transport"),
        ("recurrent.flow.transport", "recurrent.bptt", "recurrent.flow.transport"),
        ("transport", "recurrent.bptt", "recurrent.flow.transport"),
        ("recurrent.flow", "index", None),
        ("batch", "index", None),
        ("lstm = gru", "index", None),
    ],
)
def test_names_in_code_are_understood(text, room, name):
    assert full_name(text, room) == name


def test_names_of_other_libraries_lead_to_their_documentation():
    assert address_elsewhere("jax.lax.scan(f, x)") == "https://docs.jax.dev/en/latest/_autosummary/jax.lax.scan.html"
    assert address_elsewhere("optax.adam") == "https://optax.readthedocs.io/en/latest/search.html?q=optax.adam"
    assert [address_elsewhere(text) for text in ("jax", "jaxlib.x", "numpy.dot", "jax.x = 1")] == [None] * 4


def test_a_tree_holds_what_it_should_and_its_files_stay_if_they_are_right(tmp_path):
    write_tree(tmp_path, {"a/b.md": b"one", "c.md": b"two"})
    before = (tmp_path / "a" / "b.md").stat().st_mtime_ns
    write_tree(tmp_path, {"a/b.md": b"one", "d/e.md": b"three"})
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.md")} == {"a/b.md", "d/e.md"}
    assert (tmp_path / "a" / "b.md").stat().st_mtime_ns == before
    write_tree(tmp_path, {"a/b.md": b"four"})
    assert (tmp_path / "a" / "b.md").read_bytes() == b"four"


def test_links_among_the_pages_lead_to_files():
    written = [path for pattern in PAGES if pattern.endswith(".md") for path in ROOT.glob(pattern)]
    links, broken = 0, []
    for page in written:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text):
            links += 1
            if not (page.parent / link).exists() and (".png" not in link or (ROOT / "docs" / "figures").exists()):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert broken == []
    assert links > 50


def test_names_of_the_library_in_prose_exist():
    written = [path for pattern in PAGES if pattern.endswith(".md") for path in ROOT.glob(pattern)]
    names = {}
    for page in [*written, *(ROOT / "src").rglob("*.py")]:
        for name in re.findall(r"`(recurrent(?:\.[a-zA-Z]\w*)+)", page.read_text()):
            names.setdefault(name, str(page.relative_to(ROOT)))
    assert {name: page for name, page in names.items() if not exists(name)} == {}
    assert len(names) > 30
    assert not exists("recurrent.flow.transpose")
    assert exists("recurrent.sequences.prepare")


def exists(name: str) -> bool:
    try:
        pkgutil.resolve_name(name)
    except (AttributeError, ImportError):
        return False
    return True
