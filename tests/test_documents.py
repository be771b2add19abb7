"""The documents name files, functions and headings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

PATH = re.compile(r"(?:`|python )((?:azdsl|docs|examples|grammar|tests|tools)/[\w./-]*\w/?)")
PLACEHOLDER = re.compile(r"\b[A-Z]+\.\w+$")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
NAMED = re.compile(r"`(\w+)` (?:in|of) `(azdsl/[\w/]+\.py)`")
NAMED_AFTER = re.compile(r"`(azdsl/[\w/]+\.py)` \(`(\w+)`\)")


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_headings_that_a_document_names_exist(path: Path):
    text = path.read_text(encoding="utf-8")
    missing = [name for name in PATH.findall(text) if not (ROOT / name).exists() and not PLACEHOLDER.search(name)]
    for target, anchor in LINK.findall(text):
        file = path.parent / target if target else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            missing.append(f"{target}#{anchor}")
    assert not missing


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_names_that_a_document_places_in_a_file_are_defined_there(path: Path):
    text = path.read_text(encoding="utf-8")
    places = [*NAMED.findall(text), *((name, file) for file, name in NAMED_AFTER.findall(text))]
    assert not [
        (name, file)
        for name, file in places
        if not re.search(rf"^\s*(?:def|class) {name}\b|^{name}\b", (ROOT / file).read_text("utf-8"), re.MULTILINE)
    ]


def test_the_map_for_maintainers_names_definitions():
    assert len(NAMED.findall((ROOT / "docs" / "design.md").read_text(encoding="utf-8"))) >= 5
