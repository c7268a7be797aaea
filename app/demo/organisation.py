"""The demo's own company: a trading house in a Dutch port town."""

from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.demo import numbers
from app.demo.team import DOMAIN
from app.models.organisation import Organisation, OrganisationBankAccount
from app.services.set_up import set_up

NAME = "Handelshuis Houtkade"


def ensure(session: Session) -> Organisation:
    """Return the demo's company with everything that its invoices need, making what is missing."""
    found = session.execute(select(Organisation).where(Organisation.name == NAME)).scalar_one_or_none()
    if found is not None:
        return set_up(session, found)
    random = Random(NAME)  # noqa: S311 -- the same demo every time
    made = Organisation(
        name=NAME,
        legal_name=f"{NAME} B.V.",
        country="NL",
        currency="EUR",
        language="nl",
        time_zone="Europe/Amsterdam",
        tax_number=f"NL{numbers.rsin(numbers.serial(-1))}B01",
        registration_number=numbers.digits(random, 8),
        street="Veenkade 12",
        postal_code="3011 HK",
        city="Rotterdam",
        region="Zuid-Holland",
        phone="+31105550100",
        email=f"post@{DOMAIN}",
        website=f"https://www.{DOMAIN}",
    )
    account = OrganisationBankAccount(
        iban=numbers.iban(random, "NL"), bic=numbers.BICS["NL"], bank_name="Demobank Nederland", currency="EUR"
    )
    return set_up(session, made, account=account)
