"""The demo company: plausible in four languages, the same every time, nothing and nobody in it is real.

`fill` makes everything; each kind of record has a module of its own with a function that adds what is missing, so that
a larger demo continues a smaller one. A further kind of record is one more module and one more line there; payments
belong into the plan of `trade`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.demo import (
    automatic,
    bank,
    catalogue,
    contract,
    deal,
    goals,
    kinship,
    lead,
    mailing,
    organisation,
    papers,
    party,
    plans,
    prices,
    reminders,
    segments,
    shop_payment,
    team,
    trade,
    webshop,
)
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.party import Party
from app.services import access, find

PARTIES: dict[str, int] = {"small": 160, "100k": 100_000}
SHOP = 1000  # so many counterparties, and the company has a web shop: as many invoices again
CHUNK = 5_000

Progress = Callable[[int, int], None]


@dataclass
class Filled:
    """What was made: records added by stem, and the passwords of new accounts, to be shown once."""

    added: dict[str, int] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)


def fill(
    session: Session, *, size: str | int, password: str | None, today: date, progress: Progress | None = None
) -> Filled:
    """Fill a database with the demo company, or enlarge the one that it holds; run it in a unit of work.

    `size` is one of `PARTIES`, or a number of counterparties; `today` is the day that the records lead up to.
    `progress(done, total)` is called as counterparties are written.
    Raises DomainError when the database holds a company's own counterparties.
    """
    with access.everything(session, why="the demo is made for all to see, and must not mix with a company's own data"):
        _refuse_own_data(session)
        done = Filled()
        people, done.passwords = team.ensure(session, password=password)
        company = organisation.ensure(session)
        total = size if isinstance(size, int) else PARTIES[size]

        def tell(count: int) -> None:
            if progress is not None:
                progress(count, total)

        done.added["party"] = party.add_up_to(session, total, people=people, today=today, chunk=CHUNK, tell=tell)
        wares, done.added["product"] = catalogue.ensure(session)
        done.added |= trade.ensure(session, organisation=company, products=wares, people=people, today=today)
        done.added |= plans.ensure(session, people=people, today=today)
        done.added["deal"] = deal.ensure(session, products=wares, people=people, today=today)
        done.added["contract"] = contract.ensure(session, organisation=company, people=people, today=today)
        done.added["made_document"] = papers.ensure(session, organisation=company, people=people, today=today)
        if done.added["order"] or done.added["deal"]:
            trade.let_work_begin_now(session)
        done.added |= lead.ensure(session, people=people, today=today)
        for stem, count in prices.ensure(session, wares=wares, today=today).items():
            done.added[stem] = done.added.get(stem, 0) + count
        if total >= SHOP:
            sold = webshop.add_up_to(session, total, organisation=company, products=wares, people=people, today=today)
            for issued in sold:
                done.added["invoice"] += len(issued)
                done.added["payment"] += shop_payment.pay(
                    session, issued, organisation=company, by_id=people.ids["accountant"], today=today
                )
        done.added["sales_plan"] = goals.ensure(session, people=people, today=today)
        done.added["segment"] = segments.ensure(session, people=people)
        for stem, count in mailing.ensure(session, organisation=company, people=people, today=today).items():
            done.added[stem] = done.added.get(stem, 0) + count
        done.added["contact_rule"] = automatic.ensure(session, organisation=company, today=today)
        done.added["reminder_level"] = reminders.ensure(session, organisation=company, today=today)
        done.added["bank_statement"] = bank.ensure(session, organisation=company, today=today)
        done.added["party"] += kinship.ensure(session, today=today, counts=total < SHOP)
        for stem in ("party", "invoice", "payment") if total >= SHOP else ("party",):  # written in bulk
            find.rebuild(session, stem)
    return done


def _refuse_own_data(session: Session) -> None:
    own = select(Party.id).where(or_(Party.external_id.is_(None), Party.external_id.not_like(f"{party.MARK}%")))
    if session.execute(select(func.count()).select_from(own.limit(1).subquery())).scalar_one():
        raise DomainError(_("This database holds parties of your own; the demo company needs a database of its own"))


__all__ = ["PARTIES", "Filled", "Progress", "fill"]
