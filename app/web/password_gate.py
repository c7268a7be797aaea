"""Who must choose a new password gets nowhere before: pages lead to the one where it is chosen, REST answers 403."""

from typing import Any
from urllib.parse import urlencode

from flask import Flask, redirect, request
from flask_login import current_user

from app.services import password as passwords
from app.web import looking

PAGE = "/password/new"
# What is open to everybody, or is the way out.
OPEN = frozenset(
    {
        *("static", "appbuilder.static", "ManifestView.manifest", "IndexView.health", "LanguageView.index"),
        *("AuthView.login", "AuthView.logout", "SignInApi.login", "SignInApi.refresh"),
        *("PasswordView.new", "PasswordView.forgot", "PasswordView.link", "PasswordView.choose"),
    }
)


def _look() -> Any:
    """Stop a browser; tokens and keys are stopped where they are read (web/security.py)."""
    if (
        request.endpoint in OPEN
        or not current_user.is_authenticated
        or not passwords.is_due(current_user)
        or looking.looker()
    ):
        return None
    if request.path.startswith("/api/"):
        passwords.require_chosen(current_user)
    is_page = request.method == "GET" and request.path != "/"
    return redirect(f"{PAGE}?{urlencode({'next': request.full_path.rstrip('?')})}" if is_page else PAGE)


def init_app(app: Flask) -> None:
    """Install the look at every request, once it is known who asks."""
    app.before_request(_look)
