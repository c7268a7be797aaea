"""Many PDF files as one, in their order: bound some at a time by a child process, so that memory stays flat."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from app.documents.engine import APP, DocumentError
from app.i18n import gettext as _

TIMEOUT: Final = 120  # seconds of one run, over as many files as are bound at once
LONGEST_MARK: Final = 120


class Binder:
    """Binds files that are given portion by portion; its own files lie in `folder`, which is the caller's.

    Units: `most` bytes of the whole.
    """

    def __init__(self, folder: Path, *, most: int, timeout: int = TIMEOUT) -> None:
        self._folder, self._most, self._timeout = folder, most, timeout
        self._parts: list[Path] = []
        self._marks: list[tuple[str, int]] = []
        self._pages = 0

    def add(self, files: Sequence[tuple[Path, str]]) -> list[bool]:
        """Take files with their titles; say of each whether it could be read. A file that kills the child is none."""
        if not files:
            return []
        part = self._folder / f"part-{len(self._parts)}.pdf"
        pages = self._bind([path for path, _title in files], part, [])
        if pages is None:
            return [self.add([each])[0] for each in files] if len(files) > 1 else [False]
        if any(pages):
            self._parts.append(part)
        for count, (_path, title) in zip(pages, files, strict=True):
            if count:
                self._marks.append((title[:LONGEST_MARK], self._pages))
            self._pages += count
        return [count > 0 for count in pages]

    def whole(self) -> Path:
        """Return the one file, with a mark for each that it was made of. Raises DocumentError when it is too large."""
        target = self._folder / "whole.pdf"
        pages = self._bind(self._parts, target, self._marks)
        if not self._pages or pages is None or sum(pages) != self._pages or target.stat().st_size > self._most:
            raise DocumentError(_("These files are too large for one PDF; choose fewer, or a ZIP"), reason="too large")
        return target

    def _bind(self, files: Sequence[Path], target: Path, marks: Sequence[tuple[str, int]]) -> list[int] | None:
        """Return how many pages each file has, None when the child has ended before it was through."""
        about: dict[str, Any] = {"files": [str(each) for each in files], "target": str(target), "marks": list(marks)}
        about |= {"seconds": self._timeout, "most": self._most}
        try:
            ran = subprocess.run(  # noqa: S603 -- our own program
                [sys.executable, "-s", "-P", str(APP / "documents" / "binder.py")],
                input=json.dumps(about).encode(),
                capture_output=True,
                timeout=self._timeout,
                check=False,
                cwd="/",
                env={name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
                | {"LANG": "C.UTF-8"},
            )
        except subprocess.TimeoutExpired:
            return None
        return list(json.loads(ran.stdout)["pages"]) if ran.returncode == 0 else None
