"""Bank statements on screen and over REST: loading a file, the desk, undoing, and who may."""

import base64
import io
import re
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.models.bank_statement import BankLine, BankProfile, BankStatement, LineState
from app.models.invoice import Settlement
from app.models.payment import Payment, PaymentState

DATA = Path(__file__).resolve().parent.parent / "data" / "bank"
LOAD = "/bank_statement/upload"
MESSAGE = """:20:X
:25:NL91ABNA0417164300
:28C:1
:60F:C260401EUR0,00
:61:2604010401C100,00NTRFNONREF//B1
:86:INV-2026-00001
:61:2604010401D2,50NTRFNONREF//B2
:86:kosten
:62F:C260401EUR97,50
-
"""


@pytest.fixture
def invoice(made, session):
    """Return an issued invoice of 100.00 EUR."""
    made.organisation()
    found = made.issued(("1", "100.00"), at_tax=made.tax("zero"), party=made.buyer(owner="manager"))
    session.commit()
    return found


def load(browser, content: bytes, name: str = "april.sta", **fields):
    return browser.post(LOAD, {"file": (io.BytesIO(content), name), **fields}, content_type="multipart/form-data")


def lines(session) -> list[BankLine]:
    session.expire_all()
    return list(session.scalars(select(BankLine).order_by(BankLine.position)))


def count(session, entity) -> int:
    return session.scalar(select(func.count()).select_from(entity))


def alerts(page: str) -> list[str]:
    return re.findall(r'class="alert-text">(?:<p>)?([^<]+)', page)


def test_a_file_becomes_lines_and_a_line_a_payment_and_both_go_back(as_user, session, invoice):
    accountant = as_user("accountant")
    assert 'name="file"' in accountant.get(LOAD).text
    sent = load(accountant, MESSAGE.encode())
    statement = session.scalars(select(BankStatement)).one()
    assert (sent.status_code, sent.headers["Location"]) == (302, f"/bank_statement/show/{statement.id}")
    card = accountant.get(f"/bank_statement/show/{statement.id}").text
    first, second = lines(session)
    assert f'href="/bank_line/show/{first.id}"' in card
    assert "0 of 2" in card
    desk = accountant.get(f"/bank_line/show/{first.id}").text
    assert "the number stands in the text · exactly what is open" in desk
    assert f'<input type="hidden" name="take" value="{invoice.id}">' in desk
    back = f"/bank_line/show/{second.id}"
    done = accountant.post(f"/bank_line/{first.id}/match", {"take": str(invoice.id), "back": back})
    assert (done.status_code, done.headers["Location"]) == (302, back)
    first, second = lines(session)
    assert (first.state, first.payment.amount, invoice.settlement) == (LineState.matched, 100, Settlement.paid)
    assert "1 of 2" in accountant.get(back).text
    undone = accountant.post(f"/bank_line/{first.id}/reopen", {"back": back})
    assert undone.status_code == 302
    assert (lines(session)[0].state, session.scalar(select(Payment.state))) == (LineState.open, PaymentState.cancelled)
    assert accountant.post(f"/bank_statement/{statement.id}/withdraw", {}).status_code == 302
    assert (count(session, BankStatement), count(session, BankLine)) == (0, 0)


def test_what_is_wrong_with_a_file_is_told_and_nothing_is_kept(as_user, session, invoice):
    accountant = as_user("accountant")
    for content, text in (
        (b"", "Choose a file first"),
        (MESSAGE.replace("97,50", "97,51").encode(), "The statement does not add up"),
        (MESSAGE.replace("C100,00", "C1OO,00").encode(), "line 5, entry 1, :61:"),
        (b"%PDF-1.7 hello", "it is no statement that can be read: camt.053, MT940, 1C or CSV"),
        (b"date,amount\n2026-04-01,5\n", "A table does not say of which account it is: choose the account"),
    ):
        answer = load(accountant, content, name="x" if content else "")
        assert (answer.status_code, text in answer.text) == (422, True), text
    assert (count(session, BankStatement), count(session, BankLine)) == (0, 0)


