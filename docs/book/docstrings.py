"""Docstrings as reStructuredText: they are plain text with code in backticks and indented blocks, and no markup."""

import re
from collections.abc import Sequence

SPAN = re.compile(r"`([^`]+)`")
MARKUP = re.compile(r"[\\*|]|_(?!\w)")
SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields):$")
COLUMNS = 124
"""Of a full line of text, at least; that of a docstring is indented by four."""


def escaped(text: str) -> str:
    """Text whose characters mean themselves, but for spans in single backticks, which are literals."""
    parts = SPAN.split(text)
    return "".join(f"``{part}``" if index % 2 else _plain(part, first=index == 0) for index, part in enumerate(parts))


def title(text: str, line: str) -> str:
    """A heading, underlined with a sign."""
    return f"{text}\n{line * len(text)}"


def to_rst(lines: Sequence[str]) -> list[str]:
    """A docstring: text escaped, blocks indented by four or more made literal, doctests and sections kept."""
    found, in_section = [], False
    for paragraph in _paragraphs(lines):
        in_section = in_section or bool(SECTION.match(paragraph[0]))
        if paragraph[0].lstrip().startswith(">>>"):
            found += [*paragraph, ""]
        elif in_section:
            found += [*escaped("\n".join(paragraph)).split("\n"), ""]
        elif all(line.startswith("    ") for line in paragraph):
            found += ["::", "", *paragraph, ""]
        else:
            found += blocks("\n".join(paragraph))
    return found


def blocks(text: str) -> list[str]:
    """Text as paragraphs, and as items of a list where it is indented, in reStructuredText.

    A line that was broken because it was full goes on in the next one; a break behind a shorter sentence is meant.
    """
    items: list[tuple[bool, str]] = []
    previous = ""
    for line in text.splitlines():
        word = next(iter(line.split()), "")
        goes_on = word and previous and (previous[-1] not in ".:;" or len(f"{previous} {word}") > COLUMNS)
        if goes_on:
            items[-1] = items[-1][0], f"{items[-1][1]} {line.strip()}"
        elif word:
            items.append((line.startswith(" "), line.strip()))
        previous = line.rstrip()
    return [line for indented, item in items for line in (f"- {escaped(item)}" if indented else escaped(item), "")]


def _plain(text: str, *, first: bool) -> str:
    """Text between two literals; where a word goes on right behind a literal, reStructuredText wants the seam marked."""
    seam = "\\ " if not first and text[:1].isalnum() else ""
    return seam + MARKUP.sub(r"\\\g<0>", text)


def _paragraphs(lines: Sequence[str]) -> list[list[str]]:
    """Lines between blank ones."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [paragraph for paragraph in found if paragraph]
