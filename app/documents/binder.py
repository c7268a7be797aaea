"""The program that puts PDF files one behind the other, in a process of its own that may be killed any time.

Files may come from outside: signed copies that somebody has uploaded. Like `child`, it is run by path and knows nothing
of the product. Pages are taken over, and nothing that runs or sends when they are opened.

Shape: it reads JSON from its standard input, {"files": [path], "target": path, "marks": [[title, page]], "seconds",
"most"}, and writes {"pages": [count, 0 for a file that cannot be read]}; pages are counted from 0, sizes in bytes.
"""

import json
import resource
import sys
from typing import Any

import pikepdf

MOST_MEMORY = 1 << 30  # address space: pages are copied from file to file, not kept
FOLLOWED = ("/URI", "/GoTo")  # what a click may do


def bind(files: list[str], target: str, marks: list[list[Any]]) -> list[int]:
    """Write the pages of all files into one, and return how many each of them has."""
    with pikepdf.new() as bound:
        sources: list[pikepdf.Pdf] = []
        pages = [_added(bound, path, sources) for path in files]
        with bound.open_outline() as outline:
            outline.root.extend(pikepdf.OutlineItem(title, page) for title, page in marks)
        if bound.pages:
            bound.save(target, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        for source in sources:
            source.close()
    return pages


def _added(bound: pikepdf.Pdf, path: str, sources: list[pikepdf.Pdf]) -> int:
    before = len(bound.pages)
    try:
        source = pikepdf.open(path)
        sources.append(source)  # what is copied from it is read when the whole is written
        for page in source.pages:
            _quieten(page)
        bound.pages.extend(source.pages)
    except (pikepdf.PdfError, ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        del bound.pages[before:]
    return len(bound.pages) - before


def _quieten(page: pikepdf.Page) -> None:
    """Take away what a page does by itself, and what a click does but follow a link."""
    if "/AA" in page.obj:
        del page.obj["/AA"]
    for note in page.obj.get("/Annots", []):
        if "/AA" in note:
            del note["/AA"]
        if "/A" in note and (str(note["/A"].get("/S", "")) not in FOLLOWED or "/Next" in note["/A"]):
            del note["/A"]


def confine(seconds: int, most: int) -> None:
    """Give up what is not needed: memory, time, and room for more than one file of the size that is allowed."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    confine(asked["seconds"], asked["most"])
    json.dump({"pages": bind(asked["files"], asked["target"], asked["marks"])}, sys.stdout)
