"""Hooks of mkdocs: pages that are not in docs/, and links of the repository as links of the site.

``mkdocs.yml`` names this file. README.md, CHANGELOG.md and other documents outside docs/ are pages as they are; the pages of
``site_pages`` are made from the code. A link to a file that is no page becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import site_pages
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent

OUTSIDE: Mapping[str, str] = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "grammar/OPS.md": "ops.md",
}
"""The page of each document outside docs/."""

_LINK = re.compile(
    r"^(?P<fence> *```+)[^`]*?\n(?:.*?\n)?(?P=fence) *$"  # code is left as it is
    r"|`[^`\n]+`"
    r"|(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)",
    re.MULTILINE | re.DOTALL,
)


def on_files(files: Files, config: Any) -> Files:
    """Add the documents outside docs/ and the pages made from the code."""
    made = {
        "commands.md": site_pages.command_page(),
        "python.md": site_pages.python_page(),
        "gallery.md": site_pages.gallery_page(),
    }
    outside = {uri: (ROOT / path).read_text(encoding="utf-8") for path, uri in OUTSIDE.items()}
    for uri, text in (made | outside).items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """The text of a page with the links of the site."""
    here = page.file.src_uri
    source = next((path for path, uri in OUTSIDE.items() if uri == here), f"docs/{here}")
    pages = {file.src_uri for file in files}
    return _LINK.sub(lambda found: rewritten(found, source, here, pages), markdown)


def rewritten(found: re.Match[str], source: str, here: str, pages: set[str]) -> str:
    """A link of the document ``source`` as page ``here`` has it; its text if it names a file that is no page. Code stays as it is."""
    target, mark, anchor = (found["target"] or "").partition("#")
    if not target or "://" in target:
        return found[0]
    place = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    uri = OUTSIDE.get(place) or (place.removeprefix("docs/") if place.startswith("docs/") else "")
    uri = f"{uri}/README.md" if f"{uri}/README.md" in pages else uri
    if uri in pages:
        return (
            f"{found['image']}[{found['text']}]({posixpath.relpath(uri, posixpath.dirname(here) or '.')}{mark}{anchor})"
        )
    return found["text"] if (ROOT / place).exists() else found[0]
