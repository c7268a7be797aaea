"""Paying, settling and undoing on screen and over REST: the same acts, and a refused dialog keeps what was typed."""

import io
import re
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import delete, select

from app import clock
from app.models.allocation import Allocation, WriteOff
from app.models.invoice import Invoice, Settlement
from app.models.payment import Payment, PaymentMethod, PaymentState
from app.outbox import Errand, Outbox
from app.services import invoice as invoices
from tests.factories import user

PAYMENTS = "/api/v1/payment/"


def today() -> date:
    return clock.today("Europe/Amsterdam")


@pytest.fixture
def invoice(made, session) -> Invoice:
    """Return an issued invoice of 100.00 EUR."""
    made.organisation()
    found = made.issued(("1", "100.00"), at_tax=made.tax("zero"), party=made.buyer(owner="manager"))
    session.commit()
    return found


def errors_of(page: str) -> list[str]:
    return re.findall(r'class="error"[^>]*>.*?<span>([^<]+)', page, re.DOTALL)


def one(session, entity):
    session.expire_all()
    return session.execute(select(entity)).scalar_one()


def test_an_accountant_registers_a_payment_on_the_invoice(as_user, session, invoice):
    accountant = as_user("accountant")
    page = accountant.get(f"/invoice/show/{invoice.id}").text
    assert f'action="/invoice/{invoice.id}/pay"' in page
    assert 'id="pay-amount"' in page
    assert 'value="100.00"' in page
    sent = accountant.post(f"/invoice/{invoice.id}/pay", {"amount": "100.00", "method": "card", "reference": "Desk 1"})
    payment = one(session, Payment)
    assert (sent.status_code, sent.headers["Location"]) == (302, f"/payment/show/{payment.id}")
    assert (payment.amount, payment.method, payment.reference, payment.paid_on) == (
        Decimal(100),
        PaymentMethod.card,
        "Desk 1",
        today(),
    )
    assert (payment.owner_id, payment.unallocated) == (invoice.party.owner_id, 0)
    assert invoice.settlement == Settlement.paid
    card = accountant.get(f"/invoice/show/{invoice.id}").text
    assert f'href="/payment/show/{payment.id}"' in card
    settled = accountant.get(f"/invoice/{invoice.id}/tab/allocations").text
    assert f'action="/allocation/{one(session, Allocation).id}/reverse"' in settled
    assert "/pay" not in re.findall(r'action="([^"]+)"', card)


def test_a_refused_dialog_comes_back_open_with_what_was_typed(as_user, session, invoice):
    accountant = as_user("accountant")
    sent = accountant.post(f"/invoice/{invoice.id}/pay", {"amount": "12,34,5", "reference": "From the bank"})
    assert sent.status_code == 422
    assert 'value="12,34,5"' in sent.text
    assert 'value="From the bank"' in sent.text
    assert re.search(
        r'<details class="drop verb-drop" id="act-pay" open>\s*<summary[^>]*>.*?Register payment', sent.text, re.DOTALL
    )
    assert len(errors_of(sent.text)) == 1
    late = accountant.post(f"/invoice/{invoice.id}/pay", {"amount": "5", "on": "2999-01-01"})
    assert (late.status_code, errors_of(late.text)) == (422, ["This day is still to come"])
    off = accountant.post(f"/invoice/{invoice.id}/write_off", {"amount": "100.01", "reason": "rounding"})
    assert (off.status_code, errors_of(off.text)) == (422, ["At most €100.00 is open"])
    assert session.execute(select(Payment)).all() == []


def test_the_reader_types_amounts_in_his_own_language(as_user, session, made, invoice):
    made.user("accountant").profile.language = "nl"
    session.commit()
    accountant = as_user("accountant")
    sent = accountant.post(f"/invoice/{invoice.id}/pay", {"amount": "1.099,50"})
    assert sent.status_code == 302
    assert one(session, Payment).unallocated == Decimal("999.50")


