"""Contracts on paper: what templates know of one, which document becomes its file, and the letter with its page."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.errors import DomainError, Refusals
from app.models.attachment import Attachment
from app.models.contract import Contract, ContractState, Renewal
from app.models.document_template import DocumentTemplate, PaperKind
from app.models.letter import Letter
from app.models.made_document import MadeDocument, MadeState
from app.services import (
    access,
    contract_made,
    document_chain,
    document_field,
    document_make,
    letter_ledger,
    letter_office,
    made_document,
    public_link,
)
from app.services import contract as contracts
from app.services import contract_link as links
from app.services import contract_signing as signing
from app.services import document_template as templates
from app.services import letter as letters
from app.services.letter_office import Office
from tests.attack import attack

D = Decimal
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
BY = access.SYSTEM
S = ContractState


@pytest.fixture
def office():
    before = letter_office.use(
        lambda: Office(problem=None, sender="", host="crm.example.org", public_url="https://crm.example.org")
    )
    yield
    letter_office.use(before)


def paper():
    return document_field.of(PaperKind.contract, Contract)


def best(session, contract, language="en") -> DocumentTemplate:
    return templates.best(session, "contract", language=language, organisation=contract.organisation)


def document_of(session, contract, *, has_file=True, **template) -> MadeDocument:
    """A document that was made of a contract, with the file that a worker would have made."""
    record = best(session, contract)
    for name, value in template.items():
        setattr(record, name, value)
    made = document_make.make(session, contract, record, language="en", by=None, at=NOON)
    if has_file:
        about = {"entity": "made_document", "record_id": made.id, "purpose": made_document.PURPOSE}
        file = Attachment(**about, name="c.pdf", media_type="application/pdf", size=7, sha256=f"{made.id:064x}")
        session.add(file)
        session.flush()
        made_document.keep_file(session, made, file)
    session.flush()
    return made


def choose(session, contract, made) -> None:
    contract_made.choose(session, contract, document=made.id, at=NOON, by=BY)


def refused(session, contract, made) -> tuple[str | None, str]:
    """Where and why a document does not become the file; the file stays what it was."""
    before = contract.file_id
    with pytest.raises(DomainError) as caught:
        choose(session, contract, made)
    assert contract.file_id == before
    return caught.value.field, str(caught.value)


# --- what templates know ----------------------------------------------------------------------------------------------


def test_templates_know_what_a_contract_says_and_who_signs(session, made):
    contract = made.contract(
        renewal=Renewal.automatic, renew_months=12, notice_days=14, tax_note="VAT included", place="Amsterdam"
    )
    said = document_make.taken(session, paper(), contract, "en", on=NOON.date())
    told = {
        name: said[name] for name in ("number", "amends", "kind", "subject", "terms", "place", "amount", "currency")
    }
    assert told == {
        "number": None,
        "amends": None,
        "kind": "Sale of goods",
        "subject": "Care of the garden",
        "terms": "We water the tulips.",
        "place": "Amsterdam",
        "amount": "1200.00",
        "currency": "EUR",
    }
    days = {name: said[name] for name in ("valid_from", "valid_until", "renew_months", "notice_days", "made_on")}
    assert days == {
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
        "renew_months": "12",
        "notice_days": "14",
        "made_on": "2026-03-31",
    }
    assert (said["is_renewed"], said["is_renewable"]) == (True, False)
    assert (said["buyer.name"], said["ours.person"]) == (contract.party.legal_name or contract.party.name, None)


def test_an_amendment_names_its_contract_and_has_its_signers(session, made):
    contract = made.contract(state="active")
    amendment = contracts.amend(session, contract)
    said = document_make.taken(session, paper(), amendment, "en", on=NOON.date())
    assert (said["number"], said["amendment"], said["amends"]) == (None, "1", "C-2026-00001")
    assert (said["ours.person"], said["theirs.person"]) == ("Willem", "Anna de Vries")


def test_a_contract_without_a_first_day_makes_no_document(session, made):
    contract = made.contract(valid_from=None)
    with pytest.raises(document_make.MissingData) as caught:
        document_make.make(session, contract, best(session, contract), language="en", by=None, at=NOON)
    assert [(each.name, each.place.stem, each.place.record_id) for each in caught.value.missing] == [
        ("valid_from", "contract", contract.id)
    ]
    assert session.scalars(select(MadeDocument.id)).all() == []


# --- which document is the contract -----------------------------------------------------------------------------------


def test_a_document_becomes_the_file_of_its_contract_which_keeps_a_copy_of_its_own(session, made):
    contract = made.contract(terms=None)
    document = document_of(session, contract)
    choose(session, contract, document)
    file = contract.file
    assert (file.entity, file.record_id, file.sha256) == ("contract", contract.id, document.sha256)
    assert file.id != document.file_id
    assert signing.content(contract)["file"] == document.sha256
    contracts.submit(session, contract)
    assert contract.state is S.approval
    assert refused(session, contract, document)[0] == "state"


@attack(201, "a document of another contract, an unapproved one, or one with other words as the contract's file")
def test_only_what_says_the_same_becomes_the_contract(session, made):
    contract, other = made.contract(), made.contract()
    assert refused(session, contract, document_of(session, other)) == (
        "document",
        "This is no document of this contract",
    )
    assert refused(session, contract, document_of(session, contract, has_file=False))[1] == (
        "The file of this document is not made yet"
    )
    cancelled = document_of(session, contract)
    made_document.cancel(session, cancelled)
    assert refused(session, contract, cancelled)[0] == "state"
    document = document_of(session, contract)
    contract.amount = D(5)
    contracts.save(session, contract)
    session.flush()
    assert refused(session, contract, document) == (
        "document",
        "The contract says something else now (Amount): make it again",
    )
    unapproved = document_of(session, contract, needs_approval=True)
    assert refused(session, contract, unapproved) == ("state", "This document needs to be approved first")
    unapproved.state = MadeState.approval
    made_document.approve(session, unapproved, by=None, at=NOON)
    session.flush()
    choose(session, contract, unapproved)
    assert contract.file.sha256 == unapproved.sha256


def test_what_was_approved_as_words_alone_is_printed_with_its_number_until_somebody_signs(session, made):
    contract, signed = made.contract(), made.contract(state="approved")
    early = document_of(session, contract)
    contracts.submit(session, contract)
    contracts.approve(session, contract, at=NOON, by=BY)
    assert refused(session, contract, early)[1] == ("The contract says something else now (Number): make it again")
    late = document_of(session, contract)
    assert late.title.endswith(str(contract))
    choose(session, contract, late)
    assert (contract.state, contract.file.sha256) == (S.approved, late.sha256)
    assert refused(session, contract, late) == (
        "state",
        "The file of this contract is approved: take the contract back to change it",
    )
    document = document_of(session, signed)
    signing.sign_ours(session, signed, at=NOON, by=BY, name="Willem")
    assert refused(session, signed, document) == ("state", "Somebody has signed it already")


def test_a_draft_that_says_something_else_loses_what_was_made_of_it(session, made):
    contract = made.contract()
    choose(session, contract, document_of(session, contract))
    contract.note, contract.reminder_days = "Call them", 5
    contracts.save(session, contract)
    session.flush()
    assert contract.file is not None
    contract.terms = "We water the roses."
    contracts.save(session, contract)
    session.flush()
    assert contract.file is None
    [copy] = session.scalars(select(Attachment).where(Attachment.purpose == contracts.MADE)).all()
    with pytest.raises(DomainError, match="no file of this contract"):
        signing.choose_file(session, contract, file=copy.id)  # the way for files that staff attach
    assert contract.file is None


# --- the letter -------------------------------------------------------------------------------------------------------


@attack(202, "the link of a contract's page, read in the ledger of letters")
@pytest.mark.usefixtures("office")
def test_the_letter_sends_what_is_approved_and_holds_the_place_of_its_link_alone(session, made):
    contract = made.contract(state="approved", language="nl", party=made.buyer(email="anna@example.org"))
    contract.organisation.email = "post@example.org"
    letter = letters.send_contract(session, contract, at=NOON, by=None)
    assert (contract.state, contract.sent_on, contract.link_until) == (S.sent, date(2026, 3, 31), date(2026, 4, 30))
    assert (letter.purpose, letter.entity, letter.record_id) == ("contract", "contract", contract.id)
    assert (letter.to_address, letter.language, letter.attachment) == ("anna@example.org", "nl", None)
    token = (links.url(contract, public_url="") or "").rpartition("/")[2]
    assert (public_link.PLACE in letter.body, token in letter.body) == (True, False)
    claim = letter_ledger.claim(session, letter.id, at=NOON)
    assert f"https://crm.example.org/c/{token}" in claim.body
    assert public_link.PLACE in session.scalars(select(Letter.body)).one()


@pytest.mark.usefixtures("office")
def test_a_letter_brings_the_file_and_opens_a_page_that_has_closed(session, made):
    contract = made.contract()
    choose(session, contract, document_of(session, contract))
    contract.organisation.email = "post@example.org"
    contracts.submit(session, contract)
    contracts.approve(session, contract, at=NOON, by=BY)
    contracts.send(session, contract, at=NOON)
    first = links.url(contract, public_url="")
    letter = letters.send_contract(session, contract, at=NOON + timedelta(days=40), by=None, to="jan@example.org")
    assert (letter.to_address, letter.attachment) == ("jan@example.org", contract.file)
    assert links.url(contract, public_url="") != first
    assert contract.link_until == date(2026, 6, 9)


@pytest.mark.usefixtures("office")
def test_no_letter_leaves_for_a_draft_for_what_they_have_signed_or_without_an_address(session, made):
    contract = made.contract(party=made.buyer(email=None))
    contract.organisation.email = "post@example.org"
    with pytest.raises(DomainError) as caught:
        letters.send_contract(session, contract, at=NOON, by=None)
    assert (caught.value.field, contract.state) == ("state", S.draft)
    contracts.submit(session, contract)
    contracts.approve(session, contract, at=NOON, by=BY)
    session.commit()
    with pytest.raises(DomainError, match="no e-mail address") as caught:
        letters.send_contract(session, contract, at=NOON, by=None)
    assert caught.value.field == "to"
    session.rollback()
    assert (contract.state, contract.sent_on) == (S.approved, None)
    with pytest.raises(Refusals) as wrong:
        letters.send_contract(session, contract, at=NOON, by=None, to="nobody")
    assert list(wrong.value.errors) == ["to"]
    session.rollback()
    contracts.send(session, contract, at=NOON)
    signing.sign_theirs(session, contract, at=NOON, by=BY, name="Anna")
    with pytest.raises(DomainError, match="does not wait for the customer"):
        letters.send_contract(session, contract, at=NOON, by=None, to="anna@example.org")
    assert session.scalars(select(Letter.id)).all() == []


# --- the chain --------------------------------------------------------------------------------------------------------


def shape(node) -> tuple[str, bool, list]:
    return node.record.__stem__, node.is_here, [shape(each) for each in node.after]


def test_a_contract_stands_above_what_was_ordered_and_invoiced_under_it(session, made):
    party = made.buyer()
    deal = made.deal(party=party)
    contract = made.contract(state="active", party=party, deal=deal)
    order = made.order(party=party, contract=contract)
    made.order(party=party, contract=contract)  # another one under the same contract is no part of the chain
    assert [shape(each) for each in document_chain.chain(session, order)] == [
        ("deal", False, [("contract", False, [("order", True, [])])])
    ]
    [tree] = document_chain.chain(session, deal)
    assert shape(tree) == ("deal", True, [("contract", False, [])])
    assert (tree.after[0].amount, tree.after[0].on, tree.after[0].kind) == (D("1200.00"), date(2026, 1, 1), None)


def test_an_invoice_without_an_order_stands_below_its_contract(session, made):
    contract = made.contract(state="active")
    invoice = made.invoice(party=contract.party, contract=contract)
    assert [shape(each) for each in document_chain.chain(session, invoice)] == [
        ("contract", False, [("invoice", True, [])])
    ]
