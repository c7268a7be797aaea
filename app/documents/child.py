"""The program that turns a template and plain data into a PDF, in a process of its own that may be killed any time.

It is run by path and knows nothing of the product: no settings, no secrets, no database. It reads requests from its
standard input and answers on its standard output until the input ends; see `engine` for the other side.

Shape: a request is a length (4 bytes, big-endian) and that many bytes of JSON; an answer is one byte (`+` a PDF, `-`
JSON with `template`, `line` and `reason`), a length and that many bytes.
"""

import base64
import json
import logging
import re
import resource
import shutil
import struct
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from jinja2 import ChoiceLoader, DictLoader, FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

HEAD = struct.Struct("!I")
SCHEME = "crm:"
FONTS = ("latin", "latin-ext", "cyrillic", "cyrillic-ext", "armenian")
WEIGHTS = (400, 700)
MOST_MEMORY = 1 << 30  # address space; a document of 200 lines needs a third of it
MOST_FILE = 32 << 20  # fonts are unpacked into the temporary folder
MOST_HTML = 8 << 20
MOST_PDF = 50 << 20
_TYPES = {".woff2": "font/woff2", ".png": "image/png", ".jpg": "image/jpeg", ".css": "text/css"}


class Refused(Exception):
    """The document cannot be made: where it is wrong and why."""

    def __init__(self, reason: str, *, template: str = "", line: int = 0) -> None:
        super().__init__(reason)
        self.about = {"template": template, "line": line, "reason": reason}


class OwnFetcher(URLFetcher):  # type: ignore[misc]
    """Serves our fonts and the assets of the request; whatever else a document asks for ends it."""

    def __init__(self, fonts: Path) -> None:
        super().__init__(allowed_protocols=(), allow_redirects=False, fail_on_errors=True)
        self._fonts = fonts
        self.assets: dict[str, bytes] = {}
        self.refused: list[str] = []

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:  # noqa: ANN401, ARG002
        """Return one of our own things by its name."""
        name = url.removeprefix(SCHEME)
        kind = _TYPES.get(Path(name).suffix, "")
        if url.startswith(SCHEME) and kind:
            if name in self.assets:
                return URLFetcherResponse(url, self.assets[name], {"Content-Type": kind})
            if name.startswith("font/") and re.fullmatch(r"font/[a-z0-9-]+\.woff2", name):
                return URLFetcherResponse(url, (self._fonts / name[5:]).read_bytes(), {"Content-Type": kind})
        self.refused.append(url)
        raise ValueError("not one of ours")


def font_faces() -> str:
    """Return the style that names the fonts: every subset is a family of its own.

    One family with `unicode-range`, as in browsers, would make the renderer take the first file for all letters.
    """
    return "\n".join(
        f'@font-face {{ font-family: "Noto Sans {subset}"; font-weight: {weight}; '
        f'src: url("{SCHEME}font/noto-sans-{subset}-{weight}.woff2") format("woff2") }}'
        for subset in FONTS
        for weight in WEIGHTS
    )


class Renderer:
    """Templates, styles and fonts, kept warm between requests."""

    def __init__(self, templates: Path, fonts: Path) -> None:
        self._templates = templates
        self._fetcher = OwnFetcher(fonts)
        self._fonts = FontConfiguration()
        self._sheets: dict[str, CSS] = {}
        self._faces = font_faces()
        self._environment = self._sandbox({})  # compiled templates are kept with it

    def render(self, request: dict[str, Any]) -> bytes:
        """Return the PDF of one request. Raises Refused."""
        html = self._html(request)
        self._fetcher.assets = {name: base64.b64decode(text) for name, text in request["assets"].items()}
        self._fetcher.refused.clear()
        try:
            document = HTML(string=html, base_url=SCHEME, url_fetcher=self._fetcher)
            made = document.write_pdf(
                stylesheets=[self._sheet(name) for name in request["styles"]],
                font_config=self._fonts,
                pdf_tags=True,
                pdf_identifier=request["identifier"].encode(),
                pdf_variant=request.get("variant"),
            )
        except FatalURLFetchingError:
            wanted = ", ".join(self._fetcher.refused[:3])[:200]
            raise Refused(f"it asks for something outside of the document: {wanted}") from None
        if len(made) > MOST_PDF:
            raise Refused(f"it has more than {MOST_PDF >> 20} MB")
        return bytes(made)

    def _html(self, request: dict[str, Any]) -> str:
        own = request["overlay"]
        environment = self._sandbox(own) if own else self._environment
        try:
            html = environment.get_template(request["template"]).render(request["data"])
        except TemplateSyntaxError as error:
            raise Refused(str(error.message), template=error.name or request["template"], line=error.lineno) from None
        except Exception as error:  # noqa: BLE001 -- whatever a template does wrong is told with its line
            known = {*environment.list_templates()}
            template, line = place_of(error, known)
            reason = str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
            raise Refused(reason, template=template or request["template"], line=line) from None
        if len(html) > MOST_HTML:
            raise Refused(f"it has more than {MOST_HTML >> 20} million characters", template=request["template"])
        return html

    def _sandbox(self, own: dict[str, str]) -> ImmutableSandboxedEnvironment:
        """Return where templates run: nothing that changes its arguments, nothing that is not given."""
        return ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([DictLoader(own), FileSystemLoader(self._templates)]),
            undefined=StrictUndefined,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def _sheet(self, name: str) -> CSS:
        """Return a style sheet, read once, with the fonts declared in it."""
        if name not in self._sheets:
            text = f"{self._faces}\n{(self._templates / Path(name).name).read_text()}"
            self._sheets[name] = CSS(string=text, font_config=self._fonts, url_fetcher=self._fetcher)
        return self._sheets[name]


def place_of(error: BaseException, templates: set[str]) -> tuple[str, int]:
    """Return the template and the line where an error arose, from its traceback."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        name = Path(frame.filename).name
        if name in templates or frame.filename == "<template>" or frame.filename in templates:
            return (name if name in templates else ""), frame.lineno or 0
    return "", 0


def confine() -> None:
    """Give up what a document never needs."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE, MOST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow(seconds: float) -> None:
    """Let this process compute for so long from now; then the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def answer(renderer: Renderer, request: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the kind and the body of the answer to a request."""
    try:
        return b"+", renderer.render(request)
    except Refused as refusal:
        about = refusal.about
    except MemoryError:
        about = {"template": "", "line": 0, "reason": "it needs too much memory"}
    except RecursionError:
        about = {"template": "", "line": 0, "reason": "it is nested too deeply"}
    except Exception as error:  # noqa: BLE001 -- the outermost edge: the renderer fails in many ways on bad input
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        about = {"template": "", "line": 0, "reason": text}
    return b"-", json.dumps(about).encode()


def serve(source: BinaryIO, target: BinaryIO, renderer: Renderer) -> None:
    """Answer requests until the input ends."""
    while len(head := source.read(HEAD.size)) == HEAD.size:
        request = json.loads(source.read(HEAD.unpack(head)[0]))
        allow(request["seconds"])
        kind, body = answer(renderer, request)
        target.write(kind + HEAD.pack(len(body)) + body)
        target.flush()


if __name__ == "__main__":
    confine()
    logging.getLogger("weasyprint").addHandler(logging.NullHandler())
    logging.getLogger("weasyprint").propagate = False
    tempfile.tempdir = sys.argv[3]  # fonts are unpacked there
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer, Renderer(Path(sys.argv[1]), Path(sys.argv[2])))
    finally:
        shutil.rmtree(sys.argv[3], ignore_errors=True)  # whoever started us may have been killed
