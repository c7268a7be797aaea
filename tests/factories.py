"""Factories: the people and records that tests speak of."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.models.contract import Contract
from app.models.deal import Deal
from app.models.export_run import ExportFormat, ExportKind, ExportRun, ExportState
from app.models.invoice import Invoice, InvoiceLine
from app.models.lead import Lead
from app.models.organisation import Organisation, OrganisationBankAccount
from app.models.party import Party, PartyAddress
from app.models.payment import Payment
from app.models.pipeline import Pipeline, Stage, StageType
from app.models.product import Product
from app.models.quote import Quote, QuoteLine
from app.models.sale_order import SaleOrder, SaleOrderLine
from app.models.tax import Tax
from app.models.team import Team
from app.services import access
from app.services import contract as contracts
from app.services import contract_signing as signing
from app.services import deal as deals
from app.services import invoice as invoices
from app.services import lead as leads
from app.services import number as numbers
from app.services import organisation as organisations
from app.services import party as parties
from app.services import payment as payments
from app.services import pipeline as pipelines
from app.services import product as products
from app.services import quote as quotes
from app.services import sale_order as orders
from app.services import tax as taxes
from app.services import unit as units
from app.services import user as users

# user name → (role, team, first name, last name); "north" and "south" are teams below "sales", headed by head
PEOPLE = {
    "head": ("Head of sales", "sales", "Helena", "Head"),
    "manager": ("Sales manager", "north", "Mark", "Manager"),
    "manager2": ("Sales manager", "south", "Maria", "Manager"),
    "accountant": ("Accountant", None, "Ada", "Accountant"),
    "marketer": ("Marketer", None, "Max", "Marketer"),
    "office": ("Back office", None, "Olga", "Office"),
    "support": ("Support agent", None, "Saskia", "Support"),
    "warehouse": ("Warehouse", None, "Willem", "Warehouse"),
    "robot": ("API client", None, "Robin", "Robot"),
    "auditor": ("Read-only auditor", None, "Aram", "Auditor"),
    "nobody": (None, None, "Nora", "Nobody"),
}


def make_users(session: Session, password: str) -> None:
    """Make one user per role, in two teams of one department."""
    sales = Team(name="sales")
    teams: dict[str | None, Team | None] = {None: None, "sales": sales}
    session.add(sales)
    session.flush()
    for name in ("north", "south"):
        teams[name] = Team(name=name, parent=sales)
        session.add(teams[name])
    session.flush()
    for name, (role, team, first, last) in PEOPLE.items():
        users.make(
            session,
            username=name,
            first_name=first,
            last_name=last,
            email=f"{name}@example.org",
            password=password,
            roles=[role] if role else [],
            team=teams[team],
        )
    sales.head = user(session, "head")
    session.flush()


def user(session: Session, name: str) -> User:
    """Return a user by name."""
    return session.execute(select(User).where(User.username == name)).unique().scalar_one()


class Made:
    """Makes records with plausible values; every value may be given."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def user(self, name: str) -> User:
        return user(self.session, name)

    def party(self, name: str = "Tulpen & Zonen B.V.", *, owner: str | None = None, **values: Any) -> Party:
        record = Party(**{"name": name, "country": "NL"} | values)
        if owner is not None:
            person = self.user(owner)
            record.owner = person
            record.team_id = person.profile.team_id
        parties.save(self.session, record)
        self.session.add(record)
        self.session.flush()
        return record

    def organisation(self, name: str = "Grachten Handel B.V.", *, series: bool = True, **values: Any) -> Organisation:
        """Our own company in Amsterdam, with everything that issuing needs."""
        given = {
            "name": name,
            "country": "NL",
            "currency": "EUR",
            "language": "nl",
            "time_zone": "Europe/Amsterdam",
            "tax_number": "NL854502130B01",
            "street": "Keizersgracht 1",
            "postal_code": "1015 CJ",
            "city": "Amsterdam",
        } | values
        record = Organisation(**given)
        record.bank_accounts.append(OrganisationBankAccount(iban="NL91ABNA0417164300"))
        organisations.save(self.session, record)
        self.session.add(record)
        self.session.flush()
        if series:
            numbers.make_defaults(self.session, record)
        return record

    def buyer(self, name: str = "Tulpen & Zonen B.V.", **values: Any) -> Party:
        """A counterparty with the address that an invoice needs."""
        party = self.party(name, **values)
        party.addresses.append(PartyAddress(street="Dorpsstraat 2", postal_code="2161 AB", city="Lisse", country="NL"))
        self.session.flush()
        return party

    def tax(self, code: str = "standard", country: str = "NL", rate: str | None = None) -> Tax:
        """One of the presets of a country: the last of its code, or the one with a rate."""
        found = [tax for tax in taxes.make_presets(self.session, country) if tax.code == code]
        return next(tax for tax in reversed(found) if rate is None or tax.rate == Decimal(rate))

    def product(self, name: str = "Tulip bulb", *, price: str = "10.00", **values: Any) -> Product:
        given: dict[str, Any] = {"name": name, "price": Decimal(price), "currency": "EUR"} | values
        if "tax" not in given:
            given["tax"] = self.tax()
        record = Product(**given)
        products.save(self.session, record)
        self.session.flush()
        return record

    def order(self, *lines: tuple[str, str], **values: Any) -> SaleOrder:
        """A draft order; a line is a quantity and a price, three at 10.00 when none is given."""
        record = SaleOrder(**self._document(values))
        record.lines = [SaleOrderLine(**line) for line in self._lines(lines or [("3", "10.00")], values.get("at_tax"))]
        orders.save(self.session, record)
        self.session.flush()
        return record

    def quote(self, *lines: tuple[str, str], **values: Any) -> Quote:
        """A draft quote in English; a line is a quantity and a price, three at 10.00 when none is given."""
        record = Quote(**{"language": "en"} | self._document(values))
        record.lines = [QuoteLine(**line) for line in self._lines(lines or [("3", "10.00")], values.get("at_tax"))]
        quotes.save(self.session, record)
        self.session.flush()
        return record

    def invoice(self, *lines: tuple[str, str], **values: Any) -> Invoice:
        """A draft invoice; a line is a quantity and a price, three at 10.00 when none is given."""
        record = Invoice(**self._document(values))
        record.lines = [InvoiceLine(**line) for line in self._lines(lines or [("3", "10.00")], values.get("at_tax"))]
        invoices.save(self.session, record)
        self.session.flush()
        return record

    def issued(self, *lines: tuple[str, str], on: date = date(2026, 3, 31), **values: Any) -> Invoice:
        """An invoice that was issued on a day, at noon."""
        record = self.invoice(*lines, **values)
        invoices.issue(self.session, record, at=datetime(on.year, on.month, on.day, 12, tzinfo=UTC))
        return record

    def contract(self, *, state: str = "draft", at: datetime | None = None, **values: Any) -> Contract:
        """A contract over 1,200.00 for the year 2026, brought to a state: draft, approved, sent or active."""
        moment = at or datetime(2026, 3, 31, 12, tzinfo=UTC)
        given = {"subject": "Care of the garden", "terms": "We water the tulips.", "currency": "EUR"}
        given |= {"amount": Decimal(1200), "language": "en"} | self._document(values)
        given = {"valid_from": date(2026, 1, 1), "valid_until": date(2026, 12, 31)} | given
        record = Contract(**given)
        contracts.save(self.session, record)
        self.session.flush()
        by = access.SYSTEM
        if state != "draft":
            contracts.submit(self.session, record)
            contracts.approve(self.session, record, at=moment, by=by)
        if state in {"sent", "active"}:
            contracts.send(self.session, record, at=moment)
        if state == "active":
            signing.sign_ours(self.session, record, at=moment, by=by, name="Willem")
            signing.sign_theirs(self.session, record, at=moment, by=by, name="Anna de Vries")
        return record

    def payment(self, amount: str = "10.00", *, on: date = date(2026, 3, 31), **values: Any) -> Payment:
        """A recorded receipt of a day."""
        given = {"amount": Decimal(amount), "paid_on": on, "currency": "EUR"} | self._document(values)
        record = Payment(**given)
        payments.save(self.session, record, at=datetime(on.year, on.month, on.day, 12, tzinfo=UTC))
        self.session.flush()
        return record

    def export_run(self, owner: str, *, rows: int = 1, at: datetime | None = None, **values: Any) -> ExportRun:
        """What somebody took away as a file."""
        person, moment = self.user(owner), at or clock.now()
        given = {"kind": ExportKind.list, "area": "party", "entity": "party", "format": ExportFormat.csv} | values
        given = {"state": ExportState.done, "rows": rows, "expected_rows": rows} | given
        record = ExportRun(owner_id=person.id, team_id=person.profile.team_id, created_at=moment, **given)
        self.session.add(record)
        self.session.flush()
        return record

    def _document(self, values: dict[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in values.items() if name != "at_tax"}
        if "organisation" not in given:
            given["organisation"] = self.session.scalar(select(Organisation).limit(1)) or self.organisation()
        if "party" not in given:
            given["party"] = self.buyer()
        return given

    def _lines(self, lines: Iterable[tuple[str, str]], tax: Tax | None) -> list[dict[str, Any]]:
        chosen = tax or self.tax()
        unit = units.known(self.session)
        return [
            {
                "text": f"Line {at + 1}",
                "quantity": Decimal(quantity),
                "unit": unit if Decimal(quantity) == int(Decimal(quantity)) else units.known(self.session, "KGM"),
                "unit_price": Decimal(price),
                "tax": chosen,
            }
            for at, (quantity, price) in enumerate(lines)
        ]

    def lead(self, name: str = "Anna", **values: Any) -> Lead:
        """Somebody who has asked, noted by hand."""
        record = Lead(**{"name": name, "email": "anna@bloem.example"} | values)
        leads.save(self.session, record, at=clock.now())
        record.owner, record.team = values.get("owner"), values.get("team")
        self.session.flush()
        return record

    def pipeline(self, name: str = "Sales", **values: Any) -> Pipeline:
        """A pipeline with three open stages, the default one when it is the first."""
        record = Pipeline(name=name, **values)
        record.stages = [
            Stage(name="New", probability=10, norm_minutes=480),
            Stage(name="Offer", probability=50, norm_minutes=960),
            Stage(name="Talks", probability=75),
            Stage(name="Won", type=StageType.won),
            Stage(name="Lost", type=StageType.lost),
        ]
        pipelines.save(self.session, record)
        self.session.flush()
        return record

    def deal(self, title: str = "Bulbs for the park", *, owner: str | None = "manager", **values: Any) -> Deal:
        """A deal in the first stage of the default pipeline, which is made where there is none."""
        if "pipeline" not in values and pipelines.default(self.session) is None:
            self.pipeline()
        about: dict[str, Any] = {"at": clock.now(), "by": None, "currency": "EUR"} | values
        about["party"] = about.get("party") or self.party(owner=owner)
        if owner is not None:
            person = self.user(owner)
            about |= {"owner_id": person.id, "team_id": person.profile.team_id}
        return deals.place(self.session, title=title, **about)
