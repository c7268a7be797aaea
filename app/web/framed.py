"""Answers that other sites may show in a frame or load: the forms that stand on foreign pages, and nothing else."""

from collections.abc import Sequence

from flask import Response, g

from app.web.headers import nonce

POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors {sites}; "
    "base-uri 'none'; object-src 'none'; worker-src 'self'"
)


def by(answer: Response, sites: Sequence[str]) -> Response:
    """Let some sites show an answer in a frame; all of them where none is named."""
    answer.headers["Content-Security-Policy"] = POLICY.format(nonce=nonce(), sites=" ".join(sites) or "*")
    answer.headers["Referrer-Policy"] = "no-referrer"
    return for_all(answer)


def for_all(answer: Response) -> Response:
    """Let other sites load an answer; the header that knows no list of sites is left out."""
    g.is_framed = True
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer
