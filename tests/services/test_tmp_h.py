from datetime import UTC, datetime
from app.services import invoice as invoices
from app.services import document
from sqlalchemy import inspect
import pytest
@pytest.mark.usefixtures("chain_key")
def test_x(session, made):
    o = made.invoice()
    session.commit()
    o = session.get(type(o), o.id)
    with session.no_autoflush:
        invoices.save(session, o)
    for l in [o, *o.lines]:
        for a in inspect(l).attrs:
            if a.history.has_changes(): print(type(l).__name__, a.key, a.history)
