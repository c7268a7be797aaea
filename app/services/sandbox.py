"""The sandbox: while it is on, nothing leaves, and everything is written down as what would have been sent."""

from sqlalchemy.orm import Session

from app.models.setting import Setting

NAME = "sandbox"


def is_on(session: Session) -> bool:
    """Say whether everything that would leave is held back."""
    row = session.get(Setting, NAME)
    return row is not None and bool(row.value)


def switch(session: Session, *, on: bool) -> None:
    """Hold everything back from now on, or let it go; what was held back stays until somebody sends it."""
    row = session.get(Setting, NAME)
    if row is None:
        row = Setting(name=NAME, value=on)
        session.add(row)
    row.value = on
    session.flush()
