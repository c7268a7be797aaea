"""What an installation's settings say about its mail, as far as the rules of letters must know it.

Services read no settings: the program that starts (web, worker, command line) says where they are, once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.errors import DomainError
from app.i18n import gettext as _


@dataclass(frozen=True, kw_only=True)
class Office:
    """The sending side of an installation.

    `problem` says why nothing can be sent, None when all is well. `sender` is the address that every letter comes
    from, "" when each organisation uses its own. `host` is the name by which the installation is reached,
    `public_url` its address. In the sandbox (`is_sandbox`) nothing leaves, and everything is written down.
    """

    problem: str | None
    sender: str
    host: str
    public_url: str = ""
    is_sandbox: bool = False


_provider: Callable[[], Office] | None = None


def use(provider: Callable[[], Office] | None) -> Callable[[], Office] | None:
    """Choose who knows the settings, and return who was chosen before."""
    global _provider  # one installation per process
    before, _provider = _provider, provider
    return before


def sender() -> str:
    """Return the address that every letter comes from, "" where there is none."""
    return _provider().sender if _provider is not None else ""


def is_sandbox() -> bool:
    """Say whether everything that would leave is held back."""
    return _provider is not None and _provider().is_sandbox


def ready(*, has_own: bool = False) -> Office:
    """Return the office; DomainError when no letter can leave it. `has_own`: by a company's own mail server it can."""
    if _provider is None:
        raise DomainError(_("No mail server is set up: CRM_SMTP_URL"))
    office = _provider()
    if office.problem is not None and not has_own:
        raise DomainError(office.problem)
    return office
