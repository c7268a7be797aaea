"""Pages, style sheets, scripts and icons go compressed: pages quickly, files as small as can be, once for all."""

from http import HTTPStatus
from pathlib import Path

import brotli
from flask import Flask, Response, current_app, request
from flask_compress import Compress
from werkzeug.security import safe_join

KINDS = ["text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml"]
SMALLEST = 11


def is_static() -> bool:
    """Say whether a file was asked for, which is the same for everybody."""
    return (request.endpoint or "").endswith("static")


def _beside() -> bytes | None:
    """Return the compressed file that set-up has put beside the asked one, if there is one."""
    name = (request.view_args or {}).get("filename", "")
    place = safe_join(current_app.static_folder or "", f"{name}.br") if request.endpoint == "static" else None
    return Path(place).read_bytes() if place and Path(place).is_file() else None


def _smallest(response: Response) -> bytes:
    kept: dict[str, bytes] = current_app.extensions.setdefault("smallest_files", {})
    key = f"{request.path};{response.get_etag()[0]}"
    if key not in kept:
        kept[key] = _beside() or brotli.compress(response.get_data(), quality=SMALLEST)
    return kept[key]


def _of_file(response: Response) -> Response:
    """Compress a file; runs before what compresses everything else, which leaves a streamed answer's file open."""
    whole = response.status_code == HTTPStatus.OK and response.is_streamed
    if not (whole and is_static() and response.mimetype in KINDS):
        return response
    response.direct_passthrough = False
    response.make_sequence()
    if request.accept_encodings["br"]:
        etag = response.get_etag()[0]
        response.set_data(_smallest(response))
        response.headers["Content-Encoding"] = "br"
        response.set_etag(f"{etag}:br")
        response.make_conditional(request)
    return response


def init_app(app: Flask) -> None:
    """Install the compression; files for a reader who cannot take Brotli go the ways of pages."""
    app.config.update(COMPRESS_MIMETYPES=KINDS, COMPRESS_ALGORITHM=["zstd", "br", "gzip"], COMPRESS_STREAMS=False)
    Compress(app)
    app.after_request(_of_file)
