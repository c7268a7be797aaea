"""Sales: what was invoiced less credit notes, by time, person, team, product, category, source or client.

Net amounts, by the day of issue; drafts do not count. By product and category the lines count; what discounts and
charges of whole documents make of them is a row of its own, so that all ways come to the same total. Where it is
compared, figures of the former period stand beside those of the part that they belong to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app import money
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.product import Product
from app.models.product_category import ProductCategory
from app.models.team import Team
from app.services import report_frame as frame
from app.services import report_period as periods
from app.services.report_frame import (
    MONEY,
    ORGANISATION,
    PERIOD,
    PERSON,
    TEAM,
    ZERO,
    Asked,
    Asks,
    Behind,
    Column,
    Drawing,
    Group,
    Kind,
    Parameter,
    Report,
    Result,
    Row,
)
from app.services.report_period import Former, Span

REST = "rest"  # what discounts and charges of whole documents come to
BY_LINE = ("product", "category")
WAYS = (
    ("time", _l("Time")),
    ("person", _l("Person")),
    ("team", _l("Team")),
    ("product", _l("Product")),
    ("category", _l("Category")),
    ("source", _l("Source")),
    ("party", _l("Client")),
)
GRAIN_CHOICES = (
    *(("day", _l("Day")), ("week", _l("Week")), ("month", _l("Month"))),
    *(("quarter", _l("Quarter")), ("year", _l("Year"))),
)
BY = Parameter("by", _l("By"), Asks.choice, usual="time", choices=WAYS)
GRAIN = Parameter("grain", _l("Grain"), Asks.choice, usual="month", choices=GRAIN_CHOICES)
COMPARED = Parameter(
    "compared",
    _l("Compared with"),
    Asks.choice,
    usual="none",
    choices=(("none", _l("nothing")), ("before", _l("the period before")), ("year", _l("a year ago"))),
)
MOST_EMPTY = 400  # so many parts without sales are shown as well
PARTY, OURS = Party.__table__.c, Organisation.__table__.c  # a document that is visible always shows its party
SIGNED = {InvoiceKind.credit_note: -1}


@dataclass
class Sum:
    """What was sold under one key in one currency, and in the period that it is compared with."""

    documents: int = 0
    net: Decimal = ZERO
    before: Decimal = ZERO


@dataclass
class Found:
    """The sums by key and currency, and what keys are called."""

    sums: dict[tuple[Any, str], Sum] = field(default_factory=dict)
    names: dict[Any, str] = field(default_factory=dict)

    def of(self, key: Any, code: str) -> Sum:  # noqa: ANN401 -- a day, the key of a record, a text
        """Return the sum under a key."""
        return self.sums.setdefault((key, code), Sum())


def find(session: Session, asked: Asked) -> Result:
    """Return the sales; statements: one, two by line, twice as many when compared."""
    span: Span = asked["period"]
    former = {"before": periods.before, "year": periods.year_ago}.get(asked["compared"])
    found, where = Found(), frame.cut(session, asked, Invoice)
    _gather(session, asked, found, where)
    before = former(span) if former is not None else None
    if before is not None:
        _gather(session, asked, found, where, before)
    if asked["by"] == "time":
        _fill(asked, found, span)
    return _told(asked, found, compared=before)


def _gather(session: Session, asked: Asked, found: Found, where: list[Any], former: Former | None = None) -> None:
    """Add what was sold in the period, or in the one that it is compared with."""
    by, how, span = asked["by"], asked["money"], former.span if former is not None else asked["period"]
    issued = [Invoice.state != InvoiceState.draft, Invoice.issued_on.between(span.first, span.last), *where]

    def add(key: Any, row: Any, net: Decimal, documents: int) -> None:  # noqa: ANN401
        code, amount = frame.valued(row, net * SIGNED.get(row.kind, 1), how)
        one = found.of(key, code)
        with money.exact():
            if former is None:
                one.net += amount
                one.documents += documents
            else:
                one.before += amount

    if by in BY_LINE:
        for row in session.execute(_lines(by).where(*issued)):
            found.names[row.key] = row.name or (_("Without a product") if by == "product" else _("Without a category"))
            add(row.key, row, row.net, row.documents)
            add(REST, row, -row.net, 0)
        for row in session.execute(_documents("rest").where(*issued)):
            add(REST, row, row.net, 0)
        return
    for row in session.execute(_documents(by).where(*issued)):
        key = row.key
        if by == "time":
            key = periods.start_of(former.moved(key) if former else key, asked["grain"])
        else:
            found.names[key] = _name(by, row)
        add(key, row, row.net, row.documents)


def _documents(by: str) -> Select[Any]:
    """Return the sums of documents by what is asked for, kind, currency and rate."""
    money_of = (Invoice.kind, Invoice.currency, Invoice.exchange_rate, OURS.currency.label("home"))
    keys: dict[str, tuple[Any, ...]] = {
        "time": (Invoice.issued_on.label("key"),),
        "person": (Invoice.owner_id.label("key"), User.first_name, User.last_name),
        "team": (Invoice.team_id.label("key"), Team.name),
        "source": (Party.source.label("key"),),
        "party": (Invoice.party_id.label("key"), PARTY.name),
        "rest": (),
    }
    sums = func.count(Invoice.id).label("documents"), func.sum(Invoice.net).label("net")
    asked = select(*keys[by], *money_of, *sums).select_from(Invoice)
    asked = asked.join(Organisation.__table__, OURS.id == Invoice.organisation_id)
    if by == "person":
        asked = asked.outerjoin(User, User.id == Invoice.owner_id)
    elif by == "team":
        asked = asked.outerjoin(Team, Team.id == Invoice.team_id)
    elif by == "source":
        asked = asked.outerjoin(Party, Party.id == Invoice.party_id)  # of those that the reader sees
    elif by == "party":
        asked = asked.join(Party.__table__, PARTY.id == Invoice.party_id)
    return asked.group_by(*keys[by], *money_of)


def _lines(by: str) -> Select[Any]:
    """Return the sums of lines by product or by its category."""
    money_of = (Invoice.kind, Invoice.currency, Invoice.exchange_rate, OURS.currency.label("home"))
    key, name = (
        (InvoiceLine.product_id, Product.name) if by == "product" else (Product.category_id, ProductCategory.path)
    )
    documents, net = func.count(Invoice.id.distinct()), func.sum(InvoiceLine.net)
    return (
        select(key.label("key"), name.label("name"), *money_of, documents.label("documents"), net.label("net"))
        .select_from(Invoice)
        .join(Organisation.__table__, OURS.id == Invoice.organisation_id)
        .join(InvoiceLine, InvoiceLine.invoice_id == Invoice.id)
        .outerjoin(Product, Product.id == InvoiceLine.product_id)
        .outerjoin(ProductCategory, ProductCategory.id == Product.category_id)
        .group_by(key, name, *money_of)
    )


def _name(by: str, row: Any) -> str:  # noqa: ANN401 -- a row of documents
    if by == "person":
        return f"{row.first_name or ''} {row.last_name or ''}".strip() or _("Nobody")
    if by == "team":
        return row.name or _("Without a team")
    return (row.key or _("Unknown source")) if by == "source" else str(row.name)


def _fill(asked: Asked, found: Found, span: Span) -> None:
    """Add the parts of the period in which nothing was sold."""
    starts = [*span.starts(asked["grain"])]
    if len(starts) <= MOST_EMPTY:
        for code in {code for _key, code in found.sums}:
            for start in starts:
                found.of(start, code)


# --- told -------------------------------------------------------------------------------------------------------------


def _told(asked: Asked, found: Found, *, compared: Former | None) -> Result:
    by = asked["by"]
    heads: tuple[Column, ...] = (
        Column("key", dict(WAYS)[by], Kind.day, grain=asked["grain"])
        if by == "time"
        else Column("key", dict(WAYS)[by]),
        Column("documents", _l("Documents"), Kind.number, is_summed=by not in BY_LINE),
        Column("net", _l("Net"), Kind.amount, is_summed=True),
        Column("share", _l("Share"), Kind.percent),
    )
    if compared is not None:
        heads += (
            Column("before", _l("Before"), Kind.amount, is_summed=True),
            Column("change", _l("Difference"), Kind.amount, is_summed=True),
            Column("growth", _l("Change in percent"), Kind.percent),
        )

    def after(row: Row, whole: Row) -> Row:
        values = [*row.cells]
        values[3] = frame.share(values[2], whole.cells[2]) if whole.cells[2] > 0 else None
        if compared is not None:
            values[6] = frame.share(values[5], values[4]) if values[4] > 0 else None
        return Row(tuple(values), row.currency, row.behind)

    rows = list(_rows(asked, found, is_compared=compared is not None))
    notes = []
    if by in BY_LINE:
        notes.append(_("A document with several of them is counted with each."))
    if asked["money"] == frame.HOME:
        notes.append(_("Amounts in other currencies count at the rate of their document."))
    drawn = Drawing(
        "key", ("net", "before") if compared is not None and by == "time" else ("net",), in_time=by == "time"
    )
    return frame.result(heads, rows, notes=notes if rows else [], drawing=drawn, after=after)


def _rows(asked: Asked, found: Found, *, is_compared: bool) -> Iterator[Row]:
    by = asked["by"]
    for (key, code), one in sorted(found.sums.items(), key=lambda pair: _place(by, found, pair)):
        if key == REST and not one.net and not one.before:
            continue
        label = key if by == "time" else found.names.get(key, _("Discounts and charges of whole documents"))
        values: tuple[Any, ...] = (label, one.documents, one.net, None)
        if is_compared:
            with money.exact():
                values += (one.before, one.net - one.before, None)
        yield Row(values, code, _behind(asked, key, code))


def _place(by: str, found: Found, pair: tuple[tuple[Any, str], Sum]) -> tuple[Any, ...]:
    (key, code), one = pair
    if by == "time":
        return (code, key)
    return (code, key == REST, -one.net, str(found.names.get(key, "")))


def _behind(asked: Asked, key: Any, code: str) -> dict[str, Behind]:  # noqa: ANN401
    """Return the list of the documents behind a row, and the record that it is about."""
    by, span = asked["by"], asked["period"]
    if by == "time":
        span = span.part(key, asked["grain"])
    of: dict[str, tuple[tuple[str, str], ...]] = {
        "time": (),
        "person": (("owner.empty", "1"),) if key is None else (("owner.eq", str(key)),),
        "team": (("team.empty", "1"),) if key is None else (("team.eq", str(key)),),
        "party": (("party.eq", str(key)),),
    }
    found = {}
    if by in of:
        days = (("issued_on.ge", span.first.isoformat()), ("issued_on.le", span.last.isoformat()))
        written = (("currency.eq", code),) if asked["money"] == frame.WRITTEN else ()
        where = (*days, ("state.neq", "draft"), *written, *_others(asked, by), *of[by])
        found["documents"] = Behind("invoice", where)
    if by in {"party", "product"} and isinstance(key, int):
        found["key"] = Behind(by, record_id=key)
    return found


def _others(asked: Asked, by: str) -> Iterable[tuple[str, str]]:
    """Return the filters of company, person and team, as far as the row does not say it closer."""
    closer = {"person": "owner.", "team": "team."}.get(by)
    return [pair for pair in frame.whose(asked) if closer is None or not pair[0].startswith(closer)]


REPORT = Report(
    "sales",
    Group.sales,
    _l("Sales"),
    _l("What was invoiced less credit notes, by time, person, team, product, category, source or client."),
    ("invoice",),
    (PERIOD, BY, GRAIN, COMPARED, ORGANISATION, TEAM, PERSON, MONEY),
    find,
)
