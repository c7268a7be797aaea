"""Setting a company up: everything that its first invoice needs, in one go."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import in_language
from app.models.number_series import NumberSeries, Restart, SeriesKind
from app.models.organisation import Organisation, OrganisationBankAccount
from app.models.payment_term import PaymentTerm
from app.models.team import Team
from app.services import identifier as identifiers
from app.services import number as numbers
from app.services import organisation as organisations
from app.services import payment_term as payment_terms
from app.services import pipeline as pipelines
from app.services import tax as taxes
from app.services import unit as units
from app.services.party_rules import known_countries


@dataclass(frozen=True)
class Custom:
    """What is usual in a country."""

    currency: str
    language: str
    time_zone: str
    days: int
    invoice_prefix: str
    credit_prefix: str


USUAL = {
    "NL": Custom("EUR", "nl", "Europe/Amsterdam", 30, "", "C"),
    "RU": Custom("RUB", "ru", "Europe/Moscow", 5, "", "К"),
    "AM": Custom("AMD", "hy", "Asia/Yerevan", 10, "", "Կ"),
}
ELSEWHERE = Custom("EUR", "en", "UTC", 30, "", "C")


def usual(country: str) -> Custom:
    """Return what is usual in a country."""
    return USUAL.get(country, ELSEWHERE)


def set_up(
    session: Session, organisation: Organisation, *, account: OrganisationBankAccount | None = None
) -> Organisation:
    """Store an organisation with its bank account, taxes, units, payment terms, number series, team and pipeline.

    What is there already is kept. Raises Refusals at the organisation's fields.
    """
    custom = usual(organisation.country)
    organisation.currency = organisation.currency or custom.currency
    organisation.language = organisation.language or custom.language
    organisation.time_zone = organisation.time_zone or custom.time_zone
    if account is not None and (account.iban or account.account):
        organisation.bank_accounts.append(account)
    organisations.save(session, organisation)
    session.add(organisation)
    session.flush()
    taxes.make_presets(session, organisation.country)
    units.make_known(session)
    organisation.payment_term = organisation.payment_term or _term(session, custom.days)
    _series(session, organisation, custom)
    if session.execute(select(Team.id).limit(1)).first() is None:
        session.add(Team(name=organisation.name[:120]))
    pipelines.make_first(session, organisation.language)
    session.flush()
    return organisation


def own_company(
    session: Session,
    country: str,
    *,
    name: str | None = None,
    about: Mapping[str, str | None] | None = None,
    bank: Mapping[str, str | None] | None = None,
) -> Organisation:
    """Set our own company up, or complete the one that stands: whatever is filled in already is kept.

    Without a name it is the company of that country, else a new one with a provisional name; what documents lack is
    named when they are issued. Shape: `about` and `bank` map columns of organisation and account to typed texts.
    Raises DomainError for an unknown country, Refusals at the fields.
    """
    country = country.strip().upper()
    if country not in known_countries():
        raise DomainError(_("“%(code)s” is no country; write NL, RU, AM …", code=country[:20]), field="country")
    with in_language(usual(country).language):
        provisional = _("My company")
    name = " ".join((name or "").split())
    ours = _standing(session, country, name, provisional) or Organisation(name=name or provisional, country=country)
    if name and ours.name == provisional:
        ours.name = name
    for column, text in (about or {}).items():
        if text and not getattr(ours, column):
            setattr(ours, column, text)
    return set_up(session, ours, account=_new_account(ours, bank or {}))


def _standing(session: Session, country: str, name: str, provisional: str) -> Organisation | None:
    """Return the company that is meant: by its name, or the only one that it can be."""
    if name:
        found = session.scalar(select(Organisation).where(Organisation.name == name))
        if found is not None and found.country != country:
            raise DomainError(_("“%(name)s” is there already, in another country", name=name), field="country")
        if found is not None:
            return found
    of_country = select(Organisation).where(Organisation.country == country).order_by(Organisation.id)
    return session.scalar((of_country.where(Organisation.name == provisional) if name else of_country).limit(1))


def _new_account(ours: Organisation, bank: Mapping[str, str | None]) -> OrganisationBankAccount | None:
    """Return an account to add, None when none was given or it is there already."""
    given = {column: text.strip() for column, text in bank.items() if text and text.strip()}
    if not given:
        return None
    iban, number = given.get("iban"), given.get("account")
    with suppress(DomainError):  # what is wrong with a new one is said when it is stored
        iban = identifiers.normalise_iban(iban, field="iban") if iban else None
        number = identifiers.normalise_account(ours.country, number, bik=given.get("bik")) if number else None
    known = {each.iban for each in ours.bank_accounts if iban} | {each.account for each in ours.bank_accounts if number}
    return None if {iban, number} & known - {None} else OrganisationBankAccount(**given)


def _term(session: Session, days: int) -> PaymentTerm:
    name = f"{days} days"
    found = session.execute(select(PaymentTerm).where(PaymentTerm.name == name)).scalar_one_or_none()
    if found is None:
        found = PaymentTerm(name=name, steps=[["days", days]])
        payment_terms.save(session, found)
        session.flush()
    return found


def _series(session: Session, organisation: Organisation, custom: Custom) -> None:
    wanted = {
        SeriesKind.invoice: custom.invoice_prefix,
        SeriesKind.credit_note: custom.credit_prefix,
        SeriesKind.sale_order: "S",
        SeriesKind.quote: "Q",
        SeriesKind.delivery: "D",
        SeriesKind.contract: "C",
    }
    for kind, prefix in wanted.items():
        if numbers.default(session, organisation, kind) is None:
            series = NumberSeries(
                organisation=organisation,
                kind=kind,
                prefix=prefix,
                pattern="{prefix}{year}-{n:05}",
                restart=Restart.yearly,
                is_default=True,
            )
            numbers.save(session, series)
            session.flush()
