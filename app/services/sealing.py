"""Secrets that must be read again: encrypted with a key that lies outside the database.

Key and fingerprint key are derived from the installation's secret key (HKDF with SHA-256); who has a copy of the
database alone can neither read what is sealed nor try codes against their fingerprints.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_provider: Callable[[], str] | None = None


class UnreadableError(Exception):
    """What is sealed was sealed with another key, or changed since."""


def use_key(provider: Callable[[], str] | None) -> Callable[[], str] | None:
    """Choose where the installation's secret key comes from, and return what was chosen before."""
    global _provider
    before, _provider = _provider, provider
    return before


@lru_cache(maxsize=8)
def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())


def _key(purpose: str) -> bytes:
    if _provider is None:
        raise RuntimeError("no secret key was given")
    return _derived(_provider(), purpose)


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_key("countinghouse sealing 1")))


def seal(text: str) -> str:
    """Return a text encrypted; the same text never looks the same twice."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return what was sealed; UnreadableError when the key is another one."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise UnreadableError from None


def same(one: str, other: str) -> bool:
    """Compare two marks in a time that tells nothing of them."""
    return hmac.compare_digest(one, other)


def fingerprint(text: str) -> str:
    """Return the keyed hash of a short code, as 64 hexadecimal digits."""
    return hmac.new(_key("countinghouse fingerprint 1"), text.encode(), hashlib.sha256).hexdigest()
