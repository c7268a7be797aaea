"""Contracts on the screen, over REST, and on the customer's page."""

import re
from datetime import date, timedelta
from io import BytesIO

import pytest

from app import clock
from app.models.attachment import Attachment
from app.models.contract import Contract, ContractState, Side
from app.models.letter import Letter
from app.models.made_document import MadeDocument
from app.services import access, made_document
from app.services import attachment as attachments
from app.services import contract as contracts
from app.services import contract_link as links
from app.services import contract_obligation as obligations
from app.services import contract_signing as signing
from app.services import document_template as templates
from tests.attack import attack
from tests.mail import office

AGREED = {"name": "Anna de Vries", "position": "Director", "agreed": "y"}
MOST_STATEMENTS = 12
TYPED = {"subject": "Care of the garden", "kind": "service", "language": "nl", "currency": "EUR", "renewal": "none"}


@pytest.fixture
def sent(session, made) -> Contract:
    today = clock.now().date()
    contract = made.contract(
        state="sent",
        at=clock.now(),
        party=made.buyer(language="nl", owner="manager"),
        owner_id=made.user("manager").id,
        team_id=made.user("manager").profile.team_id,
        language="nl",
        valid_from=today,
        valid_until=today + timedelta(days=300),
    )
    session.commit()
    return contract


def page_of(contract: Contract) -> str:
    return links.url(contract, public_url="") or ""


def send(visitor, contract: Contract, verb: str, data: dict[str, str], path: str = ""):
    address = path or page_of(contract)
    return visitor.client.post(f"{address}/{verb}", data=data | {"csrf_token": visitor.token("/login/")})


def standing(session, contract: Contract) -> tuple[str, list[str]]:
    session.expire_all()
    return str(contract.state), [each.name for each in contract.signatures]


# --- the program ------------------------------------------------------------------------------------------------------


def test_a_manager_draws_up_a_contract_and_a_head_approves_it(as_user, session, made):
    party = made.buyer(owner="manager")
    ours = made.organisation()
    session.commit()
    manager = as_user("manager")
    typed = TYPED | {"party": str(party.id), "organisation": str(ours.id), "valid_from": "", "terms": ""}
    typed |= {"owner": str(made.user("manager").id), "team": str(made.user("manager").profile.team_id)}
    refused = manager.post("/contract/add", typed | {"renewal": "automatic", "subject": ""})
    assert refused.status_code == 422
    assert 'data-field="subject"' in refused.text
    assert manager.post("/contract/add", typed).status_code == 302
    contract = session.query(Contract).one()
    url = f"/contract/{contract.id}"
    manager.post(f"{url}/submit", {})
    assert standing(session, contract) == ("draft", [])
    edited = typed | {"valid_from": "2026-01-01", "terms": "We water.", "record_version": str(contract.version)}
    assert manager.post(f"/contract/edit/{contract.id}", edited).status_code == 302
    manager.post(f"{url}/submit", {})
    assert standing(session, contract) == ("approval", [])
    assert manager.post(f"{url}/approve", {}).status_code == 403
    assert as_user("head").post(f"{url}/approve", {}).status_code == 302
    session.expire_all()
    assert (str(contract.state), contract.number[:2]) == ("approved", "C-")


def test_the_card_costs_few_statements_and_says_what_holds(as_user, session, made, sent, statements):
    signing.sign_ours(session, sent, at=clock.now(), by=access.SYSTEM, name="Willem")
    signing.sign_theirs(session, sent, at=clock.now(), by=access.SYSTEM, name="Anna")
    obligations.owe(session, sent, text="Water", side=Side.ours, due_on=date(2020, 1, 31))
    contracts.amend(session, sent)
    made.order(party=sent.party, contract=sent)
    session.commit()
    manager = as_user("manager")
    manager.get(f"/contract/show/{sent.id}")
    statements.clear()
    page = manager.get(f"/contract/show/{sent.id}").text
    asked = [each for each in statements if each.startswith("SELECT")]
    assert len(asked) <= MOST_STATEMENTS, "\n".join(asked)
    for told in ("Willem", "Anna", "We water the tulips.", "1,200.00"):
        assert told in page
    tab = manager.get(f"/contract/{sent.id}/tab/obligations").text
    assert "overdue" in tab
    assert "C-" in manager.get(f"/contract/{sent.id}/tab/contract").text


