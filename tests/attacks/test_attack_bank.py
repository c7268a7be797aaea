"""Files that pretend to be statements, and lines that are somebody else's: refused, with nothing changed."""

import io
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.bank_statement import BankLine, BankStatement, LineState
from app.models.payment import Payment
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made
from tests.fingerprint import unchanged

As = Callable[[str], Browser]
LOAD = "/bank_statement/upload"
CAMT = (Path(__file__).resolve().parent.parent / "data" / "bank" / "camt-08.xml").read_bytes()
LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (at, b"&l%d;" % (at - 1) * 10) for at in range(1, 10))
HEAD = b'<?xml version="1.0"?><!DOCTYPE Document [<!ENTITY l0 "lol">' + LAUGHS
MESSAGE = b""":20:X
:25:NL91ABNA0417164300
:28C:1
:60F:C260401EUR0,00
:61:2604010401C%bNTRFNONREF//B1
:86:%b
:62F:C260401EUR%b
-
"""


def message(text: bytes = b"INV-2026-00001", amount: bytes = b"100,00") -> bytes:
    return MESSAGE % (amount, text, amount)


def load(browser: Browser, content: bytes, name: str = "statement.xml") -> tuple[int, str]:
    answer = browser.post(LOAD, {"file": (io.BytesIO(content), name)}, content_type="multipart/form-data")
    return answer.status_code, answer.text


@pytest.fixture
def ours(made: Made, session: Session) -> None:
    made.organisation()
    made.issued(("1", "100.00"), at_tax=made.tax("zero"))
    session.commit()


@attack(225, "entities in the XML of a statement: a bomb, a file of the server, an address elsewhere")
@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize(
    "declared",
    [
        HEAD + b"]>",
        b'<?xml version="1.0"?><!DOCTYPE Document [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
        b'<?xml version="1.0"?><!DOCTYPE Document SYSTEM "http://127.0.0.1:9/evil.dtd">',
        b'<?xml version="1.0"?><!DOCTYPE Document [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>',
    ],
)
def test_entities_of_a_statement_are_refused(as_user: As, session: Session, declared: bytes):
    """A statement needs no document type; whatever declares one is refused, and nothing of it is resolved."""
    content = CAMT.replace(b'<?xml version="1.0" encoding="UTF-8"?>', declared).replace(b"E2E-7", b"&l9;")
    accountant = as_user("accountant")
    with unchanged(session):
        status, page = load(accountant, content)
        assert (status, "This file cannot be read" in page, "root:" in page) == (422, True, False)


@attack(226, "a ZIP of statements that unpacks to gigabytes")
@pytest.mark.usefixtures("ours")
def test_an_archive_that_grows_is_refused(as_user: As, session: Session):
    """What an archive unpacks to is limited before it is read."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("a.xml", b"<" * (51 << 20))
    accountant = as_user("accountant")
    with unchanged(session):
        status, page = load(accountant, made.getvalue(), "a.zip")
        assert (status, "the archive is broken, or too large when it is unpacked" in page) == (422, True)


@attack(227, "amounts of a statement that no column holds")
@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize("amount", [b"9" * 15 + b",00", b"9" * 4000 + b",00", b"1,00001", b"-5,00", b"1e9,0"])
def test_huge_and_odd_amounts_are_refused(as_user: As, session: Session, amount: bytes):
    """An amount is digits with a comma, as many as the books hold."""
    accountant = as_user("accountant")
    with unchanged(session):
        status, page = load(accountant, message(amount=amount), "x.sta")
        assert (status, "line 4" in page or "line 5" in page) == (422, True)


@attack(228, "text of a statement that is a script or a formula")
@pytest.mark.usefixtures("ours")
def test_text_of_a_statement_is_text(as_user: As, session: Session):
    """What the bank passes on was written by strangers: it is shown as text, and no table computes it."""
    evil = b"=HYPERLINK('x')<script>alert(1)</script>"
    accountant = as_user("accountant")
    assert load(accountant, message(text=evil), "x.sta")[0] == 302
    line = session.scalars(select(BankLine)).one()
    assert line.text == evil.decode()
    page = accountant.get(f"/bank_line/show/{line.id}").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    table = accountant.export("/bank_line/list/export?format=csv").get_data(as_text=True)
    assert "'=HYPERLINK" in table


@attack(229, "a line that is another one, or none: its number forged in the address and in the form")
@pytest.mark.usefixtures("ours")
def test_forged_numbers_of_lines_and_documents_find_nothing(as_user: As, session: Session, made: Made):
    """A document of another company of ours, or one that is not there, pays nothing and is paid by nothing."""
    other = made.organisation("Other B.V.")
    foreign = made.issued(("1", "100.00"), at_tax=made.tax("zero"), organisation=other)
    session.commit()
    accountant = as_user("accountant")
    load(accountant, message(), "x.sta")
    line = session.scalars(select(BankLine)).one()
    with unchanged(session):
        for address, form, status in (
            ("/bank_line/999999999/match", {"take": str(foreign.id)}, 404),
            (f"/bank_line/{line.id}/match", {"take": str(foreign.id)}, 422),
            (f"/bank_line/{line.id}/match", {"take": "999999999"}, 422),
            (f"/bank_line/{line.id}/match", {f"doc-{'9' * 30}": "1"}, 422),
            (f"/bank_line/{line.id}/match", {"payment": "999999999"}, 422),
            (f"/bank_line/{line.id}/match", {}, 422),
        ):
            assert accountant.post(address, form).status_code == status, form
    assert session.scalars(select(Payment)).all() == []


@attack(230, "the statements of the company, by those who may not see them")
@pytest.mark.usefixtures("ours")
def test_statements_are_for_those_who_keep_the_books(as_user: As, session: Session):
    """Statements hold wages and private names: neither lists, cards, files nor REST tell them to others."""
    load(as_user("accountant"), message(), "x.sta")
    statement, line = session.scalars(select(BankStatement)).one(), session.scalars(select(BankLine)).one()
    for name in ("manager", "head", "office", "support", "marketer", "robot"):
        browser = as_user(name)
        for address in (
            "/bank_statement/list/",
            f"/bank_statement/show/{statement.id}",
            f"/bank_statement/file/{statement.id}",
            f"/bank_line/show/{line.id}",
            f"/api/v1/bank_line/{line.id}",
            "/api/v1/bank_statement/",
        ):
            assert browser.get(address).status_code == 403, (name, address)


@attack(231, "one line paid twice: the form sent again")
@pytest.mark.usefixtures("ours")
def test_a_line_is_paid_once(as_user: As, session: Session, made: Made):
    """A line that is settled refuses: there is one payment."""
    party = {"party": str(made.party("Payer").id)}
    session.commit()
    accountant = as_user("accountant")
    load(accountant, message(), "x.sta")
    line = session.scalars(select(BankLine)).one()
    first = accountant.post(f"/bank_line/{line.id}/match", party)
    again = accountant.post(f"/bank_line/{line.id}/match", party)
    session.expire_all()
    assert (first.status_code, again.status_code, line.state) == (302, 422, LineState.matched)
    assert session.scalars(select(Payment.amount)).all() == [Decimal(100)]
