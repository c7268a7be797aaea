"""Best sellers and ABC: what of the turnover each product or client brings, and in which class that puts it.

Ordered by net turnover; A is what the first `a` percent of it come from, B what goes on up to `b` percent, C the rest.
Whatever crosses an edge still belongs to the better class. What came to nothing or less is C.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import money
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.product import Product
from app.services import report_frame as frame
from app.services.report_frame import (
    HUNDRED,
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

PARTY, OURS = Party.__table__.c, Organisation.__table__.c  # a document that is visible always shows its party
BY = Parameter(
    "by", _l("By"), Asks.choice, usual="product", choices=(("product", _l("Product")), ("party", _l("Client")))
)
EDGE_A = Parameter("a", _l("A up to, percent"), Asks.whole, usual="80", within=(1, 99))
EDGE_B = Parameter("b", _l("B up to, percent"), Asks.whole, usual="95", within=(1, 100))


@dataclass
class Sum:
    """What one product or client brought; `quantities` by unit."""

    name: str
    net: Decimal = ZERO
    quantities: dict[int | None, Decimal] = field(default_factory=dict)

    @property
    def quantity(self) -> Decimal | None:
        """Return how much was sold, None where that is in several units."""
        found = [*self.quantities.values()]
        return found[0] if len(found) == 1 else None


def find(session: Session, asked: Asked) -> Result:
    """Return the best sellers; one statement."""
    found: dict[tuple[int, str], Sum] = {}
    is_product = asked["by"] == "product"
    for row in session.execute((_products if is_product else _clients)(session, asked)):
        sign = -1 if row.kind == InvoiceKind.credit_note else 1
        code, net = frame.valued(row, sign * row.net, asked["money"])
        one = found.setdefault((row.key, code), Sum(row.name))
        with money.exact():
            one.net += net
            if is_product:
                one.quantities[row.unit_id] = one.quantities.get(row.unit_id, ZERO) + sign * row.quantity
    heads = (
        Column("name", _l("Product") if is_product else _l("Client")),
        Column("place", _l("Place"), Kind.number),
        *((Column("quantity", _l("Quantity"), Kind.quantity),) if is_product else ()),
        Column("net", _l("Net"), Kind.amount, is_summed=True),
        Column("share", _l("Share"), Kind.percent),
        Column("running", _l("Running share"), Kind.percent),
        Column("class", _l("Class")),
    )
    rows = [row for code in sorted({code for _key, code in found}) for row in _ranked(asked, found, code)]
    notes = [_("Lines count with what stands in them, without discounts and charges of whole documents.")]
    if not is_product:
        notes = []
    return frame.result(heads, rows, notes=notes if rows else [], drawing=Drawing("name", ("net",)))


def _products(session: Session, asked: Asked) -> Any:  # noqa: ANN401
    sums = func.sum(InvoiceLine.net).label("net"), func.sum(InvoiceLine.quantity).label("quantity")
    about = (InvoiceLine.product_id.label("key"), Product.name, InvoiceLine.unit_id)
    of = (Invoice.kind, Invoice.currency, Invoice.exchange_rate, OURS.currency.label("home"))
    found = (
        select(*about, *of, *sums)
        .select_from(Invoice)
        .join(Organisation.__table__, OURS.id == Invoice.organisation_id)
        .join(InvoiceLine, InvoiceLine.invoice_id == Invoice.id)
        .join(Product, Product.id == InvoiceLine.product_id)
    )
    return found.where(*_counted(session, asked)).group_by(*about, *of)


def _clients(session: Session, asked: Asked) -> Any:  # noqa: ANN401
    about = (Invoice.party_id.label("key"), PARTY.name)
    of = (Invoice.kind, Invoice.currency, Invoice.exchange_rate, OURS.currency.label("home"))
    found = (
        select(*about, *of, func.sum(Invoice.net).label("net"))
        .select_from(Invoice)
        .join(Organisation.__table__, OURS.id == Invoice.organisation_id)
        .join(Party.__table__, PARTY.id == Invoice.party_id)
    )
    return found.where(*_counted(session, asked)).group_by(*about, *of)


def _counted(session: Session, asked: Asked) -> list[Any]:
    span = asked["period"]
    issued = [Invoice.state != InvoiceState.draft, Invoice.issued_on.between(span.first, span.last)]
    return [*issued, *frame.cut(session, asked, Invoice)]


def classes(nets: list[Decimal], a: int, b: int) -> list[tuple[Decimal | None, str]]:
    """Return of each net amount, from the greatest on, its running share in percent, and its class."""
    whole = sum((net for net in nets if net > 0), ZERO)
    found: list[tuple[Decimal | None, str]] = []
    with money.exact():
        so_far = ZERO
        for net in nets:
            reached = so_far * HUNDRED
            name = "C" if net <= 0 or reached >= b * whole else "A" if reached < a * whole else "B"
            so_far += max(net, ZERO)
            found.append((frame.share(so_far, whole), name))
    return found


def _ranked(asked: Asked, found: dict[tuple[int, str], Sum], code: str) -> list[Row]:
    by, span = asked["by"], asked["period"]
    mine = sorted(
        ((key, one) for (key, each), one in found.items() if each == code), key=lambda pair: (-pair[1].net, pair[0])
    )
    told = classes([one.net for _key, one in mine], asked["a"], max(asked["a"], asked["b"]))
    whole = sum((one.net for _key, one in mine if one.net > 0), ZERO)
    rows = []
    for place, ((key, one), (running, name)) in enumerate(zip(mine, told, strict=True), 1):
        quantity = (one.quantity,) if by == "product" else ()
        behind = {"name": Behind(by, record_id=key)}
        if by == "party":
            days = (("issued_on.ge", span.first.isoformat()), ("issued_on.le", span.last.isoformat()))
            written = (("currency.eq", code),) if asked["money"] == frame.WRITTEN else ()
            where = (*days, ("state.neq", "draft"), ("party.eq", str(key)), *written, *frame.whose(asked))
            behind["net"] = Behind("invoice", where)
        share = frame.share(one.net, whole) if one.net > 0 else None
        rows.append(Row((one.name, place, *quantity, one.net, share, running, name), code, behind))
    return rows


REPORT = Report(
    "best",
    Group.sales,
    _l("Best sellers and ABC"),
    _l("Which products or clients bring most of the turnover, and in which class that puts each."),
    ("invoice",),
    (PERIOD, BY, EDGE_A, EDGE_B, ORGANISATION, TEAM, PERSON, MONEY),
    find,
)
