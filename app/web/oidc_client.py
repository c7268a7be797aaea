"""Signing in with the company's own service (OpenID Connect): the code flow with PKCE, state and nonce, by Authlib.

Only the service's own host is asked, and those that the installation names; a token counts when its signature, issuer,
audience, end and nonce are right.
"""

from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import FlaskIntegration
from authlib.integrations.flask_client.apps import FlaskOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from flask import Response, current_app, request, session
from joserfc.errors import JoseError
from requests import PreparedRequest, RequestException
from requests import Response as Answer

from app import clock
from app.services.identity import Claims
from app.web.oidc import NAME, RefusedError, origin

CALLBACK = "/oidc/callback"
TIMES = (5.0, 10.0)  # seconds to connect, and between two bytes
LEEWAY = 60  # seconds by which two clocks may differ
LONGEST_SUBJECT = 255  # characters. Source: OpenID Connect Core 1.0, 2
METADATA_KEPT = 24 * 3600  # seconds
SIGNED_BY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_STATE = f"_state_{NAME}_"


class GuardedSession(OAuth2Session):
    """Asks the configured hosts and nobody else, follows no redirect, waits for nobody for long."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.trust_env = False  # no credentials or proxies from elsewhere

    def send(self, request: PreparedRequest, **options: Any) -> Answer:
        """Send a request to one of the hosts that the installation names."""
        if origin(request.url or "") not in allowed():
            raise RefusedError(f"asked for {origin(request.url or '')}, which is not configured")
        options |= {"allow_redirects": False, "timeout": TIMES, "verify": current_app.config["CRM_OIDC_CA"] or True}
        answer: Answer = super().send(request, **options)
        return answer


class Client(FlaskOAuth2App):
    """Authlib's client, strict about what the service says of itself."""

    client_cls = GuardedSession

    def load_server_metadata(self) -> dict[str, Any]:
        """Return what the service says of itself; it must be the configured issuer, and sign with a key pair."""
        about: dict[str, Any] = self.server_metadata
        if about.get("_loaded_at", 0) < clock.now().timestamp() - METADATA_KEPT:
            about.clear()
        if "_loaded_at" in about:
            return about
        super().load_server_metadata()
        issuer = about.get("issuer")
        if issuer != current_app.config["CRM_OIDC_ISSUER"]:
            about.clear()
            raise RefusedError(f"it calls itself {issuer}")
        offered = about.get("id_token_signing_alg_values_supported") or ["RS256"]
        about["id_token_signing_alg_values_supported"] = [each for each in SIGNED_BY if each in offered] or ["RS256"]
        return about


def allowed() -> set[tuple[str, str, int | None]]:
    """Return the places that may be asked: the issuer, and those that the installation names besides."""
    config = current_app.config
    named = {origin(f"https://{host}") for host in config["CRM_OIDC_HOSTS"]}
    return {origin(config["CRM_OIDC_ISSUER"]), *named}


def client() -> Client:
    """Return the client of the configured service; one per process, so that its keys are fetched once."""
    config = current_app.config
    key = (config["CRM_OIDC_ISSUER"], config["CRM_OIDC_CLIENT_ID"], config["CRM_OIDC_CLIENT_SECRET"])
    kept: dict[Any, Client] = current_app.extensions.setdefault(NAME, {})
    if key not in kept:
        kept[key] = Client(
            FlaskIntegration(NAME),
            name=NAME,
            client_id=key[1],
            client_secret=key[2] or None,
            server_metadata_url=f"{key[0].rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": config["CRM_OIDC_SCOPE"],
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic" if key[2] else "none",
            },
        )
    return kept[key]


def leave() -> Response:
    """Lead to the service's own page, remembering state, nonce and verifier in the session; the last try counts.

    Raises RefusedError when the service cannot be asked.
    """
    for kept in [key for key in session if key.startswith(_STATE)]:
        session.pop(kept)
    try:
        answer: Response = client().authorize_redirect(current_app.config["CRM_PUBLIC_URL"] + CALLBACK)
    except (AuthlibBaseError, JoseError, RequestException, RuntimeError, ValueError) as problem:
        raise RefusedError(f"{type(problem).__name__}: {problem}") from problem
    return answer


def come_back() -> Claims:
    """Return for whom the service vouches, by the code that the browser brings back.

    Raises RefusedError for a state that is not this browser's last one, a code that the service refuses, and a token
    that is signed by somebody else, for somebody else, out of time or not for this try.
    """
    config = current_app.config
    if request.args.get("iss", config["CRM_OIDC_ISSUER"]) != config["CRM_OIDC_ISSUER"]:
        raise RefusedError("the answer names another issuer")
    expected = {
        "iss": {"essential": True, "value": config["CRM_OIDC_ISSUER"]},
        "aud": {"essential": True, "value": config["CRM_OIDC_CLIENT_ID"]},
    }
    try:
        found = client().authorize_access_token(claims_options=expected, leeway=LEEWAY).get("userinfo")
    except (AuthlibBaseError, JoseError, RequestException, RuntimeError, ValueError, TypeError, KeyError) as problem:
        raise RefusedError(f"{type(problem).__name__}: {problem}") from problem
    if not found or not isinstance(found.get("sub"), str) or not 0 < len(found["sub"]) <= LONGEST_SUBJECT:
        raise RefusedError("no token of identity")
    return _claims(found)


def _claims(found: dict[str, Any]) -> Claims:
    said = {key: value.strip() for key, value in found.items() if isinstance(value, str)}
    groups = found.get(current_app.config["CRM_OIDC_GROUPS"]) or []
    given = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    return Claims(
        issuer=current_app.config["CRM_OIDC_ISSUER"],
        subject=found["sub"],
        email=said.get("email", ""),
        is_verified=found.get("email_verified") is True or said.get("email_verified") == "true",
        username=said.get("preferred_username", ""),
        first_name=said.get("given_name") or said.get("name", ""),
        last_name=said.get("family_name", ""),
        groups=frozenset(each for each in given if isinstance(each, str)),
    )