def test_the_columns_of_a_table_are_said_once(as_user, session, invoice):
    accountant = as_user("accountant")
    account = str(invoice.organisation.bank_accounts[0].id)
    content = (DATA / "ing.csv").read_bytes()
    sent = load(accountant, content, "ing.csv", account=account)
    draft = session.scalars(select(BankStatement)).one()
    assert sent.headers["Location"] == f"/bank_statement/columns/{draft.id}"
    page = accountant.get(sent.headers["Location"]).text
    assert '<option value="booked_on" selected>' in page
    assert "Tulpen en Zonen" in page
    chosen = ["booked_on", "name", "own_account", "account", "code", "direction", "amount", "", "text"]
    form = {"name": "ING", "encoding": "utf-8-sig", "delimiter": ";", "skip_rows": "0", "date_format": "YYYY-MM-DD",
            "decimal_mark": ",", "debit_words": "Af", "act": "load"}  # fmt: skip
    form |= {f"field-{at}": field for at, field in enumerate(chosen)}
    wrong = accountant.post(sent.headers["Location"], form)
    assert wrong.status_code == 422
    assert "“20260402” is no day" in wrong.text
    assert 'value="ING"' in wrong.text
    done = accountant.post(sent.headers["Location"], form | {"date_format": "YYYYMMDD"})
    assert (done.status_code, done.headers["Location"]) == (302, f"/bank_statement/show/{draft.id}")
    assert [(line.amount, line.text) for line in lines(session)] == [
        (1100, "Factuur 2026-00013"),
        (-2.5, "Kosten april"),
    ]
    again = load(accountant, content.replace(b"1.100,00", b"1.200,00"), "ing.csv", account=account)
    assert again.headers["Location"].startswith("/bank_statement/show/")
    assert (count(session, BankProfile), len(lines(session))) == (1, 3)


def test_a_split_that_is_refused_comes_back_with_what_was_typed(as_user, session, invoice):
    accountant = as_user("accountant")
    load(accountant, MESSAGE.encode())
    first = lines(session)[0]
    for typed, text in (("100.01", "At most €100.00 is open"), ("abc", "")):
        refused = accountant.post(f"/bank_line/{first.id}/match", {f"doc-{invoice.id}": typed})
        assert refused.status_code == 422
        assert f'value="{typed}"' in refused.text
        assert text in refused.text
    assert accountant.post(f"/bank_line/{first.id}/ignore", {"reason": " "}).status_code == 422
    assert (lines(session)[0].state, count(session, Payment)) == (LineState.open, 0)


def test_looking_for_an_invoice_on_the_desk(as_user, session, invoice):
    accountant = as_user("accountant")
    load(accountant, MESSAGE.encode())
    page = accountant.get(f"/bank_line/show/{lines(session)[0].id}?q=tulpen").text
    assert page.count(f'name="take" value="{invoice.id}"') == 2
    assert f'name="party" value="{invoice.party_id}"' in page


def test_rest_loads_matches_and_opens_again(as_user, session, invoice):
    accountant = as_user("accountant")
    body = {"file_name": "april.sta", "content": base64.b64encode(MESSAGE.encode()).decode()}
    made = accountant.api("POST", "/api/v1/bank_statement/", json=body)
    statement = session.scalars(select(BankStatement)).one()
    expected = {"statements": [statement.id], "drafts": [], "added": 2, "known": 0, "matched": 0}
    assert (made.status_code, made.json["result"]) == (200, expected)
    again = accountant.api("POST", "/api/v1/bank_statement/", json=body)
    assert again.json["result"] == {"statements": [], "drafts": [], "added": 0, "known": 2, "matched": 0}
    bad = accountant.api("POST", "/api/v1/bank_statement/", json=body | {"content": "%%"})
    assert (bad.status_code, bad.json["message"]) == (422, {"content": ["This is not base64"]})
    found = accountant.get("/api/v1/bank_line/?q=(filters:!((col:state,opr:eq,value:open)))").json
    assert found["count"] == 2
    first, second = lines(session)
    matched = accountant.api("POST", f"/api/v1/bank_line/{first.id}/match", json={"best": True})
    assert (matched.status_code, matched.json["result"]["state"]) == (200, "matched")
    nothing = accountant.api("POST", f"/api/v1/bank_line/{second.id}/match", json={"best": True})
    assert (nothing.status_code, nothing.json["message"]) == (422, {"best": ["Nothing is proposed for this line"]})
    opened = accountant.api("POST", f"/api/v1/bank_line/{first.id}/reopen", json={})
    assert opened.json["result"]["state"] == "open"


def test_who_may_not(as_user, session, invoice):
    load(as_user("accountant"), MESSAGE.encode())
    first = lines(session)[0]
    for name, sees in (("auditor", 200), ("manager", 403), ("office", 403)):
        browser = as_user(name)
        assert browser.get(f"/bank_line/show/{first.id}").status_code == sees, name
        assert load(browser, MESSAGE.encode()).status_code == 403
        assert browser.post(f"/bank_line/{first.id}/match", {"take": str(invoice.id)}).status_code == 403
    assert "data-bank-proposal" not in as_user("auditor").get(f"/bank_line/show/{first.id}").text
    assert (lines(session)[0].state, count(session, Payment)) == (LineState.open, 0)


def test_the_desk_asks_few_statements(as_user, session, invoice, statements):
    accountant = as_user("accountant")
    load(accountant, MESSAGE.encode())
    address = f"/bank_line/show/{lines(session)[0].id}"
    accountant.get(address)
    statements.clear()
    assert accountant.get(address).status_code == 200
    assert len(statements) <= 12, "\n".join(statements)
