"""Rights to single fields: hidden ones are nowhere to be read or guessed, and nobody writes what he may not."""

import io
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import db, unit_of_work
from app.errors import NotAllowed
from app.models.import_run import ImportRun
from app.models.party import Party, PartyBankAccount, PartyContact
from app.models.product import Product
from app.roles import SEE
from app.services import access, field_right, role_change
from app.services import attachment as attachments
from app.services import party as parties
from app.web.records import Records
from tests.factories import user

IBAN = "NL91ABNA0417164300"
SECRETS = ("+31205551234", "020 555 1234", "secret@example.org", IBAN, "NL91 ABNA", "Sanne Geheim", "98765")


@pytest.fixture
def without(session):
    """Take rights to fields away from a role, or give them."""

    def change(role, **fields):
        found = session.execute(select(Role).where(Role.name == role)).unique().scalar_one()
        rights = {
            (area.replace("__", "."), verb): verb in verbs.split()
            for area, verbs in fields.items()
            for verb in field_right.VERBS
        }
        role_change.put(session, found, rights=rights)
        session.commit()

    return change


@pytest.fixture
def party(made, session):
    found = made.party(
        "Kade Vijf", owner="manager", country="NL", phone="+31205551234", email="secret@example.org",
        is_customer=True, credit_limit="98765",
    )  # fmt: skip
    found.bank_accounts = [PartyBankAccount(iban=IBAN)]
    found.contacts = [PartyContact(name="Sanne Geheim")]
    parties.save(session, found)
    session.commit()
    return found


def pages(party):
    yield f"/party/show/{party.id}"
    yield f"/party/edit/{party.id}"
    yield f"/party/add?copy={party.id}"
    yield "/party/list/?columns=name,phone,email,credit_limit,birthday"
    yield f"/party/list/export?format=csv&columns=name,phone,email,credit_limit&x={party.id}"
    yield "/party/list/?face=gallery"
    yield "/party/gallery"
    for tab in ("contacts", "bank_accounts", "channels"):
        yield f"/party/{party.id}/tab/{tab}"
    yield f"/party/row/{party.id}?columns=name,phone,credit_limit"
    yield "/find/?q=kade"
    yield f"/api/v1/party/{party.id}"
    yield "/api/v1/party/"
    yield f"/api/v1/party/{party.id}?q=(columns:!(name,phone,credit_limit))"


def test_what_one_may_not_see_stands_nowhere(as_user, party, without):
    without("Sales manager", party__personal="", party__credit_limit="")
    hidden, open_ = as_user("manager"), as_user("accountant")
    found = dict.fromkeys(SECRETS, 0)
    for address in pages(party):
        answer = hidden.get(address)
        assert answer.status_code in {200, 403, 404}, address
        text = answer.get_data(as_text=True)
        assert [secret for secret in SECRETS if secret in text] == [], address
        whole = open_.get(address).get_data(as_text=True)
        for secret in SECRETS:
            found[secret] += secret in whole
    assert found["secret@example.org"] > 3  # the same addresses do show them to those who may
    assert found["98765"] > 0
    assert found["Sanne Geheim"] > 0


def test_nobody_guesses_by_searching_filtering_or_ordering(as_user, party, made, session, without):
    without("Sales manager", party__personal="", party__credit_limit="")
    reader = as_user("manager")
    for text, expected in (("kade", True), ("0205551234", False), ("secret", False), ("Geheim", False)):
        for address in (f"/party/list/?q={text}", f"/find/?q={text}", f"/lookup/party?q={text}"):
            assert ("Vijf" in reader.get(address).get_data(as_text=True)) is expected, address
    query = "(filters:!((col:email,opr:sw,value:secret)))"
    answer = reader.api("GET", f"/api/v1/party/?q={query}")
    assert answer.status_code == 400
    assert as_user("accountant").api("GET", f"/api/v1/party/?q={query}").get_json()["count"] == 1
    assert reader.get("/party/list/?flt.credit_limit.ge=1&group=credit_limit").status_code == 200


