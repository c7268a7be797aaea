"""Won and lost: what became of the deals that were closed in a period, and why those that were lost were.

Deals count in the currency they are written in; one without an amount counts as a deal, and its amount as nothing.
"""

from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.i18n import label_of
from app.i18n import lazy_gettext as _l
from app.models.deal import Deal
from app.models.lost_reason import LostReason
from app.models.pipeline import StageType
from app.services import report_frame as frame
from app.services.report_frame import (
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
from app.services.report_funnel import bounds

PERIOD = Parameter("period", _l("Closed in"), Asks.period, usual="this_year")
PIPELINE = Parameter("pipeline", _l("Pipeline"), Asks.pipeline)


def find(session: Session, asked: Asked) -> Result:
    """Return the outcomes; one statement."""
    begins, ends = bounds(asked["period"], asked)
    counts = (func.count(Deal.id).label("deals"), func.count(Deal.amount).label("valued"))
    by = (Deal.state, Deal.lost_reason_id, LostReason.name.label("reason"), Deal.currency)
    found = (
        select(*by, *counts, func.sum(Deal.amount).label("amount"))
        .outerjoin(LostReason, LostReason.id == Deal.lost_reason_id)
        .where(
            Deal.state != StageType.open,
            Deal.closed_at >= begins,
            Deal.closed_at < ends,
            *frame.cut(session, asked, Deal),
        )
        .group_by(*by)
    )
    if asked["pipeline"] is not None:
        found = found.where(Deal.pipeline_id == asked["pipeline"])
    heads = (
        Column("reason", _l("Outcome")),
        Column("deals", _l("Deals"), Kind.number, is_summed=True),
        Column("share", _l("Share of deals"), Kind.percent),
        Column("amount", _l("Amount"), Kind.amount, is_summed=True),
        Column("value_share", _l("Share of the amount"), Kind.percent),
        Column("unvalued", _l("Without an amount"), Kind.number, is_summed=True),
    )
    read = sorted(
        session.execute(found), key=lambda row: (row.currency, row.state != StageType.won, -row.deals, row.reason or "")
    )
    rows = []
    for row in read:
        name = label_of(row.state) if row.reason is None else _("Lost: %(reason)s", reason=row.reason)
        amount: Decimal = row.amount or ZERO
        values = (name, row.deals, None, amount, None, row.deals - row.valued)
        rows.append(Row(values, row.currency, {"deals": _behind(asked, row.state, row.lost_reason_id, row.currency)}))

    def after(row: Row, whole: Row) -> Row:
        values = [*row.cells]
        values[2] = frame.share(values[1], whole.cells[1])
        values[4] = frame.share(values[3], whole.cells[3])
        return Row(tuple(values), row.currency, row.behind)

    return frame.result(heads, rows, drawing=Drawing("reason", ("deals",)), after=after)


def _behind(asked: Asked, state: StageType, reason_id: int | None, currency: str) -> Behind:
    begins, ends = (moment.isoformat() for moment in bounds(asked["period"], asked))
    where = [("state.eq", state.value), ("currency.eq", currency)]
    if reason_id is not None:
        where.append(("lost_reason.eq", str(reason_id)))
    if asked["pipeline"] is not None:
        where.append(("pipeline.eq", str(asked["pipeline"])))
    return Behind("deal", (("closed_at.ge", begins), ("closed_at.lt", ends), *where, *frame.whose(asked)))


REPORT = Report(
    "outcome",
    Group.deals,
    _l("Won and lost"),
    _l("What became of the deals that were closed in a period, and why the lost ones were lost."),
    ("deal",),
    (PERIOD, PIPELINE, TEAM, PERSON),
    find,
)
