"""Whether people may sign in with the company's own service (OpenID Connect), and what that may decide.

The conversation with it stands in `web/oidc_client.py`, which is loaded when somebody goes that way.
"""

from urllib.parse import urlsplit

from flask import current_app

from app.services.identity import Rules

NAME = "oidc"


class RefusedError(Exception):
    """The service did not vouch for anybody; the text is for the log."""


def origin(address: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address."""
    parts = urlsplit(address)
    return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def is_on() -> bool:
    """Say whether a service is configured."""
    return bool(current_app.config.get("CRM_OIDC_ISSUER"))


def name() -> str:
    """Return what the button calls the service, "" when there is none."""
    config = current_app.config
    return str(config["CRM_OIDC_NAME"] or origin(config["CRM_OIDC_ISSUER"])[1]) if is_on() else ""


def rules() -> Rules:
    """Return what the installation lets the service decide."""
    config = current_app.config
    return Rules(config["CRM_OIDC_LINK"], config["CRM_OIDC_CREATE"], config["CRM_OIDC_ROLES"])
