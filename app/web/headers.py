"""Security headers of every answer; scripts run only with this request's nonce."""

import secrets

from flask import Flask, Response, g
from flask.sessions import SecureCookieSessionInterface, SessionMixin

from app.web import compress

POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; form-action 'self'; frame-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; manifest-src 'self'; object-src 'none'; worker-src 'self'"
)


class _Sessions(SecureCookieSessionInterface):
    """Sessions, but not in answers that any cache on the way may keep and give to others."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Send the cookie with pages only."""
        if not compress.is_static():
            super().save_session(app, session, response)


def nonce() -> str:
    """Return this request's nonce."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def _add(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY.format(nonce=nonce()))
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if not g.get("is_framed"):  # the policy of such a page says who may show it
        headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
    if not compress.is_static():
        headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("X-Request-Id", str(g.get("request_id", "")))
    return response


MOST_PADDING = 100


def padding() -> str:
    """Return text of a random length, so that the length of a compressed page does not tell what stands in it.

    Source: T. Sheffler and others, "Heal the Breach", 2022. Cookies that only same-site requests carry do the rest.
    """
    return secrets.token_urlsafe(MOST_PADDING)[: secrets.randbelow(MOST_PADDING)]


def init_app(app: Flask) -> None:
    """Install the headers; HSTS where the public address is https."""
    compress.init_app(app)
    app.session_interface = _Sessions()
    app.jinja_env.globals |= {"csp_nonce": nonce, "padding": padding}
    app.after_request(_add)
    if app.config["CRM_PUBLIC_URL"].startswith("https://"):

        @app.after_request
        def _transport(response: Response) -> Response:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
            return response
