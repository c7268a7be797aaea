"""Browsers that have signed in to an account before: failed tries are counted apart for them (services/lockout.py).

A signed cookie names the browser and the accounts. It proves nothing and opens nothing: it only keeps strangers, who
have none, from keeping the owner out.
"""

import secrets
from datetime import timedelta
from typing import Any, NamedTuple

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

COOKIE = "countinghouse_device"
LASTS = timedelta(days=365)
MOST = 8  # accounts of one browser
_ID_LENGTH = 22


class Device(NamedTuple):
    """A browser and the keys of the accounts that have signed in with it."""

    name: str
    accounts: list[int]


def name_for(user_id: int | None) -> str:
    """Return the name of this browser if the account knows it, "" otherwise."""
    device = _read()
    return device.name if device is not None and user_id in device.accounts else ""


def remember(user_id: int) -> None:
    """Let the answer to this request tell the browser that the account knows it."""
    device = _read() or Device(secrets.token_urlsafe(16), [])
    accounts = [user_id, *(each for each in device.accounts if each != user_id)][:MOST]
    value = _signer().dumps([device.name, accounts])

    @after_this_request
    def _send(response: Response) -> Response:
        response.set_cookie(
            COOKIE,
            value,
            max_age=LASTS,
            httponly=True,
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            samesite="Lax",
        )
        return response


def _read() -> Device | None:
    try:
        content: Any = _signer().loads(request.cookies.get(COOKIE, ""), max_age=int(LASTS.total_seconds()))
        name, accounts = content
    except (BadSignature, TypeError, ValueError):
        return None
    fits = isinstance(name, str) and len(name) == _ID_LENGTH and isinstance(accounts, list)
    return Device(name, accounts) if fits else None


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="known device")