def test_a_payment_is_recorded_and_spread_over_open_invoices(as_user, session, made, invoice):
    other = made.issued(("1", "50.00"), at_tax=made.tax("zero"), party=invoice.party)
    session.commit()
    accountant = as_user("accountant")
    form = {
        "party": str(invoice.party_id),
        "organisation": str(invoice.organisation_id),
        "amount": "120",
        "currency": "EUR",
    }
    sent = accountant.post("/payment/add", form | {"paid_on": today().isoformat(), "kind": "receipt", "method": "cash"})
    payment = one(session, Payment)
    assert sent.headers["Location"] == f"/payment/show/{payment.id}"
    assert payment.owner_id == invoice.party.owner_id
    card = accountant.get(f"/payment/show/{payment.id}").text
    assert re.findall(r'name="invoice-(\d+)"[^>]*value="([^"]*)"', card) == [
        (str(invoice.id), "100.00"),
        (str(other.id), "20.00"),
    ]
    shares = {"shares": "1", f"invoice-{invoice.id}": "70.00", f"invoice-{other.id}": ""}
    refused = accountant.post(f"/payment/{payment.id}/allocate", shares | {f"invoice-{other.id}": "50.01"})
    assert refused.status_code == 422
    assert "At most €50.00 is open" in refused.text
    assert re.findall(r'name="invoice-(\d+)"[^>]*value="([^"]*)"', refused.text) == [
        (str(invoice.id), "70.00"),
        (str(other.id), "50.01"),
    ]
    assert accountant.post(f"/payment/{payment.id}/allocate", shares).status_code == 302
    assert (one(session, Payment).allocated, invoice.rest, other.rest) == (Decimal(70), Decimal(30), Decimal(50))
    accountant.post(f"/payment/{payment.id}/allocate", {})
    session.expire_all()
    assert (payment.unallocated, invoice.rest, other.rest) == (Decimal(0), Decimal(0), Decimal(30))


def test_undoing_leads_back_to_where_one_was(as_user, session, invoice):
    accountant = as_user("accountant")
    accountant.post(f"/invoice/{invoice.id}/pay", {})
    row = one(session, Allocation)
    sent = accountant.post(f"/allocation/{row.id}/reverse", {"back": f"/invoice/show/{invoice.id}"})
    assert sent.headers["Location"] == f"/invoice/show/{invoice.id}"
    session.expire_all()
    assert invoice.rest == Decimal(100)
    journal = accountant.get("/allocation/list/").text
    assert f'href="/invoice/show/{invoice.id}"' in journal


def test_a_credit_note_settles_another_invoice_and_the_rest_is_paid_back(as_user, session, made, invoice):
    accountant = as_user("accountant")
    accountant.post(f"/invoice/{invoice.id}/pay", {})
    note = invoices.credit(session, invoice, reason="Returned")
    other = made.issued(("1", "60.00"), at_tax=made.tax("zero"), party=invoice.party)
    session.commit()
    accountant.post(f"/invoice/{note.id}/issue")
    assert accountant.post(f"/invoice/{note.id}/settle", {"invoice": str(other.id)}).status_code == 302
    session.expire_all()
    assert (other.settlement, note.rest) == (Settlement.paid, Decimal(40))
    back = accountant.post(f"/invoice/{note.id}/refund", {"amount": "40", "method": "bank_transfer"})
    assert back.status_code == 302
    session.expire_all()
    assert note.rest == 0


def test_overdue_invoices_are_marked(as_user, session, made):
    made.organisation()
    late = made.issued(("1", "10.00"), on=date(2026, 1, 15), due_on=date(2026, 1, 20))
    session.commit()
    accountant = as_user("accountant")
    assert "badge-overdue" in accountant.get("/invoice/list/").text
    accountant.post(f"/invoice/{late.id}/pay", {})
    assert "badge-overdue" not in accountant.get("/invoice/list/").text


