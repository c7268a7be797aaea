"""Which person an address names: `?party=17`, or `?party=17&contact=3` for a contact person there."""

from typing import Any

from flask import abort


def asked_for(args: Any) -> tuple[int, int | None]:
    """Return the keys of the counterparty and the contact person that an address names, or answer 404."""
    found = []
    for name in ("party", "contact"):
        text = args.get(name, "")
        if text and not (text.isascii() and text.isdecimal() and len(text) <= 18):  # noqa: PLR2004 -- a key
            abort(404)
        found.append(int(text) if text else None)
    if found[0] is None:
        abort(404)
    return found[0], found[1]
