"""Every setting of the product, each with the reason it has its value.

Settings come from the environment (`CRM_…`, `PORT`); nothing else is read. `load()` returns what Flask's
`app.config` holds. Secrets that are not given are made once and kept in `var/keys/`.
"""

import os
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent

# Keys that stand in tutorials or were once published; a server signing sessions with one of them is open to all.
WEAK_SECRETS = frozenset(
    {"", "changeme", "secret", "dev", "development", "test", "password", "thisismyscretkey", "mysecretkey", "\\2\\1"}
)
LEAST_SECRET = 24  # characters
LEAST_IDLE = 5  # minutes; that somebody is there is written once a minute


class UnsafeSettingError(RuntimeError):
    """A setting would make the installation unsafe; it refuses to start."""


def load(env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return all settings for an environment (the process's own when none is given)."""
    env = os.environ if env is None else env
    var, database_url, demo = places(env)
    public_url = (env.get("CRM_PUBLIC_URL") or f"http://127.0.0.1:{env.get('PORT') or 8080}").rstrip("/")
    https = public_url.startswith("https://")
    return {
        # --- where things are -------------------------------------------------------------------------------------
        "CRM_VAR": var,
        "CRM_DEMO": demo,  # the demo company, shown by a banner
        "CRM_PUBLIC_URL": public_url,  # links in mail are built from it and from nothing a request says
        "CRM_BROKER_URL": env.get("CRM_BROKER_URL") or f"filesystem://{var / 'broker'}",  # the doorbell of the worker
        # smtp://user:password@host:587 (STARTTLS is required; ?starttls=never only without a password, or on this
        # machine, where never is the rule) or smtps://user:password@host:465. What is not alphanumeric in user and
        # password is written as in any address (%40 for @). ?ca=/path/ca.pem trusts a company's own authority.
        "CRM_SMTP_URL": env.get("CRM_SMTP_URL") or "",
        # Where providers of text messages are reached, when not at their own address; https, but on this machine.
        **{name: _door(env, name) for name in ("CRM_SMSC_URL", "CRM_TWILIO_URL")},
        "CRM_MAIL_FROM": env.get("CRM_MAIL_FROM") or "",  # the sender of all letters; else each organisation's own
        # The sandbox sends nothing, and writes down what would have been sent; a banner says so on every page.
        "CRM_SANDBOX": env.get("CRM_SANDBOX", "").lower() in {"1", "true", "yes", "on"},
        "CRM_BIND": env.get("CRM_BIND") or "127.0.0.1",  # reachable from other machines only when asked for
        # How many servers of our own stand before it and add to X-Forwarded-For; 0 believes nothing that a client says.
        "CRM_PROXIES": max(int(env.get("CRM_PROXIES") or 0), 0),
        "CRM_BIN_DAYS": max(int(env.get("CRM_BIN_DAYS") or 30), 1),  # for how long deleted records can be restored
        "CRM_AUDIT_YEARS": max(int(env.get("CRM_AUDIT_YEARS") or 10), 2),  # for how long entries of the audit are kept
        "PORT": int(env.get("PORT") or 8080),
        "CRM_METRICS_TOKEN": _token(env, "CRM_METRICS_TOKEN"),  # with it a monitor may read /metrics; else nobody may
        **_sign_in_service(env),
        **_directory(env),
        # --- database ---------------------------------------------------------------------------------------------
        "SQLALCHEMY_DATABASE_URI": database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine_options(database_url),
        "SQLALCHEMY_TRACK_MODIFICATIONS": False,
        # --- sessions, cookies, requests --------------------------------------------------------------------------
        "SECRET_KEY": secret_key(env, var),
        "SESSION_COOKIE_NAME": "countinghouse",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": https,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=12),  # a working day; then one signs in again
        # A browser that asks for nothing for so long is signed out; tokens and keys end by their own time.
        "IDLE_TIME": timedelta(minutes=max(int(env.get("CRM_IDLE_MINUTES") or 480), LEAST_IDLE)),
        # An answer that changes nothing in the session sends no cookie: a slow one would undo what a quicker one,
        # asked after it, has written there, such as the message about a deletion and its way back.
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PREFERRED_URL_SCHEME": "https" if https else "http",
        "TRUSTED_HOSTS": [urlsplit(public_url).hostname or "localhost", "localhost", "127.0.0.1", "[::1]"],
        "MAX_CONTENT_LENGTH": 24 * 1024 * 1024,  # bytes; larger uploads get 413
        "MAX_FORM_PARTS": 8000,  # 500 order lines of a dozen fields
        "MAX_FORM_MEMORY_SIZE": 4 * 1024 * 1024,
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=30),  # addresses of static files carry a version
        "WTF_CSRF_CHECK_DEFAULT": False,  # app.web.security decides by itself: bearer tokens need no form token
        "WTF_CSRF_TIME_LIMIT": None,  # the form token lives as long as the session
        # --- Flask-AppBuilder -------------------------------------------------------------------------------------
        "APP_NAME": "Countinghouse",
        "AUTH_TYPE": 1,  # accounts in our database
        "AUTH_ROLE_ADMIN": "Admin",
        "AUTH_ROLE_PUBLIC": "Public",
        "FAB_CREATE_DB": False,  # Alembic owns its tables too
        "FAB_UPDATE_PERMS": False,  # 450 statements per start; `crm sync-roles` does it once
        "FAB_ADD_SECURITY_API": False,  # users and roles change through our own screens
        "FAB_ADD_MENU_API": False,
        "FAB_API_SHOW_STACKTRACE": False,
        "FAB_API_MAX_PAGE_SIZE": 100,
        "FAB_API_KEY_ENABLED": True,
        "FAB_API_KEY_PREFIXES": ["crm_"],
        "FAB_PASSWORD_HASH_METHOD": "scrypt",
        "JWT_ACCESS_TOKEN_EXPIRES": timedelta(minutes=30),
        "JWT_REFRESH_TOKEN_EXPIRES": timedelta(days=7),
        # --- languages --------------------------------------------------------------------------------------------
        "BABEL_DEFAULT_LOCALE": "en",
        "BABEL_DEFAULT_TIMEZONE": "UTC",
        "BABEL_TRANSLATION_DIRECTORIES": str(HERE / "translations"),
        # --- passwords --------------------------------------------------------------------------------------------
        "CRM_PASSWORD_LENGTH": max(int(env.get("CRM_PASSWORD_LENGTH") or 12), 8),  # characters at least
        # After how many days a new password is due, 0 for never: who must change often chooses worse ones.
        "CRM_PASSWORD_DAYS": max(int(env.get("CRM_PASSWORD_DAYS") or 0), 0),
    }


def _sign_in_service(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of the company's own sign-in service (OpenID Connect); docs/sign-in.md explains them.

    Raises UnsafeSettingError for a service that is not asked over https, and for what cannot be read.
    """
    issuer = env.get("CRM_OIDC_ISSUER") or ""
    parts = urlsplit(issuer)
    if issuer and parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise UnsafeSettingError("CRM_OIDC_ISSUER must begin with https://: tokens are believed that come from there")
    if issuer and not env.get("CRM_OIDC_CLIENT_ID"):
        raise UnsafeSettingError("CRM_OIDC_ISSUER needs CRM_OIDC_CLIENT_ID: tokens for others must be refused")
    passwords = env.get("CRM_PASSWORD_SIGN_IN") or "everybody"
    if passwords not in {"everybody", "administrators"}:
        raise UnsafeSettingError("CRM_PASSWORD_SIGN_IN is “everybody” or “administrators”")
    return {
        "CRM_OIDC_ISSUER": issuer,
        "CRM_OIDC_CLIENT_ID": env.get("CRM_OIDC_CLIENT_ID") or "",
        "CRM_OIDC_CLIENT_SECRET": env.get("CRM_OIDC_CLIENT_SECRET") or "",
        "CRM_OIDC_NAME": env.get("CRM_OIDC_NAME") or "",  # on the button; else the issuer's host
        "CRM_OIDC_SCOPE": env.get("CRM_OIDC_SCOPE") or "openid email profile",
        "CRM_OIDC_GROUPS": env.get("CRM_OIDC_GROUPS") or "groups",  # the claim that names somebody's groups
        "CRM_OIDC_ROLES": _roles(env, "CRM_OIDC_ROLES"),
        "CRM_OIDC_CREATE": env.get("CRM_OIDC_CREATE") or "",  # a role: accounts are made at the first sign-in
        "CRM_OIDC_LINK": env.get("CRM_OIDC_LINK") == "1",  # a confirmed e-mail connects an account that exists
        "CRM_OIDC_HOSTS": tuple((env.get("CRM_OIDC_HOSTS") or "").split()),  # asked besides the issuer's own
        "CRM_OIDC_CA": env.get("CRM_OIDC_CA") or "",  # a file with a company's own authority
        "CRM_IMAP_CA": env.get("CRM_IMAP_CA") or "",  # a file with a company's own authority, for mailboxes
        "CRM_PASSWORD_SIGN_IN": passwords,  # for whom a password is enough
    }


def _door(env: Mapping[str, str], name: str) -> str:
    """Return the address of a service to which a password is told. Raises UnsafeSettingError for one in the clear."""
    url = env.get(name) or ""
    parts = urlsplit(url)
    local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if url and (not parts.hostname or (parts.scheme != "https" and not (local and parts.scheme == "http"))):
        raise UnsafeSettingError(f"{name} must begin with https://: a password goes there")
    return url


def _roles(env: Mapping[str, str], name: str) -> dict[str, str]:
    """Return which group gives which role. What a directory calls a group has equals signs in it, a role has none."""
    pairs = [pair.rpartition("=") for pair in (env.get(name) or "").split(";") if pair.strip()]
    if not all(group.strip() and role.strip() for group, _sign, role in pairs):
        raise UnsafeSettingError(f"{name} is “group=role; group=role”")
    return {group.strip(): role.strip() for group, _sign, role in pairs}


def _directory(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of the company's own directory (LDAP); docs/sign-in.md explains them.

    Raises UnsafeSettingError for one that is asked in the clear, and for settings that are not whole.
    """
    urls = tuple((env.get("CRM_LDAP_URL") or "").split())
    found = {
        "CRM_LDAP_URL": urls,  # ldaps://host, or ldap://host with CRM_LDAP_START_TLS; several are tried in this order
        "CRM_LDAP_START_TLS": env.get("CRM_LDAP_START_TLS") == "1",
        "CRM_LDAP_CA": env.get("CRM_LDAP_CA") or "",  # a file with a company's own authority
        "CRM_LDAP_TIMEOUT": max(int(env.get("CRM_LDAP_TIMEOUT") or 5), 1),  # seconds, to connect and for each answer
        "CRM_LDAP_NAME": env.get("CRM_LDAP_NAME") or "",  # what people call it; else its host
        "CRM_LDAP_BASE": env.get("CRM_LDAP_BASE") or "",
        "CRM_LDAP_BIND_DN": env.get("CRM_LDAP_BIND_DN") or "",  # an account that may search
        "CRM_LDAP_BIND_PASSWORD": env.get("CRM_LDAP_BIND_PASSWORD") or "",
        "CRM_LDAP_USER_DN": env.get("CRM_LDAP_USER_DN") or "",  # or, without such an account, who {name} is
        "CRM_LDAP_USER_FILTER": env.get("CRM_LDAP_USER_FILTER")
        or "(&(objectClass=person)(|(uid={name})(mail={name})))",
        "CRM_LDAP_ID": env.get("CRM_LDAP_ID") or "entryUUID",  # never changes, is never given again
        "CRM_LDAP_USER_NAME": env.get("CRM_LDAP_USER_NAME") or "uid",
        "CRM_LDAP_MAIL": env.get("CRM_LDAP_MAIL") or "mail",
        "CRM_LDAP_FIRST_NAME": env.get("CRM_LDAP_FIRST_NAME") or "givenName",
        "CRM_LDAP_LAST_NAME": env.get("CRM_LDAP_LAST_NAME") or "sn",
        "CRM_LDAP_GROUPS": env.get("CRM_LDAP_GROUPS") or "memberOf",  # the attribute with the groups' names (DN)
        "CRM_LDAP_GROUP_FILTER": env.get("CRM_LDAP_GROUP_FILTER") or "",  # or how the groups of {dn} are found
        "CRM_LDAP_ROLES": _roles(env, "CRM_LDAP_ROLES"),
        "CRM_LDAP_CREATE": env.get("CRM_LDAP_CREATE") or "",  # a role: accounts are made at the first sign-in
        "CRM_LDAP_LINK": env.get("CRM_LDAP_LINK") == "1",  # the directory's e-mail connects an account that exists
    }
    given = sorted(name for name in found if env.get(name) and name != "CRM_LDAP_URL")
    if not urls and given:
        raise UnsafeSettingError(f"{given[0]} needs CRM_LDAP_URL: without it no directory is asked")
    if urls:
        _require_safe_directory(found)
    return found


def _require_safe_directory(found: Mapping[str, Any]) -> None:
    """Raise UnsafeSettingError for a directory that is asked in the clear, or that cannot be asked at all."""
    for url in found["CRM_LDAP_URL"]:
        _require_encrypted(url, starts_tls=found["CRM_LDAP_START_TLS"])
    if not found["CRM_LDAP_BASE"]:
        raise UnsafeSettingError("CRM_LDAP_URL needs CRM_LDAP_BASE: where people are looked for")
    if bool(found["CRM_LDAP_BIND_DN"]) != bool(found["CRM_LDAP_BIND_PASSWORD"]):
        raise UnsafeSettingError("CRM_LDAP_BIND_DN and CRM_LDAP_BIND_PASSWORD belong together")
    if bool(found["CRM_LDAP_BIND_DN"]) == bool(found["CRM_LDAP_USER_DN"]):
        raise UnsafeSettingError("CRM_LDAP_URL needs CRM_LDAP_BIND_DN with its password, or CRM_LDAP_USER_DN")
    if found["CRM_LDAP_USER_DN"] and found["CRM_LDAP_USER_DN"].count("={name},") != 1:
        raise UnsafeSettingError("CRM_LDAP_USER_DN names the person once, as uid={name},ou=people,dc=example,dc=org")
    if found["CRM_LDAP_CREATE"] == "groups" and not found["CRM_LDAP_ROLES"]:
        raise UnsafeSettingError("CRM_LDAP_CREATE=groups needs CRM_LDAP_ROLES")
    if found["CRM_LDAP_CA"] and not Path(found["CRM_LDAP_CA"]).is_file():
        raise UnsafeSettingError(f"CRM_LDAP_CA: there is no file {found['CRM_LDAP_CA']}")
    for name, place in (("CRM_LDAP_USER_FILTER", "{name}"), ("CRM_LDAP_GROUP_FILTER", "{dn}")):
        if found[name] and not _is_filter(found[name], place):
            raise UnsafeSettingError(f"{name} is a filter in brackets with {place} in it")


def _require_encrypted(url: str, *, starts_tls: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname or parts.username or parts.path.strip("/"):
        raise UnsafeSettingError("CRM_LDAP_URL is ldaps://host, or ldap://host, and nothing else")
    local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if parts.scheme == "ldap" and not starts_tls and not local:
        raise UnsafeSettingError(
            "CRM_LDAP_URL must begin with ldaps://, or CRM_LDAP_START_TLS be 1: passwords go there"
        )


def _is_filter(text: str, place: str) -> bool:
    """Say whether a text is a filter of LDAP in which a value stands once or oftener."""
    from ldap3.core.exceptions import LDAPInvalidFilterError
    from ldap3.operation.search import parse_filter

    try:
        parse_filter(
            text.replace(place, "x"), None, auto_escape=True, auto_encode=False, validator=None, check_names=False
        )
    except LDAPInvalidFilterError:
        return False
    return f"={place})" in text


def places(env: Mapping[str, str] | None = None) -> tuple[Path, str, bool]:
    """Return the folder of the installation, its database's address and whether it is the demo's; makes nothing."""
    env = os.environ if env is None else env
    var = Path(env.get("CRM_VAR") or HERE / "var").resolve()
    return (var, *_database(env, var))


def _database(env: Mapping[str, str], var: Path) -> tuple[str, bool]:
    """Return the database's address and whether it is the demo company's."""
    url = env.get("CRM_DATABASE_URL") or ""
    wish = env.get("CRM_DEMO")
    if url:
        return url, wish == "1"
    demo = wish != "0"
    return f"sqlite:///{var / ('demo.db' if demo else 'crm.db')}", demo


def _engine_options(url: str) -> dict[str, Any]:
    options: dict[str, Any] = {"hide_parameters": True}  # values of people never reach a log
    if url.startswith("sqlite"):
        options["connect_args"] = {"timeout": 30, "check_same_thread": False}
    else:
        options |= {"pool_size": 8, "max_overflow": 8, "pool_pre_ping": True}
    return options


def secret_key(env: Mapping[str, str], var: Path) -> str:
    """Return the key that signs sessions: the given one, or one made once in `var/keys`.

    Raises UnsafeSettingError for a weak or well-known one.
    """
    given = env.get("CRM_SECRET_KEY")
    if given is not None:
        if given.strip().lower() in WEAK_SECRETS or len(given) < LEAST_SECRET or len(set(given)) < LEAST_SECRET // 3:
            raise UnsafeSettingError(
                f"CRM_SECRET_KEY is too weak: give at least {LEAST_SECRET} random characters, or none at all"
            )
        return given
    return kept_secret(var / "keys" / "secret_key")


def _token(env: Mapping[str, str], name: str) -> str:
    """Return a token that somebody else must show us. Raises UnsafeSettingError for one that can be guessed."""
    given = env.get(name) or ""
    if given and (len(given) < LEAST_SECRET or len(set(given)) < LEAST_SECRET // 3):
        raise UnsafeSettingError(f"{name} is too weak: give at least {LEAST_SECRET} random characters, or none at all")
    return given


def kept_secret(path: Path) -> str:
    """Return the secret in a file, making it (256 random bits, mode 0600) when there is none."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        secret = secrets.token_urlsafe(32)
        file.write(secret)
    return secret
