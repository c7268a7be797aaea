"""A reprint years later: everything around an issued invoice has changed, and its file is the same to the last byte."""

import hashlib
import shutil
from datetime import date

import pytest
from sqlalchemy import select

from app.documents import engine
from app.models.attachment import Attachment
from app.models.organisation import OrganisationBankAccount
from app.models.party import AddressUsage, PartyAddress
from app.outbox import enqueue
from app.services import chain
from app.services import invoice as invoices
from app.services.verify import verify
from tests.scenarios.test_from_client_to_invoice import download, text_of, work_off

IBANS = ("NL91ABNA0417164300", "NL02ABNA0123456789")


@pytest.fixture
def another_template(monkeypatch, tmp_path):
    """Let documents be made from a copy of the templates with another word in it, when the test says so."""

    def swap():
        copied = tmp_path / "templates"
        shutil.copytree(engine.TEMPLATES, copied)
        page = copied / "invoice.html"
        before = page.read_text()
        after = before.replace("<h1>{{ doc.heading }}</h1>", "<h1>{{ doc.heading }} (new design)</h1>")
        assert after != before
        page.write_text(after)
        monkeypatch.setattr(engine, "TEMPLATES", copied)
        monkeypatch.setattr(engine, "_pool", pools[0])

    pools = [engine.Pool(1)]  # its children start when they are asked: with the new templates
    yield swap
    pools[0].close()


def issued(session, made, **about):
    record = made.issued(("3", "100.00"), on=date(2026, 3, 31), **about)
    session.commit()
    return record


def printed(made) -> str:
    return " ".join(text_of(made).split())


def test_a_reprint_is_the_file_whatever_has_changed(app, as_user, session, made, settings, another_template):
    keys = settings["CRM_VAR"] / "keys"
    chain.use_key(lambda: chain.key_in(keys))

    # An invoice is issued and its file is made.
    ours, party = made.organisation(language="en"), made.buyer(owner="accountant")
    invoice = issued(session, made, organisation=ours, party=party, language="en")
    work_off(app, session, settings, "invoice.render")
    accountant = as_user("accountant")
    first = download(accountant, f"/invoice/pdf/{invoice.id}")
    said = printed(first)
    assert all(word in said for word in (invoice.number, "Tulpen & Zonen", "Lisse", "Keizersgracht 1"))
    assert "NL91 ABNA 0417 1643 00" in said

    # The client moves and takes another name; we move too, with another bank; the tax gets another name.
    party.name = party.legal_name = "Rozen & Dochters B.V."
    party.addresses[:] = [PartyAddress(usage=AddressUsage.billing, street="Nieuweweg 9", city="Aalsmeer", country="NL")]
    ours.name, ours.street, ours.city = "Kanalen Handel N.V.", "Singel 5", "Utrecht"
    ours.bank_accounts[:] = [OrganisationBankAccount(iban=IBANS[1])]
    invoice.lines[0].tax.name = "VAT of later"
    session.commit()

    # The document is printed from another template, and the reader has another language.
    another_template()
    accountant.get("/lang/ru")
    assert download(accountant, f"/invoice/pdf/{invoice.id}?_l_=hy") == first
    assert download(accountant, f"/api/v1/invoice/{invoice.id}/pdf") == first

    # A job that is queued once more makes no other file, and closing the invoice does not either.
    enqueue(session, "invoice.render", invoice.id)
    session.commit()
    work_off(app, session, settings, "invoice.render")
    assert session.scalars(select(Attachment.sha256)).all() == [hashlib.sha256(first).hexdigest()]
    invoices.close(session, invoice, reason="Long ago", at=invoice.created_at)
    session.commit()
    assert download(accountant, f"/invoice/pdf/{invoice.id}") == first

    # All of it has really changed: the next invoice says so.
    later = issued(session, made, organisation=ours, party=party, language="en", at_tax=made.tax())
    work_off(app, session, settings, "invoice.render")
    new = printed(download(accountant, f"/invoice/pdf/{later.id}"))
    assert all(word in new for word in ("new design", "Rozen & Dochters", "Aalsmeer", "Kanalen Handel", "Singel 5"))
    assert "NL02 ABNA 0123 4567 89" in new
    assert download(accountant, f"/invoice/pdf/{invoice.id}") == first
    report = verify(session, key=chain.key_in(keys), files=settings["CRM_VAR"] / "files")
    assert (report.documents, report.problems, report.not_made) == (2, [], 0)
