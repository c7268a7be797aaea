"""The list of first steps on an administrator's start page: each finds out by the data whether it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.services import onboarding
from app.web import settings

May = Callable[[str, str], bool]


@dataclass(frozen=True)
class Step:
    """One step: what to do, why, and the screen for it; `other` is a second way, as (text, address)."""

    name: str
    label: str
    why: str
    url: str
    icon: str
    is_done: bool
    other: tuple[str, str] | None = None

    @property
    def key(self) -> str:
        """Return the name under which the reader's profile remembers that it is dismissed."""
        return f"start:{self.name}"

    @property
    def is_away(self) -> bool:
        """Say whether the reader has dismissed it."""
        return settings.is_away(self.key)


def is_for(may: May) -> bool:
    """Say whether the reader is somebody who sets the program up."""
    return may("organisation", "add") and may("user", "add")


def steps(session: Session, config: Mapping[str, Any], may: May) -> list[Step]:
    """Return the steps in the order in which one takes them."""
    has = onboarding.standing(session)
    company = f"/organisation/edit/{has.organisation_id}" if has.company else "/organisation/add"
    imports = (_("or import a list"), "/party/import/") if may("party", "import") and may("import_run", "see") else None
    mail = bool(config.get("CRM_SMTP_URL"))
    return [
        Step(
            "company",
            _("Enter your company"),
            _("Its name, address and tax number stand on every document."),
            company,
            "landmark",
            has.company,
        ),
        Step(
            "bank",
            _("Add a bank account"),
            _("Customers see on the invoice where to pay."),
            company,
            "credit-card",
            has.bank,
        ),
        Step(
            "mail",
            _("Connect your mail server"),
            _("Invoices then go out by e-mail. It is set where the program is started: CRM_SMTP_URL."),
            "/help/mail/",
            "mail",
            mail,
        ),
        Step(
            "users",
            _("Invite your colleagues"),
            _("Each gets a role, which says what he sees and may do."),
            "/user/add",
            "user-plus",
            has.users,
        ),
        Step(
            "party",
            _("Add your first customer"),
            _("Type one in, or bring all of them from a spreadsheet."),
            "/party/add",
            "building-2",
            has.party,
            imports,
        ),
        Step(
            "order",
            _("Write your first order"),
            _("What was agreed; invoices are made from it with one click."),
            "/order/add",
            "shopping-cart",
            has.order,
        ),
        Step(
            "invoice",
            _("Issue your first invoice"),
            _("It gets its number, its PDF, and goes out by e-mail."),
            "/invoice/add",
            "receipt",
            has.invoice,
        ),
    ]
