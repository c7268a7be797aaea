"""Where a request may lead on to: addresses of ours alone."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import request

# Browsers drop tabs and newlines and read a backslash as a slash: "/<tab>/elsewhere" is another machine to them.
_OURS = re.compile(r"/(?![/\\])[^\x00-\x1f\x7f\\]*")
LONGEST_FROM = 4_000


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


def came_from() -> str:
    """Return the query of the list that a card or a form was opened from, cleaned; "" when none is known.

    Shape: `?from=` carries the list's own query, escaped: `/invoice/show/7?from=flt.state.eq%3Ddraft%26page%3D2`.
    """
    given = request.args.get("from", "")
    if len(given) > LONGEST_FROM:
        return ""
    try:
        return urlencode(parse_qsl(given.removeprefix("?"), keep_blank_values=True, max_num_fields=200))
    except ValueError:
        return ""


def back_to_list(view: Any) -> str:
    """Return the address of a view's list as it was when the reader left it; the whole list when that is not known."""
    query = came_from()
    return f"{view.route_base}/list/?{query}" if query else f"{view.route_base}/list/"


def with_list(address: str, query: str | None = None) -> str:
    """Return an address of a card or form that remembers a list: `query`, or the one that this page was opened from."""
    kept = came_from() if query is None else query
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'from': kept})}" if kept else address


def way_back(address: str) -> str:
    """Return a crumb's address so that it leads back to the list as it was, by way of the card.

    Only addresses of the noun that the reader is at remember its list; all others stay as they are.
    """
    query = came_from()
    noun, _slash, rest = address.lstrip("/").partition("/")
    if not query or "?" in address or noun != request.path.lstrip("/").partition("/")[0]:
        return address
    if rest == "list/":
        return f"{address}?{query}"
    return with_list(address) if rest.startswith("show/") else address