def test_history_is_told_without_them(as_user, party, without, session):
    office = as_user("office")
    assert (
        office.api("PUT", f"/api/v1/party/{party.id}", json={"credit_limit": "777123", "note": "Called"}).status_code
        == 200
    )
    without("Sales manager", party__credit_limit="")
    text = as_user("manager").get(f"/party/show/{party.id}").get_data(as_text=True)
    assert "Called" in text
    assert "777123" not in text.replace(",", "")
    assert "777,123" in as_user("accountant").get(f"/party/show/{party.id}").get_data(as_text=True)


def test_nobody_writes_what_he_may_only_see(as_user, party, session):
    manager = as_user("manager")  # sees the limit, may not change it; bank accounts he does not see
    page = manager.get(f"/party/edit/{party.id}").get_data(as_text=True)
    assert 'name="credit_limit"' not in page
    assert "bank_accounts-0" not in page
    assert 'name="phone"' in page
    assert "98,765" in manager.get(f"/party/show/{party.id}").get_data(as_text=True)
    version = party.version
    typed = {
        "name": "Kade Zes",
        "kind": "company",
        "language": "nl",
        "credit_limit": "1",
        "record_version": str(version),
    }
    typed |= {"bank_accounts-0-iban": "NL02ABNA0123456789"}
    assert manager.post(f"/party/edit/{party.id}", typed).status_code == 302
    refused = manager.api("PUT", f"/api/v1/party/{party.id}", json={"credit_limit": "1"})
    assert (refused.status_code, list(refused.get_json()["message"])) == (422, ["credit_limit"])
    assert manager.get(f"/party/cell/{party.id}/credit_limit").status_code == 404
    assert manager.post(f"/party/cell/{party.id}/credit_limit", {"credit_limit": "1"}).status_code == 404
    session.expire_all()
    kept = session.get(Party, party.id)
    assert (kept.name, str(kept.credit_limit.normalize()), [one.iban for one in kept.bank_accounts]) == (
        "Kade Zes", "98765", [IBAN],
    )  # fmt: skip


def test_a_service_that_is_told_to_is_refused_at_the_door(app, as_user, party, session):
    """What forms and schemas let through by mistake stops where records are stored, before their own rules run."""
    manager = user(session, "manager")
    one = access.actor_of(session, user_id=manager.id, name="manager", roles=["Sales manager"])
    key, before = party.id, (party.version, party.credit_limit)

    def fill(record: Party) -> None:
        record.name = "Renamed"
        record.credit_limit = Decimal(5)

    with app.test_request_context():
        access.act_as(db.session(), one)
        for stored in (key, None):
            with pytest.raises(NotAllowed, match=r"party\.credit_limit\.change"):
                Records(Party, save=parties.save).store(fill, stored)
        db.session.remove()
    session.expire_all()
    found = session.get(Party, key)
    assert ((found.version, found.credit_limit), found.name) == (before, party.name)
    assert session.scalars(select(Party).where(Party.name == "Renamed")).all() == []


def test_a_form_and_a_schema_that_forget_are_refused_at_the_door(as_user, party, session, monkeypatch):
    """The real routes, with a planted fault: what cuts forms and schemas to the reader cuts nothing any more."""
    key, name = party.id, party.name
    manager = as_user("manager")
    true_hidden = field_right.hidden

    def forgetful(session: Session, entity: Any, action: str = SEE) -> Any:
        asks = sys._getframe(1).f_code.co_name
        return true_hidden(session, entity, action) if asks == "require" else frozenset()

    monkeypatch.setattr(field_right, "hidden", forgetful)
    answer = manager.api("PUT", f"/api/v1/party/{key}", json={"name": "Renamed", "credit_limit": "5"})
    assert answer.status_code == 403
    form = {"name": "Renamed", "kind": "company", "country": "NL", "language": "nl", "credit_limit": "5"}
    answer = manager.post(f"/party/edit/{key}", form | {"record_version": str(party.version)})
    assert answer.status_code == 403
    session.expire_all()
    found = session.get(Party, key)
    assert (found.name, found.credit_limit) == (name, party.credit_limit)


