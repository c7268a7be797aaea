"""Documents: a template and plain data in, a PDF out, made by child processes that are killed when they hang.

The renderer is never loaded into this process: small inputs can keep it busy for ever or take gigabytes. A child is
kept warm between documents, and replaced after so many, after a kill, or when it has died.
"""

import atexit
import base64
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.errors import DomainError
from app.i18n import LANGUAGES
from app.i18n import gettext as _

APP = Path(__file__).resolve().parent.parent
TEMPLATES = APP / "templates" / "documents"
FONTS = APP / "static" / "lib" / "noto-sans"
STYLES = ("document.css",)
TIMEOUT = 60.0  # seconds
MOST_PDF = 50 << 20
DOCUMENTS_PER_CHILD = 200
CHILDREN = 2
_HEAD = struct.Struct("!I")


class DocumentError(DomainError):
    """A document cannot be made; `template` and `line` say where it is wrong, if that is known.

    `may_pass` says that trying again may help: the machine was busy, or the child was killed by somebody else.
    """

    def __init__(self, text: str, *, reason: str, template: str = "", line: int = 0, may_pass: bool = False) -> None:
        super().__init__(text)
        self.may_pass = may_pass
        self.reason = reason
        self.template = template
        self.line = line


class _Gone(Exception):
    """The child ended before it answered."""


class _Child:
    """One renderer process, with a folder for what it unpacks: it is killed, and could not clean up behind itself."""

    def __init__(self) -> None:
        self.documents = 0
        self._folder = tempfile.TemporaryDirectory(prefix="countinghouse-render-", ignore_cleanup_errors=True)
        program, folders = APP / "documents" / "child.py", (TEMPLATES, FONTS, self._folder.name)
        self._process = subprocess.Popen(  # noqa: S603 -- our own program
            [sys.executable, "-s", "-P", str(program), *map(str, folders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: bytes, seconds: float) -> tuple[bytes, bytes]:
        """Return kind and body of the answer. Raises _Gone when there is none, TimeoutError after the time."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            return self._exchange(request)
        except (_Gone, OSError):
            if expired.is_set():
                raise TimeoutError from None
            raise _Gone from None
        finally:
            timer.cancel()
            self.documents += 1

    def _exchange(self, request: bytes) -> tuple[bytes, bytes]:
        pipes = self._process
        if pipes.stdin is None or pipes.stdout is None:
            raise _Gone
        pipes.stdin.write(_HEAD.pack(len(request)) + request)
        pipes.stdin.flush()
        head = pipes.stdout.read(1 + _HEAD.size)
        if len(head) != 1 + _HEAD.size:
            raise _Gone
        length = _HEAD.unpack(head[1:])[0]
        body = pipes.stdout.read(length) if length <= MOST_PDF else b""
        if len(body) != length:
            raise _Gone
        return head[:1], body

    def end(self) -> None:
        """End the process, by force: it holds nothing but its folder."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


def _environment() -> dict[str, str]:
    """Return what the child may know of ours: nothing of the installation; a fixed hash order, so that it repeats."""
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR", "XDG_CACHE_HOME") if name in os.environ}
    return kept | {"LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "0"}


class Pool:
    """A few children, started when they are needed."""

    def __init__(self, size: int = CHILDREN) -> None:
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []

    def ask(self, request: bytes, seconds: float) -> tuple[bytes, bytes]:
        """Let one child do a request; a child that is found dead is replaced once."""
        with self._free:
            child = self._take()
            was_used = child.documents > 0
            try:
                answer = child.ask(request, seconds)
            except _Gone:
                child.end()
                if not was_used:
                    raise
                child = _Child()
                try:
                    answer = child.ask(request, seconds)
                except BaseException:
                    child.end()
                    raise
            except BaseException:
                child.end()
                raise
            self._give_back(child)
            return answer

    def children(self) -> list[int]:
        """Return the process ids of the children that wait for work."""
        with self._lock:
            return [child.pid for child in self._idle]

    def close(self) -> None:
        """End all children that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _take(self) -> _Child:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Child()

    def _give_back(self, child: _Child) -> None:
        if child.documents >= DOCUMENTS_PER_CHILD:
            child.end()
            return
        with self._lock:
            self._idle.append(child)


_pool = Pool()
atexit.register(_pool.close)


def render(
    template: str,
    data: Mapping[str, Any],
    *,
    language: str,
    timeout: float = TIMEOUT,
    assets: Mapping[str, bytes] | None = None,
    overlay: Mapping[str, str] | None = None,
    styles: Sequence[str] = STYLES,
    variant: str = "",
    pool: Pool | None = None,
) -> bytes:
    """Return the PDF of a template with plain data: texts, numbers, lists, dictionaries, and nothing with methods.

    `assets` are files that the template may show as `crm:<name>` ("crm:logo.png"); `overlay` are texts of templates
    that take the place of files; `variant` may be a kind of PDF for archives ("pdf/a-3u"). The same arguments give the
    same bytes on the same machine.
    Raises DocumentError when the template is broken or takes longer than `timeout` seconds.
    """
    request = {
        "template": template,
        "data": {**data, "language": language if language in LANGUAGES else "en"},
        "assets": {name: base64.b64encode(content).decode() for name, content in (assets or {}).items()},
        "overlay": dict(overlay or {}),
        "styles": list(styles),
        "seconds": timeout,
        **({"variant": variant} if variant else {}),
    }
    text = json.dumps(request, ensure_ascii=False, sort_keys=True, allow_nan=False)
    request["identifier"] = hashlib.sha256(text.encode()).hexdigest()[:32]
    body = json.dumps(request, ensure_ascii=False, allow_nan=False).encode()
    try:
        kind, made = (pool or _pool).ask(body, timeout)
    except TimeoutError:
        reason = f"it takes longer than {timeout:g} seconds"
        text = _(
            "The document “%(name)s” takes longer than %(seconds)s seconds to make", name=template, seconds=timeout
        )
        raise DocumentError(text, reason=reason, template=template, may_pass=True) from None
    except _Gone:
        reason = "the renderer ended: it needs too much memory or time"
        raise _refusal(template, 0, reason, may_pass=True) from None
    if kind != b"+":
        about = json.loads(made)
        raise _refusal(about["template"] or template, int(about["line"]), str(about["reason"]))
    return made


def warm() -> None:
    """Start a child and let it load its fonts, so that the first document is as quick as the others."""
    render("warm.html", {}, language="en")


def _refusal(template: str, line: int, reason: str, *, may_pass: bool = False) -> DocumentError:
    if line:
        text = _(
            "The document “%(name)s” cannot be made: line %(line)s: %(reason)s", name=template, line=line, reason=reason
        )
    else:
        text = _("The document “%(name)s” cannot be made: %(reason)s", name=template, reason=reason)
    return DocumentError(text, reason=reason, template=template, line=line, may_pass=may_pass)
