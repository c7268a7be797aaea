"""Security headers of every answer; scripts run only with this request's nonce."""

import secrets

from flask import Flask, Response, g, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_compress import Compress
from flask_compress.flask_compress import DictCache

POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; form-action 'self'; frame-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; manifest-src 'self'; object-src 'none'; worker-src 'self'"
)


class _Files(DictCache):
    """Compressed files are kept; pages, which have no key, are made anew every time."""

    def get(self, key: str) -> bytes | None:
        """Return what was kept under a file's key."""
        found: bytes | None = None if key.endswith(";") else super().get(key)
        return found

    def set(self, key: str, value: bytes) -> None:
        """Keep a file."""
        if not key.endswith(";"):
            super().set(key, value)


class _Sessions(SecureCookieSessionInterface):
    """Sessions, but not in answers that any cache on the way may keep and give to others."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the cookie with pages only."""
        if not _is_static():
            super().save_session(app, session, response)


def _is_static() -> bool:
    return (request.endpoint or "").endswith("static")


def nonce() -> str:
    """Return this request's nonce."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def _add(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY.format(nonce=nonce()))
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
    if not _is_static():
        headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("X-Request-Id", str(g.get("request_id", "")))
    return response


MOST_PADDING = 100


def padding() -> str:
    """Return text of a random length, so that the length of a compressed page does not tell what stands in it.

    Source: T. Sheffler and others, "Heal the Breach", 2022. Cookies that only same-site requests carry do the rest.
    """
    return secrets.token_urlsafe(MOST_PADDING)[: secrets.randbelow(MOST_PADDING)]


def _compress(app: Flask) -> None:
    """Send pages, style sheets, scripts and icons compressed; files once for all."""
    app.config.update(
        COMPRESS_MIMETYPES=["text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml"],
        COMPRESS_ALGORITHM=["zstd", "br", "gzip"],
        COMPRESS_STREAMS=False,
        COMPRESS_CACHE_BACKEND=_Files,
        COMPRESS_CACHE_KEY=lambda asked: f"{asked.path};{g.get('etag', '')}" if _is_static() else "",
    )
    Compress(app)

    @app.after_request  # runs before the one of Compress, which leaves the file of a streamed answer open
    def _whole(response: Response) -> Response:
        if _is_static() and response.mimetype in app.config["COMPRESS_MIMETYPES"] and response.is_streamed:
            g.etag = response.get_etag()[0]
            response.direct_passthrough = False
            response.make_sequence()
        return response


def init_app(app: Flask) -> None:
    """Install the headers; HSTS where the public address is https."""
    _compress(app)
    app.session_interface = _Sessions()
    app.jinja_env.globals |= {"csp_nonce": nonce, "padding": padding}
    app.after_request(_add)
    if app.config["CRM_PUBLIC_URL"].startswith("https://"):

        @app.after_request
        def _transport(response: Response) -> Response:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
            return response
