"""What links in automatic letters mean: that one was opened, or a link of it followed; noted the first time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.models.contact_rule import RuleOccurrence
from app.models.letter import Letter
from app.services import access
from app.services.mailing_link import RULE_CLICK, Meant
from app.services.preference import GUEST
from app.services.rule_heard import LEFT


@contextmanager
def followed(session: Session, meant: Meant, *, at: datetime) -> Iterator[RuleOccurrence | None]:
    """Note that somebody opened a letter or followed a link of it; give its occasion, if the letter ever left.

    Whoever clicks has opened it, whether his program shows pictures or not. Inside nothing but the letter is asked for.
    """
    with (
        access.acting(session, GUEST),
        access.everything(session, why="who follows a link of a letter is no user, and sees that letter"),
    ):
        left = select(Letter.id).where(Letter.state.in_(LEFT))
        wanted = RuleOccurrence.id == meant.recipient_id, RuleOccurrence.letter_id.in_(left)
        one = session.scalars(select(RuleOccurrence).where(*wanted)).one_or_none()
        names = ("opened_at", "clicked_at") if meant.act == RULE_CLICK else ("opened_at",)
        for name in names if one is not None else ():
            column = getattr(RuleOccurrence, name)
            first = update(RuleOccurrence).where(RuleOccurrence.id == meant.recipient_id, column.is_(None))
            session.execute(first.values({name: at}).execution_options(synchronize_session=False))
        yield one
