"""The main job as a story: from a client in a file to an invoice whose file stays what it is."""

import io

import pypdfium2
from sqlalchemy import select

from app import clock
from app.models.invoice import Invoice, InvoiceState
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.sale_order import SaleOrder
from app.models.tax import Tax
from app.outbox import Errand, Outbox
from app.services import chain
from app.services.verify import verify
from app.tasks import registry, running

COMPANY = {
    "country": "NL",
    "name": "Tulpenhandel Zuid",
    "tax_number": "NL854502130B01",
    "street": "Herengracht 1",
    "postal_code": "1015 BA",
    "city": "Amsterdam",
    "iban": "NL91ABNA0417164300",
}


def work_off(app, session, settings, topic):
    """What the worker does with the jobs of a topic, here and now."""
    registry.load()
    waiting = select(Outbox.id).where(Outbox.topic == topic, Outbox.state == Errand.pending)
    for row_id in session.execute(waiting).scalars().all():
        with app.app_context():
            assert running.run_row(row_id, settings=settings)
    session.expire_all()


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def download(browser, path: str) -> bytes:
    answer = browser.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    sent = answer.data
    answer.close()
    return sent


def test_from_a_client_in_a_file_to_an_invoice_whose_file_stays(app, as_user, session, settings):
    keys = settings["CRM_VAR"] / "keys"
    chain.use_key(lambda: chain.key_in(keys))  # the process's key may be another application's by now

    # The administrator sets the company up on one page: taxes, units, terms and number series come with it.
    admin = as_user("admin")
    assert admin.post("/setup/", COMPANY).status_code == 302

    # The back office receives a list of clients as such lists are: Windows-1251, semicolons, a mistyped number.
    listed = "Название;ИНН;Улица;Город\r\nООО «Ромашка»;7707083893;Тверская 1;Москва\r\nООО «Ошибка»;7707083894;;\r\n"
    office = as_user("office")
    sent = office.client.post(
        "/party/import/",
        data={"file": (io.BytesIO(listed.encode("cp1251")), "clients.csv"), "csrf_token": office.token("/profile/")},
        content_type="multipart/form-data",
    )
    assert sent.status_code in {302, 303}, sent.text
    page = office.get(sent.headers["Location"]).text
    assert "Ромашка" in page

    # The accountant knows the client already from the same list: here she enters him with his address.
    accountant = as_user("accountant")
    client = {"name": "ООО «Ромашка»", "kind": "company", "country": "RU", "language": "ru", "tax_number": "7707083893"}
    address = {"addresses-0-usage": "legal", "addresses-0-street": "Тверская 1", "addresses-0-city": "Москва"}
    assert accountant.post("/party/add", client | address | {"addresses-0-country": "RU"}).status_code == 302
    party = session.execute(select(Party)).scalar_one()

    # He orders; the order is confirmed and becomes an invoice with one click.
    tax = session.execute(select(Tax.id).where(Tax.country == "NL", Tax.code == "standard")).scalars().first()
    order_form = {
        "party": str(party.id),
        "organisation": str(session.execute(select(Organisation.id)).scalar_one()),
        "currency": "EUR",
        "lines-0-text": "Tulpenbollen",
        "lines-0-quantity": "3",
        "lines-0-unit_price": "100",
        "lines-0-tax": str(tax),
    }
    assert accountant.post("/order/add", order_form).status_code == 302
    order = session.execute(select(SaleOrder)).scalar_one()
    accountant.post(f"/order/{order.id}/confirm")
    made = accountant.post(f"/order/{order.id}/invoice")
    invoice = session.execute(select(Invoice)).scalar_one()
    assert made.headers["Location"] == f"/invoice/show/{invoice.id}"

    # Issuing gives it the first number of the year and freezes it; the worker makes its file.
    accountant.post(f"/invoice/{invoice.id}/issue")
    session.expire_all()
    assert (invoice.state, invoice.number) == (InvoiceState.issued, f"{clock.today('Europe/Amsterdam').year}-00001")
    work_off(app, session, settings, "invoice.render")
    first = download(accountant, f"/api/v1/invoice/{invoice.id}/pdf")
    printed = text_of(first)
    assert invoice.number in printed
    assert "Ромашка" in printed
    assert "Tulpenhandel Zuid" in printed

    # A year later the client has another name; the invoice is still the file that it was, and the proof holds.
    party.name = "ООО «Василёк»"
    session.commit()
    assert download(accountant, f"/invoice/pdf/{invoice.id}") == first
    report = verify(session, key=chain.key_in(keys), files=settings["CRM_VAR"] / "files")
    assert (report.documents, report.problems, report.not_made) == (1, [], 0)
