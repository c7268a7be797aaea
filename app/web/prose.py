"""Typed text as safe HTML: escaped, with links where addresses stand and names where people are mentioned."""

import re
from collections.abc import Mapping

from markupsafe import Markup, escape

from app.services.activity import MENTION

_FOUND = re.compile(
    rf"(?P<mention>{MENTION.pattern})"
    r"|(?P<url>\b(?:https?://|www\.)[^\s<>\"«»]+)"
    r"|(?P<email>\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b)",
    re.IGNORECASE,
)
_CLOSING = {")": "(", "]": "[", "}": "{"}
_LINK = Markup('<a href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>')


def linked(text: str, names: Mapping[int, str]) -> Markup:
    """Return a plain text as HTML; line breaks stay as they are."""
    made, at = Markup(), 0
    for found in _FOUND.finditer(text):
        made += escape(text[at : found.start()]) + _piece(found, names)
        at = found.end()
    return made + escape(text[at:])


def _piece(found: re.Match[str], names: Mapping[int, str]) -> Markup:
    if found["mention"]:
        name = names.get(int(found[2]))
        return escape(found[0]) if name is None else Markup('<span class="mention">@{}</span>').format(name)
    if found["email"]:
        return Markup('<a href="mailto:{}">{}</a>').format(found[0], found[0])
    address = _without_end_of_sentence(found[0])
    target = address if "://" in address else f"https://{address}"
    return _LINK.format(target, address) + escape(found[0][len(address) :])


def _without_end_of_sentence(address: str) -> str:
    """Return an address without the signs behind it; a bracket that it opens itself is its own."""
    while address:
        last = address[-1]
        opens = _CLOSING.get(last)
        if last in ".,;:!?'’…*_" or (opens and address.count(last) > address.count(opens)):
            address = address[:-1]
        else:
            break
    return address
