"""Setting a company up: everything that its first invoice needs, in one go."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.number_series import NumberSeries, Restart, SeriesKind
from app.models.organisation import Organisation, OrganisationBankAccount
from app.models.payment_term import PaymentTerm
from app.models.team import Team
from app.services import number as numbers
from app.services import organisation as organisations
from app.services import payment_term as payment_terms
from app.services import tax as taxes
from app.services import unit as units


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
    """Store an organisation with its bank account, taxes, units, payment terms, number series and first team.

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
    session.flush()
    return organisation


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
