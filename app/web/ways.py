"""Where a request may lead on to: addresses of ours alone."""

import re
from urllib.parse import urlsplit, urlunsplit

from flask import request

# Browsers drop tabs and newlines and read a backslash as a slash: "/<tab>/elsewhere" is another machine to them.
_OURS = re.compile(r"/(?![/\\])[^\x00-\x1f\x7f\\]*")


def onward(target: str | None, otherwise: str = "/") -> str:
    """Return a path of ours that was asked for, `otherwise` for anything that leads elsewhere."""
    text = target or ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return otherwise
    if parts.scheme in {"http", "https"} and parts.netloc == request.host:
        text = urlunsplit(("", "", parts.path, parts.query, ""))
    return text if _OURS.fullmatch(text) else otherwise