def test_obligations_are_noted_done_and_undone_on_the_card(as_user, session, sent):
    manager = as_user("manager")
    url = f"/contract/{sent.id}"
    typed = {"text": "Water", "side": "ours", "due_on": "2026-04-30", "repeats": "monthly"}
    refused = manager.post(f"{url}/owe", typed | {"side": ""})
    assert refused.status_code == 422
    assert 'value="Water"' in refused.text
    manager.post(f"{url}/owe", typed)
    session.expire_all()
    key = str(sent.obligations[0].id)
    for verb, done in (("fulfil", True), ("reopen_obligation", False)):
        manager.post(f"{url}/{verb}", {"obligation": key})
        session.expire_all()
        assert (sent.obligations[0].done_on is not None, len(sent.obligations)) == (done, 1 + done)
    manager.post(f"{url}/drop_obligation", {"obligation": "999999999"})
    manager.post(f"{url}/drop_obligation", {"obligation": "x"})
    session.expire_all()
    assert len(sent.obligations) == 1


def test_lists_find_what_needs_somebody(as_user, session, made, sent):
    late = made.contract(
        state="active",
        at=clock.now(),
        subject="Late one",
        valid_until=clock.now().date() + timedelta(days=20),
        owner_id=sent.owner_id,
        team_id=sent.team_id,
    )
    obligations.owe(session, late, text="Water", side=Side.ours, due_on=date(2020, 1, 31))
    session.commit()
    manager = as_user("manager")
    for query, found in (("open=1", [sent]), ("late=1", [late]), ("ends=1", [late])):
        page = manager.get(f"/contract/list/?flt.state.{query}").text
        keys = {int(key) for key in re.findall(r'class="row-link" href="/contract/show/(\d+)', page)}
        assert (query, keys) == (query, {each.id for each in found})
    assert manager.get("/contract/list/count?flt.state.late=1").text.strip() == "1"


def test_rest_speaks_the_same_verbs(as_user, session, sent):
    api = as_user("manager")
    answer = api.api("POST", f"/api/v1/contract/{sent.id}/sign_ours", json={"name": "Willem", "position": "Owner"})
    assert answer.status_code == 200
    refused = api.api("POST", f"/api/v1/contract/{sent.id}/sign_ours", json={"name": "Eve"})
    assert refused.status_code == 422
    assert standing(session, sent) == ("sent", ["Willem"])


def test_a_document_is_made_of_a_draft_and_becomes_the_contract(as_user, session, made):
    who = made.user("manager")
    contract = made.contract(owner_id=who.id, team_id=who.profile.team_id, party=made.buyer(owner="manager"))
    template = templates.best(session, "contract", language="en", organisation=contract.organisation)
    session.commit()
    manager = as_user("manager")
    making = f"/document_making/contract/{contract.id}"
    assert making in manager.get(f"/contract/show/{contract.id}").text
    assert manager.post(making, {"template": str(template.id), "language": "en"}).status_code == 302
    document = session.query(MadeDocument).one()
    papers = f"/contract/{contract.id}/tab/papers"
    assert "PDF is being made" in manager.get(papers).text
    file = Attachment(entity="made_document", record_id=document.id, purpose="document", name="c.pdf")
    file.media_type, file.size, file.sha256 = "application/pdf", 7, "a" * 64
    session.add(file)
    session.flush()
    made_document.keep_file(session, document, file)
    session.commit()
    assert f'action="/contract/{contract.id}/choose_made"' in manager.get(papers).text
    for typed in ("999999999", "x", str(document.id)):
        manager.post(f"/contract/{contract.id}/choose_made", {"document": typed})
    session.expire_all()
    assert (contract.file.entity, contract.file.sha256) == ("contract", "a" * 64)
    page = manager.get(papers).text
    assert f'action="/contract/{contract.id}/choose_made"' not in page
    assert "This document is the contract" in page


def test_a_contract_is_sent_by_e_mail_from_its_card(as_user, session, sent):
    sent.organisation.email = "post@example.org"
    session.commit()
    manager = as_user("manager")
    card = manager.get(f"/contract/show/{sent.id}").text
    assert 'id="act-mail"' in card
    assert "{link}" in card
    typed = {"to": "nobody", "subject": "Contract", "text": "{link}"}
    with office():
        refused = manager.post(f"/contract/{sent.id}/mail", typed)
        assert (refused.status_code, 'value="nobody"' in refused.text) == (422, True)
        assert session.query(Letter).count() == 0
        manager.post(f"/contract/{sent.id}/mail", typed | {"to": "anna@example.org"})
    session.expire_all()
    letter = session.query(Letter).one()
    assert (letter.purpose, letter.to_address, letter.body, letter.owner_id) == (
        *("contract", "anna@example.org", "{link}"),
        sent.owner_id,
    )


# --- the customer's page ----------------------------------------------------------------------------------------------


