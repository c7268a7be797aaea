"""Texts of the DNS: what a name says, asked of the servers of this machine."""

import dns.exception
import dns.resolver

from app.errors import DomainError
from app.i18n import gettext as _

PATIENCE = 5.0  # seconds


def text_of(name: str) -> str:
    """Return the text at a name, its strings joined. Raises DomainError where there is none, or nobody answers."""
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=PATIENCE)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        raise DomainError(_("The DNS has no such record yet")) from None
    except (dns.exception.DNSException, OSError) as problem:
        raise DomainError(_("The DNS does not answer: %(why)s", why=type(problem).__name__)) from None
    first = next(iter(answer))
    return b"".join(first.strings).decode("ascii", "replace")