def test_a_payment_over_rest_settles_in_the_same_request(as_user, session, invoice):
    accountant = as_user("accountant")
    body = {
        "party": invoice.party_id,
        "amount": "150.00",
        "paid_on": today().isoformat(),
        "reference": "Thanks",
        "allocations": [{"invoice": invoice.id}],
    }
    answer = accountant.api("POST", PAYMENTS, json=body, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 201, answer.text
    result = answer.json["result"]
    assert (result["amount"], result["allocated"], result["unallocated"], result["currency"]) == (
        "150.00",
        "100.00",
        "50.00",
        "EUR",
    )
    assert [(row["amount"], row["invoice"]["id"]) for row in result["allocations"]] == [("100.00", invoice.id)]
    again = accountant.api("POST", PAYMENTS, json=body, headers={"Idempotency-Key": "once"})
    assert (again.status_code, again.json["id"]) == (201, answer.json["id"])
    read = accountant.get(f"/api/v1/invoice/{invoice.id}").json["result"]
    assert (read["rest"], read["allocated"], read["settlement"]) == ("0.00", "100.00", "paid")
    assert one(session, Payment).owner_id == invoice.party.owner_id


def test_a_refused_share_refuses_the_whole_payment(as_user, session, made, invoice):
    accountant = as_user("accountant")
    body = {"party": invoice.party_id, "amount": "150.00", "allocations": [{"invoice": invoice.id, "amount": "100.01"}]}
    answer = accountant.api("POST", PAYMENTS, json=body)
    assert (answer.status_code, answer.json["message"]) == (
        422,
        {"allocations-0-amount": ["At most €100.00 is open"]},
    )
    unknown = accountant.api("POST", PAYMENTS, json=body | {"allocations": [{"invoice": 999999}]})
    assert unknown.json["message"] == {"allocations": {"0": {"invoice": ["Unknown id."]}}}
    extra = accountant.api("POST", PAYMENTS, json=body | {"allocations": [{"invoice": invoice.id, "sum": "1"}]})
    assert extra.status_code == 422
    assert session.execute(select(Payment)).all() == []


def test_verbs_of_payments_and_allocations_over_rest(as_user, session, invoice):
    accountant = as_user("accountant")
    paid = accountant.api("POST", f"/api/v1/invoice/{invoice.id}/pay", json={"amount": "99.50"})
    assert paid.status_code == 200, paid.text
    off = accountant.api("POST", f"/api/v1/invoice/{invoice.id}/write_off", json={"reason": "bank_charge"})
    assert off.status_code == 200, off.text
    session.expire_all()
    assert invoice.settlement == Settlement.paid
    rows = accountant.get("/api/v1/allocation/").json["result"]
    assert [(row["amount"], row["write_off"]) for row in rows] == [("0.50", "bank_charge"), ("99.50", None)]
    back = accountant.api("POST", f"/api/v1/allocation/{rows[0]['id']}/reverse", json={"note": "Mistake"})
    assert (back.status_code, back.json["result"]["amount"]) == (200, "-0.50")
    payment = one(session, Payment)
    ended = accountant.api("POST", f"/api/v1/payment/{payment.id}/cancel", json={"reason": "Bounced"})
    assert ended.status_code == 200, ended.text
    session.expire_all()
    assert (payment.state, invoice.rest) == (PaymentState.cancelled, Decimal(100))
    assert accountant.api("DELETE", f"{PAYMENTS}{payment.id}").status_code in {404, 405}
    assert WriteOff.bank_charge in {row.write_off for row in session.execute(select(Allocation)).scalars()}


def test_a_manager_sees_the_payments_of_his_clients_only(as_user, session, made, invoice):
    as_user("accountant").post(f"/invoice/{invoice.id}/pay", {})
    payment = one(session, Payment)
    mine, other = as_user("manager"), as_user("manager2")
    assert mine.get(f"/payment/show/{payment.id}").status_code == 200
    assert other.get(f"/payment/show/{payment.id}").status_code == 404
    assert mine.post(f"/payment/{payment.id}/cancel", {"reason": "No"}).status_code == 403
    assert mine.post(f"/invoice/{invoice.id}/pay", {}).status_code == 403
    assert mine.get("/allocation/list/").status_code in {302, 403}
    assert user(session, "manager") is not None


def test_the_start_page_counts_what_is_overdue_and_leads_there(as_user, session, made):
    made.organisation()
    late = made.issued(("1", "10.00"), on=date(2026, 1, 15), due_on=date(2026, 1, 20))
    made.issued(("1", "10.00"), party=late.party, on=date(2026, 1, 16), due_on=date(2999, 1, 1))
    made.invoice(party=late.party)
    session.commit()
    accountant = as_user("accountant")
    tiles = re.findall(
        r'<a class="tile[^"]*" href="([^"]+)">.*?<span>([^<]+)</span><span class="tile-count">([^<]+)',
        accountant.get("/home/").text,
    )
    counts = {label: count for _url, label, count in tiles}
    assert (counts["Draft invoices"], counts["Unpaid invoices"], counts["Overdue invoices"]) == ("1", "2", "1")
    (address,) = (url.replace("&amp;", "&") for url, label, _count in tiles if label == "Overdue invoices")
    page = accountant.get(address).text
    assert re.findall(r'class="row-link" href="([^"?]+)', page) == [f"/invoice/show/{late.id}"]
    assert ">Settlement: Unpaid, Partly paid" in page


def test_a_card_asks_the_same_number_of_questions_however_much_was_settled(as_user, session, invoice, statements):
    accountant = as_user("accountant")
    path = f"/invoice/show/{invoice.id}"
    accountant.post(f"/invoice/{invoice.id}/pay", {"amount": "1"})
    accountant.get(path)
    statements.clear()
    accountant.get(path)
    few = len(statements)
    for _more in range(4):
        accountant.post(f"/invoice/{invoice.id}/pay", {"amount": "1"})
    statements.clear()
    page = accountant.get(path).text
    assert page.count('href="/payment/show/') == 5  # in the history; the allocations have a tab of their own
    assert len(statements) == few <= 30


def test_a_closed_period_keeps_payments_out(as_user, session, invoice):
    accountant = as_user("accountant")
    ours = invoice.organisation
    closed = accountant.post(f"/organisation/{ours.id}/lock", {"until": "2026-04-30"})
    assert (closed.status_code, one(session, type(ours)).lock_date) == (302, date(2026, 4, 30))
    early = accountant.post(f"/invoice/{invoice.id}/pay", {"on": "2026-04-30"})
    assert (early.status_code, errors_of(early.text)) == (422, ["The period up to 2026-04-30 is closed"])
    late = accountant.post(f"/organisation/{ours.id}/lock", {"until": today().isoformat()})
    assert errors_of(late.text) == ["Only days that are over can be closed"]
    assert as_user("office").post(f"/organisation/{ours.id}/lock", {"until": "2026-05-31"}).status_code == 403
    accountant.post(f"/organisation/{ours.id}/lock", {})
    assert one(session, type(ours)).lock_date is None


def test_the_same_dialog_sent_twice_pays_once(as_user, session, invoice):
    accountant = as_user("accountant")
    key = re.search(r'id="pay-amount".*', accountant.get(f"/invoice/show/{invoice.id}").text)
    assert key is not None
    form = {"amount": "100.00", "form_key": "k" * 22}
    first, second = (accountant.post(f"/invoice/{invoice.id}/pay", form) for _time in range(2))
    assert first.headers["Location"] == second.headers["Location"] == f"/payment/show/{one(session, Payment).id}"


def test_a_body_without_a_length_is_read(as_user, session, invoice):
    accountant = as_user("accountant")
    answer = accountant.client.post(
        f"/api/v1/invoice/{invoice.id}/pay",
        input_stream=io.BytesIO(b'{"amount": "5.00"}'),
        headers={
            "Transfer-Encoding": "chunked",
            "Content-Type": "application/json",
            "X-CSRFToken": accountant.token("/profile/"),
        },
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 200, answer.text
    assert one(session, Payment).amount == Decimal(5)


def test_a_verb_that_came_too_late_says_so(as_user, session, invoice):
    accountant = as_user("accountant")
    accountant.post(f"/invoice/{invoice.id}/pay", {})
    again = accountant.post(f"/invoice/{invoice.id}/write_off", {"reason": "rounding"})
    assert again.headers["Location"] == f"/invoice/show/{invoice.id}"
    assert "Nothing of this invoice is open" in accountant.get(again.headers["Location"]).text
    assert accountant.get(f"/invoice/{invoice.id}/pay").status_code == 200  # a language link leads there


def test_a_key_of_any_length_is_no_error(as_user, made, session, invoice):
    payment = made.payment("10.00", party=invoice.party)
    session.commit()
    accountant = as_user("accountant")
    answer = accountant.post(f"/payment/{payment.id}/allocate", {"shares": "1", f"invoice-{'9' * 5000}": "1"})
    assert answer.status_code == 422
    assert "Give an amount for what is to be settled" in answer.text


def test_a_refund_can_be_settled_again(as_user, session, made, invoice):
    accountant = as_user("accountant")
    accountant.post(f"/invoice/{invoice.id}/pay", {"amount": "130"})
    receipt = one(session, Payment)
    accountant.post(f"/payment/{receipt.id}/refund", {"amount": "30"})
    row = session.execute(select(Allocation).where(Allocation.refund_id.is_not(None))).scalar_one()
    refund_id = row.refund_id
    accountant.post(f"/allocation/{row.id}/reverse", {})
    card = accountant.get(f"/payment/show/{receipt.id}").text
    assert re.findall(r'name="((?:refund|invoice)-\d+)"[^>]*value="([^"]*)"', card) == [
        (f"refund-{refund_id}", "30.00")
    ]
    accountant.post(f"/payment/{receipt.id}/allocate", {"shares": "1", f"refund-{refund_id}": "30"})
    session.expire_all()
    assert receipt.unallocated == 0


def test_recording_and_settling_in_one_request_needs_both_rights(as_user, session, made, invoice, app):
    with app.app_context():
        sm = app.extensions["appbuilder"].sm
        role = sm.find_role("Back office")
        sm.add_permission_role(role, sm.find_permission_view_menu("can_add", "payment"))
    office = as_user("office")
    body = {"party": invoice.party_id, "amount": "10.00", "allocations": [{"invoice": invoice.id}]}
    assert office.api("POST", PAYMENTS, json=body).status_code == 403
    assert office.api("POST", PAYMENTS, json=body | {"allocations": []}).status_code in {403, 422}
    assert session.execute(select(Allocation)).all() == []


def test_a_file_that_nobody_has_asked_for_is_made_at_the_first_request(as_user, session, invoice):
    session.execute(delete(Outbox))
    session.commit()
    accountant = as_user("accountant")
    for _time in range(2):
        answer = accountant.get(f"/api/v1/invoice/{invoice.id}/pdf")
        assert (answer.status_code, answer.headers["Retry-After"]) == (202, "1")
    assert one(session, Outbox).record_id == invoice.id
    one(session, Outbox).state = Errand.failed
    session.commit()
    assert accountant.get(f"/api/v1/invoice/{invoice.id}/pdf").status_code == 409
    assert "could not be made" in accountant.get(f"/invoice/show/{invoice.id}").text


def test_the_reason_of_a_write_off_is_chosen_not_preset(as_user, session, invoice):
    accountant = as_user("accountant")
    page = accountant.get(f"/invoice/show/{invoice.id}").text
    select_of = re.search(r'<select[^>]*id="write_off-reason".*?</select>', page, re.DOTALL)
    assert select_of is not None
    assert re.findall(r'<option[^>]*value="([^"]*)"', select_of[0])[0] == ""
    sent = accountant.post(f"/invoice/{invoice.id}/write_off", {"reason": "", "amount": "100"})
    assert (sent.status_code, len(errors_of(sent.text))) == (422, 1)
    assert one(session, Invoice).settlement == Settlement.open
