"""Rules of our own companies: the same numbers, the same checks as for counterparties."""

from collections.abc import Callable
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.organisation import Organisation, OrganisationBankAccount
from app.services import channel as channels
from app.services import identifier as identifiers

MOST_OVER = 100


def first(session: Session) -> Organisation | None:
    """Return our company, of several the one that was there first."""
    return session.scalar(select(Organisation).order_by(Organisation.id).limit(1))


def save(session: Session, organisation: Organisation) -> None:  # noqa: ARG001 -- every service takes its session
    """Bring an organisation's numbers into their normal form.

    Raises Refusals with all that is wrong, each at its field.
    """
    errors: dict[str, list[str]] = {}
    organisation.name = (organisation.name or "").strip()
    if not organisation.name:
        errors["name"] = [_("This field is required")]
    country = organisation.country or ""
    rules: dict[str, Callable[[str], str]] = {
        "tax_number": lambda text: identifiers.normalise_tax_number(country, "company", text),
        "tax_branch": lambda text: identifiers.normalise_tax_branch(country, text),
        "registration_number": lambda text: identifiers.normalise_registration_number(country, "company", text),
        "phone": lambda text: channels.normalise_phone(text, country),
        "email": channels.normalise_email,
        "website": channels.normalise_website,
    }
    for name, rule in rules.items():
        typed = getattr(organisation, name)
        if typed and typed.strip():
            try:
                setattr(organisation, name, rule(typed))
            except DomainError as refusal:
                errors.setdefault(name, []).append(refusal.text)
    over = organisation.over_percent
    if over is not None and not 0 <= over <= MOST_OVER:
        errors["over_percent"] = [_("A tolerance is between 0 and 100 percent")]
    for at, account in enumerate(organisation.bank_accounts):
        _check_account(account, f"bank_accounts-{at}-", country, errors)
    if errors:
        raise Refusals(errors)


def _check_account(account: OrganisationBankAccount, prefix: str, country: str, errors: dict[str, list[str]]) -> None:
    rules: dict[str, Callable[[str], str]] = {
        "iban": lambda text: identifiers.normalise_iban(text, field="iban"),
        "bic": lambda text: identifiers.normalise_bic(text, field="bic"),
        "bik": lambda text: identifiers.normalise_bik(text, field="bik"),
        "account": lambda text: identifiers.normalise_account(country, text, bik=account.bik, field="account"),
        "correspondent_account": lambda text: identifiers.normalise_correspondent_account(
            text, bik=account.bik, field="correspondent_account"
        ),
    }
    for name, rule in rules.items():
        typed = getattr(account, name)
        if typed and typed.strip():
            try:
                setattr(account, name, rule(typed))
            except DomainError as refusal:
                errors.setdefault(prefix + name, []).append(refusal.text)
    account.fee_tolerance = account.fee_tolerance or Decimal(0)
    if account.fee_tolerance < 0:
        errors.setdefault(f"{prefix}fee_tolerance", []).append(_("This cannot be below zero"))
    if not account.iban and not account.account:
        errors.setdefault(prefix + "iban", []).append(_("Give an IBAN or an account number"))
