"""How the reader wants his screens, read from his profile; who is not signed in has what everybody begins with."""

from collections.abc import Sequence
from typing import Any

from flask import g, has_request_context

from app.models.team import Density, Theme
from app.services.profile import NARROWEST


def profile() -> Any:
    """Return the reader's profile, None for those who have none; it costs one statement per request."""
    user = getattr(g, "user", None) if has_request_context() else None
    return getattr(user, "profile", None) if user is not None and user.is_authenticated else None


def theme() -> str:
    """Return the reader's theme: system, light or dark."""
    kept = profile()
    return str(kept.theme) if kept is not None else str(Theme.system)


def density() -> str:
    """Return how much room the reader's rows take: comfortable or compact."""
    kept = profile()
    return str(kept.density) if kept is not None else str(Density.comfortable)


def page_size(otherwise: int) -> int:
    """Return how many rows the reader's lists show, `otherwise` when he left it to each list."""
    kept = profile()
    return int(kept.page_size) if kept is not None and kept.page_size else otherwise


def is_away(name: str) -> bool:
    """Say whether the reader has folded or dismissed a part of the screen."""
    kept = profile()
    return kept is not None and name in (kept.put_away or [])


def widths(entity: str, columns: Sequence[str]) -> dict[str, int]:
    """Return the widths of a list's columns, one for each shown; empty when the reader has never set any.

    A column that was added later has the width that most texts need.
    """
    kept = profile()
    own = (kept.column_widths or {}).get(entity, {}) if kept is not None else {}
    if not any(name in own for name in columns):
        return {}
    return {name: max(int(own.get(name, UNSET)), NARROWEST) for name in columns}


UNSET = 160  # CSS pixels