def test_an_import_writes_no_field_that_its_starter_may_not(as_user, session, without):
    without("Back office", party__bank_account="")
    office = as_user("office")
    file = io.BytesIO(f"Name;IBAN;Phone\nKade Zeven;{IBAN};020 555 1234\n".encode())
    answer = office.post("/party/import/", {"file": (file, "a.csv")}, content_type="multipart/form-data")
    assert answer.status_code == 302
    run = session.scalars(select(ImportRun)).one()
    assert set(run.mapping.values()) == {"name", "phone"}
    page = office.get(answer.headers["Location"]).get_data(as_text=True)
    assert 'value="iban"' not in page
    sent = {"act": "start", "field-0": "name", "field-1": "iban", "field-2": "phone", "mode": "create"}
    sent |= {"encoding": run.encoding, "delimiter": run.delimiter}
    assert office.post(answer.headers["Location"], sent).status_code == 422
    assert not session.scalars(select(Party)).all()


def test_what_a_product_costs_is_for_some(as_user, made, session):
    product = made.product("Tulip bulb")
    product.cost_price = 4
    session.commit()
    assert as_user("manager").get(f"/product/show/{product.id}").get_data(as_text=True).count("Cost price") == 0
    assert "Cost price" in as_user("head").get(f"/product/show/{product.id}").get_data(as_text=True)
    assert "cost_price" not in as_user("manager").api("GET", f"/api/v1/product/{product.id}").get_json()["result"]
    answer = as_user("accountant").api("PUT", f"/api/v1/product/{product.id}", json={"cost_price": "-1"})
    assert (answer.status_code, list(answer.get_json()["message"])) == (422, ["cost_price"])
    assert session.get(Product, product.id).cost_price == 4


def test_the_matrix_has_them_as_areas_of_their_own(as_user, session):
    role = session.execute(select(Role).where(Role.name == "Sales manager")).unique().scalar_one()
    page = as_user("admin").get(f"/role/show/{role.id}").get_data(as_text=True)
    for text in ("Parties: personal data", "Parties: bank accounts", "Parties: credit limit", "Products: cost price"):
        assert text in page


def test_only_what_may_be_empty_is_guarded(app):
    """A form leaves out what one may not change: a field that must be filled would keep everybody from adding."""
    from app.db import Model

    for mapper in Model.registry.mappers:
        for name in field_right.guards(mapper.class_):
            column = mapper.columns.get(name)
            assert column is None or column.nullable, (mapper.class_, name)


def test_an_issued_document_is_as_it_was_printed_and_shows_nothing_beside(app, as_user, made, session, without):
    """A legal document says to every reader of it what it said to its addressee; what stands around it is cut."""
    made.organisation()
    buyer = made.buyer("Kade Negen", email="secret@example.org")
    issued, draft = made.issued(party=buyer), made.invoice(party=buyer)
    session.commit()
    files = Path(app.config["CRM_VAR"]) / "files"
    with unit_of_work(session):
        issued.file = attachments.store(
            session, io.BytesIO(b"%PDF-1.7 as printed"), files=files, name="a.pdf", media_type="application/pdf",
            entity="invoice", record_id=issued.id, at=clock.now(), by_id=None,
        )  # fmt: skip
    accountant = as_user("accountant")
    assert "secret@example.org" in accountant.get(f"/invoice/show/{issued.id}").text
    without("Accountant", party__personal="", party__bank_account="")
    for one in (issued, draft):
        page = accountant.get(f"/invoice/show/{one.id}")
        assert (page.status_code, "secret@example.org" in page.text) == (200, False)
    assert accountant.get(f"/api/v1/invoice/{issued.id}/pdf", buffered=True).data == b"%PDF-1.7 as printed"
    assert accountant.get(f"/invoice/pdf/{issued.id}", buffered=True).data == b"%PDF-1.7 as printed"
    assert accountant.get(f"/api/v1/invoice/{draft.id}/pdf").status_code == 409, "a draft has no file and no preview"