def test_the_page_says_what_is_to_be_signed_in_four_languages_and_is_kept_nowhere(visitor, sent):
    answer = visitor.get(page_of(sent))
    assert answer.status_code == 200
    assert '<html lang="nl"' in answer.text
    for told in ("Care of the garden", "We water the tulips.", "Grachten Handel", str(sent)):
        assert told in answer.text
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"
    assert (answer.headers["Referrer-Policy"], answer.headers["Cache-Control"]) == ("no-referrer", "no-store")
    for code in ("en", "ru", "hy"):
        assert f'<html lang="{code}"' in visitor.get(f"{page_of(sent)}?lang={code}").text


def test_the_customer_signs_with_name_position_and_a_tick(visitor, session, sent):
    for missing in AGREED:
        given = {name: value for name, value in AGREED.items() if name != missing}
        refused = send(visitor, sent, "accept", given)
        assert refused.status_code == 422
        assert f'data-field="{missing}"' in refused.text
    assert 'value="Director"' in send(visitor, sent, "accept", AGREED | {"name": ""}).text
    assert standing(session, sent) == ("sent", [])
    assert send(visitor, sent, "accept", AGREED).status_code == 200
    assert standing(session, sent) == ("sent", ["Anna de Vries"])
    theirs = sent.signed_by(Side.theirs)
    assert theirs is not None
    assert (theirs.position, theirs.address, theirs.content_sha256) == ("Director", "127.0.0.1", signing.digest(sent))


@attack(170, "a second answer by a contract's link")
def test_a_link_is_used_once(visitor, session, sent):
    address = page_of(sent)
    assert send(visitor, sent, "decline", {"name": "Anna", "reason": "Te duur"}).status_code == 200
    for verb, given in (("accept", AGREED), ("decline", {"name": "Eve", "reason": "No"})):
        assert send(visitor, sent, verb, given, path=address).status_code == 404
    assert [visitor.get(f"{address}{way}").status_code for way in ("", "/pdf")] == [404, 404]
    assert standing(session, sent) == ("draft", [])
    assert sent.reason == "Anna: Te duur"


@attack(171, "what a dead link of a contract tells of it")
def test_a_link_that_does_not_work_says_the_same_whatever_is_wrong(visitor, session, sent):
    unknown = bare(visitor.get("/c/" + "0" * 64).text)
    first = page_of(sent)
    links.renew(session, sent, at=clock.now())
    session.commit()
    told = [bare(visitor.get(first).text)]
    second = page_of(sent)
    links.revoke(session, sent, at=clock.now())
    session.commit()
    told.append(bare(visitor.get(second).text))
    links.renew(session, sent, at=clock.now())
    third = page_of(sent)
    sent.link_until = clock.now().date() - timedelta(days=2)
    session.commit()
    told.append(bare(visitor.get(third).text))
    assert told == [unknown] * 3
    assert str(sent) not in unknown
    assert standing(session, sent) == ("sent", [])


def bare(page: str) -> str:
    """A page without what differs from request to request."""
    page = re.sub(r'(nonce|name="csrf_token" value|content)="[^"]*"', "", page)
    return re.sub(r"<!--.*?-->|/c/[0-9a-f]+", "", page, flags=re.DOTALL)


@attack(172, "the file of another contract as signed copy or as the contract")
def test_only_files_of_its_own_belong_to_a_contract(as_user, app, session, made, sent):
    signing.sign_ours(session, sent, at=clock.now(), by=access.SYSTEM, name="Willem")
    other = made.contract()
    foreign, text, own = (
        attachments.store(
            session,
            BytesIO(b"%PDF-1.7"),
            files=app.config["CRM_VAR"] / "files",
            name="copy.pdf",
            media_type=kind,
            entity="contract",
            record_id=record.id,
            at=clock.now(),
            by_id=None,
        )
        for record, kind in ((other, "application/pdf"), (sent, "text/plain"), (sent, "application/pdf"))
    )
    session.commit()
    manager = as_user("manager")
    seen = []
    for key in (foreign.id, text.id, own.id, foreign.id):
        manager.post(f"/contract/{sent.id}/keep_copy", {"side": "ours", "file": str(key)})
        session.expire_all()
        seen.append(sent.signatures[0].file_id)
    assert seen == [None, None, own.id, own.id]


@attack(173, "a contract of somebody else, its verbs and its link, by its number")
def test_a_foreign_contract_is_not_there(as_user, session, sent):
    stranger = as_user("manager2")
    url = f"/contract/{sent.id}"
    assert [stranger.get(f"{url}{way}").status_code for way in ("/tab/obligations", "/beside")] == [404, 404]
    assert stranger.get(f"/contract/show/{sent.id}").status_code == 404
    for verb in ("sign_ours", "revoke", "cancel", "amend"):
        assert stranger.post(f"{url}/{verb}", {"name": "Eve", "reason": "Mine"}).status_code == 404
    assert standing(session, sent) == (ContractState.sent.value, [])
    assert page_of(sent)
