"""A small OpenID Connect provider on 127.0.0.1 for tests: discovery, keys, codes that count once, tokens as one wishes.

A test plays the browser: it takes the address that the program leads to and asks the provider to `approve` it.
"""

import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

CLIENT, SECRET = "countinghouse", "a secret of the client"
EVERY_ALGORITHM = ["RS256", "HS256", "none"]


def made_key(kid: str = "one") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}, private=True)


@dataclass
class Grant:
    """What stands behind a code."""

    asked: dict[str, str]
    claims: dict[str, Any]


@dataclass
class Provider:
    """The provider's state; `token` may bend what is signed, `sign` how, `about` what the provider says of itself."""

    key: RSAKey = field(default_factory=made_key)
    grants: dict[str, Grant] = field(default_factory=dict)
    codes_count_once: bool = True
    bend: Callable[[dict[str, Any]], dict[str, Any]] = field(default_factory=lambda: lambda claims: claims)
    sign: Callable[[dict[str, Any]], str] | None = None
    about: dict[str, Any] = field(default_factory=dict)
    asked_for: list[str] = field(default_factory=list)
    issuer: str = ""

    def approve(self, address: str, **claims: Any) -> str:
        """Return the path to which the browser comes back when somebody has signed in at the provider."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["nonce"]) >= 20
        code = secrets.token_urlsafe(16)
        self.grants[code] = Grant(asked, claims)
        return f"{urlsplit(asked['redirect_uri']).path}?{urlencode({'code': code, 'state': asked['state']})}"

    def signed(self, claims: dict[str, Any], key: Any = None, algorithm: str = "RS256") -> str:
        registry = JWSRegistry(algorithms=EVERY_ALGORITHM)
        header = {"alg": algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, key or self.key, registry=registry)

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": EVERY_ALGORITHM,
        } | self.about

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Answer to a code: an identity token, if client, verifier and address fit; a code counts once."""
        grant = self.grants.get(form.get("code", ""))
        kind, _space, given = authorization.partition(" ")
        client, _colon, secret = b64decode(given).decode().partition(":") if kind == "Basic" else ("", "", "")
        if (unquote(client), unquote(secret)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        if grant is None or form.get("redirect_uri") != grant.asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        challenge = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if challenge != grant.asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        if self.codes_count_once:
            del self.grants[form["code"]]
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": grant.asked["nonce"]}
        token = (self.sign or self.signed)(self.bend(claims | grant.claims))
        return 200, {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": token}


class Door(ThreadingHTTPServer):
    """The provider's web server."""

    daemon_threads = True
    provider: Provider


class Handler(BaseHTTPRequestHandler):
    """Answers for the provider."""

    server: Door

    def log_message(self, *_about: Any) -> None:
        """Say nothing."""

    def answer(self, status: int, body: Any) -> None:
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def do_GET(self) -> None:
        provider = self.server.provider
        provider.asked_for.append(self.path)
        if self.path == "/.well-known/openid-configuration":
            self.answer(200, provider.discovery())
        elif self.path == "/keys":
            self.answer(200, {"keys": [provider.key.as_dict(private=False)]})
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        provider = self.server.provider
        provider.asked_for.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self.answer(*provider.exchange(form, self.headers.get("Authorization", "")))


def open_door(provider: Provider) -> Door:
    """Serve the provider on a free port until the door is shut."""
    door = Door(("127.0.0.1", 0), Handler)
    door.provider = provider
    provider.issuer = f"http://127.0.0.1:{door.server_port}"
    threading.Thread(target=door.serve_forever, daemon=True).start()
    return door
