"""What is asked once per request."""

from typing import Any

from flask import g, has_request_context


def request_cache(name: str) -> dict[Any, Any]:
    """Return a dictionary that lives as long as the request."""
    return g.setdefault(name, {}) if has_request_context() else {}
