"""The card: what it costs, what may be done and why not, its tabs, its tags, its place in the list, its copies."""

import html
import re
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.models.party import PartyContact
from app.models.role import RoleChange
from app.models.tag import Tag, Tagging
from app.services import invoice as invoices
from app.services import payment as payments
from app.services import sale_order as orders
from app.services import tag as tags
from app.services.allocation import When
from tests.attack import attack

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
MOST = 12  # statements of a page


@pytest.fixture
def business(session: Any, made: Any) -> dict[str, Any]:
    """A customer of the manager's with an order, its paid invoice, a draft and a payment."""
    party = made.buyer(owner="manager")
    party.contacts.append(PartyContact(name="Anna", email="anna@example.org"))
    whose = {"party": party, "owner_id": party.owner_id, "team_id": party.team_id}
    order = made.order(("3", "10.00"), ("2", "5.00"), **whose)
    orders.confirm(session, order, at=AT)
    invoice = orders.invoice(session, order)
    invoices.issue(session, invoice, at=AT)
    payment = made.payment("10.00", **whose)
    payments.allocate(session, payment, when=When(at=AT))
    draft = made.invoice(**whose)
    tags.add(session, party, name="VIP")
    session.commit()
    return {"party": party, "order": order, "invoice": invoice, "payment": payment, "draft": draft}


def address(record: Any, more: str = "") -> str:
    return f"/{record.__stem__}/show/{record.id}{more}"


def text_of(page: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", page).split()))


# --- cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("username", ["head", "accountant", "auditor"])
def test_a_card_costs_at_most_twelve_statements(as_user, business, statements, username):
    reader = as_user(username)
    costs = {}
    for name, record in business.items():
        reader.get(address(record))
        statements.clear()
        assert reader.get(address(record)).status_code == 200
        costs[name] = len(statements)
    assert max(costs.values()) <= MOST, costs


def test_a_head_whose_role_was_changed_pays_no_statement_more(as_user, session, business, statements, made):
    role = session.scalar(select(Role).where(Role.name == "Head of sales"))
    session.add(RoleChange(role_id=role.id, area="product", verb="delete", is_granted=True))
    stranger = made.party("Bought nothing yet", owner="manager")
    session.commit()
    reader = as_user("head")
    costs = {}
    for name, record in (business | {"stranger": stranger}).items():
        reader.get(address(record))
        statements.clear()
        assert reader.get(address(record)).status_code == 200
        costs[name] = len(statements)
    assert max(costs.values()) <= MOST, costs


def test_rows_of_a_closed_tab_are_counted_and_not_read(as_user, business, statements):
    reader = as_user("head")
    statements.clear()
    page = reader.get(address(business["party"])).text
    reading = [one for one in statements if "FROM party_contact" in one]
    assert len(reading) == 1  # with the counters of all tabs
    assert "union all" in reading[0].lower()
    assert "anna@example.org" not in page
    assert re.search(r'data-tab="contacts"[^>]*>[^<]*<span class="count">1<', page)


# --- tabs -------------------------------------------------------------------------------------------------------------


def test_a_tab_is_a_link_and_comes_alone_too(as_user, business):
    reader, party = as_user("head"), business["party"]
    whole = reader.get(address(party, "?tab=contacts")).text
    assert "anna@example.org" in whole
    assert "<h1>" in whole
    part = reader.get(f"/party/{party.id}/tab/contacts").text
    assert "anna@example.org" in part
    assert "<h1>" not in part


def test_an_unknown_tab_shows_the_facts(as_user, business):
    page = as_user("head").get(address(business["party"], "?tab=nothing")).text
    assert 'data-part-of="facts"' in page


def test_a_related_area_shows_its_rows_and_leads_to_its_list(as_user, business):
    reader, party = as_user("head"), business["party"]
    part = reader.get(f"/party/{party.id}/tab/order").text
    assert f'href="/order/show/{business["order"].id}"' in part
    assert f'href="/order/list/?flt.party.eq={party.id}"' in part
    assert f'href="/order/add?party={party.id}"' in part


def test_a_related_area_without_the_right_is_no_tab(as_user, business):
    page = as_user("marketer").get(address(business["party"])).text
    assert re.findall(r'data-tab="(\w+)"', page) == [
        "facts",
        "figures",
        "group",
        "personal",
        "contacts",
        "addresses",
        "channels",
        "identifiers",
        "interests",
        "deal",
        "lead",
        "rule_occurrence",
    ]
    part = as_user("marketer").get(f"/party/{business['party'].id}/tab/order").text
    assert f"/order/show/{business['order'].id}" not in part


def test_a_counter_counts_only_what_the_reader_sees(as_user, session, made, business):
    party = business["party"]
    made.order(party=party)  # nobody's
    session.commit()
    counted = re.compile(r'data-tab="order"[^>]*>[^<]*<span class="count">(\d+)<')
    assert counted.search(as_user("accountant").get(address(party)).text)[1] == "2"
    assert counted.search(as_user("manager").get(address(party)).text)[1] == "1"


# --- what may be done, and why not -----------------------------------------------------------------------------------


def refused(page: str) -> dict[str, str]:
    found = re.findall(r'aria-describedby="refused-(\w+)">.*?id="refused-\1">([^<]*)<', page, re.DOTALL)
    return {name: html.unescape(why) for name, why in found}


NOTHING_GIVEN = {"issue", "send", "confirm", "reopen", "finish", "invoice", "deliver", "remind", "allow_reminders"}


def test_what_is_not_possible_says_why_in_the_words_of_the_refusal(as_user, business):
    """A verb that the card shows as impossible is refused by REST with the same text."""
    reader = as_user("accountant")
    told = 0
    for name, given in (("order", {}), ("invoice", {}), ("draft", {"reason": "x"}), ("payment", {})):
        record = business[name]
        for verb, why in refused(reader.get(address(record)).text).items():
            body = given | ({"to": "a@example.org"} if verb == "send" else {})
            body = {"reason": "bad_debt"} if verb == "write_off" else {"amount": "1.00"} if verb == "pay" else body
            body = {} if verb in NOTHING_GIVEN else body
            body = {"reason": "x"} if verb in {"cancel", "close", "block_reminders"} else body
            answer = reader.api("POST", f"/api/v1/{record.__stem__}/{record.id}/{verb}", json=body)
            assert answer.status_code == 422, (name, verb, answer.json)
            assert [why] in answer.json["message"].values(), (name, verb, answer.json)
            told += 1
    assert told >= 8


def test_an_invoiced_order_says_why_it_is_neither_cancelled_nor_invoiced_again(as_user, business):
    why = refused(as_user("accountant").get(address(business["order"])).text)
    assert why["cancel"] == "Something of this order is invoiced; credit or delete its invoices first"
    assert why["invoice"] == "Everything of this order is invoiced already"
    assert why["confirm"] == "This cannot be done while the state is “In progress”"
    assert "finish" not in why


def test_a_draft_says_what_it_lacks_to_be_issued(as_user, session, made):
    draft = made.invoice(party=made.party("Without an address"))
    session.commit()
    why = refused(as_user("accountant").get(address(draft)).text)
    assert why["issue"] == "The address of the buyer is missing"


def test_a_verb_without_the_right_is_not_told_of(as_user, business):
    page = as_user("auditor").get(address(business["invoice"])).text
    assert refused(page) == {}
    assert f"/invoice/{business['invoice'].id}/close" not in page


def test_the_states_stand_in_order_and_the_next_one_is_a_button(as_user, session, made):
    order = made.order()
    session.commit()
    page = as_user("accountant").get(address(order)).text
    bar = page[page.index('<ol class="state-bar"') : page.index("</ol>", page.index('<ol class="state-bar"'))]
    assert re.findall(r'<li class="state-step([^"]*)"', bar) == [" is-now", "", "", "", ""]
    assert 'form="act-confirm"' in bar
    assert "Cancelled" not in bar


def test_at_most_two_acts_stand_beside_the_menu(as_user, business):
    page = as_user("accountant").get(address(business["invoice"])).text
    head = page[page.index('class="head-right"') : page.index('id="more"')]
    shown = re.findall(r'<(?:details|form)[^>]* id="act-(\w+)"', head)
    assert shown == ["send", "pay"]
    assert head.count("<summary") == len(re.findall(r'<summary class="btn', head)) == 2
    assert head.count('<summary class="btn btn-primary"') == 1, "one act is the first"


# --- archive with a way back ------------------------------------------------------------------------------------------


def test_archiving_offers_the_way_back(as_user, session, made):
    party = made.party()
    session.commit()
    office = as_user("office")
    office.post(f"/party/{party.id}/archive")
    page = office.get(address(party)).text
    assert f'action="/party/{party.id}/restore"' in page
    session.expire_all()
    assert party.archived_at is not None
    office.post(f"/party/{party.id}/restore")
    session.expire_all()
    assert party.archived_at is None


# --- tags -------------------------------------------------------------------------------------------------------------


def test_who_may_change_a_record_tags_it(as_user, session, business):
    manager, party = as_user("manager"), business["party"]
    answer = manager.post(f"/party/{party.id}/tag", {"tag": "Trade fair"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/party/show/{party.id}")
    assert [tag.name for tag in session.scalars(tags.of(party))] == ["Trade fair", "VIP"]
    key = session.scalar(select(Tag.id).where(Tag.name == "VIP"))
    manager.post(f"/party/{party.id}/untag/{key}")
    assert [tag.name for tag in session.scalars(tags.of(party))] == ["Trade fair"]
    card = manager.get(f"/party/show/{party.id}").text
    assert "The tag “VIP” is taken off." in card
    assert f'action="/party/{party.id}/tag"' in card, "the way back"


@pytest.mark.parametrize(("username", "status"), [("auditor", 403), ("manager2", 404)])
def test_others_do_not(as_user, session, business, username, status):
    party = business["party"]
    assert as_user(username).post(f"/party/{party.id}/tag", {"tag": "Mine"}).status_code == status
    assert len(session.scalars(select(Tagging)).all()) == 1


def test_lists_are_filtered_by_tag_and_show_tags(as_user, made, session, business):
    made.party("Without a tag", owner="manager")
    session.commit()
    reader = as_user("head")
    key = session.scalar(select(Tag.id))
    for wanted in (key, "vip"):
        page = reader.get(f"/party/list/?flt.tags.eq={wanted}&cols=name,tags").text
        assert "Tulpen" in page
        assert "Without a tag" not in page
        assert '<span class="tag tag-' in page
    assert "Tulpen" not in reader.get(f"/party/list/?flt.tags.neq={key}").text


def test_a_column_of_tags_costs_one_statement(as_user, business, made, session, statements):
    for number in range(5):
        tags.add(session, made.party(f"P{number}", owner="manager"), name=f"tag {number}")
    session.commit()
    reader = as_user("head")
    costs = {}
    for columns in ("name", "name,tags"):
        reader.get(f"/party/list/?cols={columns}")
        statements.clear()
        reader.get(f"/party/list/?cols={columns}")
        costs[columns] = len(statements)
    assert costs["name,tags"] - costs["name"] == 1


# --- the place in the list --------------------------------------------------------------------------------------------


@pytest.fixture
def three(session: Any, made: Any) -> list[Any]:
    found = [
        made.party("Party a", owner="manager", country="NL"),
        made.party("Party b", owner="manager", country="AM"),
        made.party("Party c", owner="manager", country="NL"),
    ]
    made.party("Party d", owner="manager2", country="NL")
    session.commit()
    return found


def beside(reader: Any, record: Any, query: str = "") -> tuple[str, list[str]]:
    page = reader.get(f"/party/{record.id}/beside?{query}").text
    at = re.search(r'class="beside-at">([^<]*)<', page)
    return at[1] if at else "", re.findall(r'href="(/party[^"]*)"', html.unescape(page))


def test_a_card_stands_in_its_list_between_its_neighbours(as_user, three):
    reader = as_user("manager")
    a, b, c = (one.id for one in three)
    assert beside(reader, three[1]) == ("2 of 3", [f"/party/show/{a}", f"/party/show/{c}"])
    assert beside(reader, three[0]) == ("1 of 3", [f"/party/show/{b}"])
    query = urlencode({"flt.country.eq": "NL", "order": "-name"})
    carried = urlencode({"from": query})
    assert beside(reader, three[0], query) == ("2 of 2", [f"/party/show/{c}?{carried}"])
    assert beside(reader, three[1], query) == ("", [])


@pytest.mark.parametrize("face", ["/party/list/", "/party/gallery", "/order/board", "/order/calendar"])
def test_every_face_of_a_list_leads_to_cards_that_know_it(as_user, business, face):
    stem = face.split("/")[1]
    wish = urlencode({"flt.owner.eq": str(business["order"].owner_id)}) if stem == "order" else "flt.country.eq=NL"
    day = f"start=ordered_on&on={business['order'].ordered_on.isoformat()}"  # of the calendar
    page = html.unescape(as_user("head").get(f"{face}?{wish}&{day}").text)
    links = set(re.findall(rf'href="/{stem}/show/\d+([^"]*)"', page))
    assert links, face
    for link in links:
        assert dict(parse_qsl(link.removeprefix("?")))["from"].startswith(wish), link


def test_the_place_costs_the_card_nothing_and_two_statements_by_itself(as_user, three, statements):
    reader = as_user("manager")
    reader.get(f"/party/{three[1].id}/beside")
    statements.clear()
    reader.get(f"/party/{three[1].id}/beside")
    assert len([one for one in statements if "FROM party" in one]) == 2


def test_a_foreign_card_has_no_place(as_user, three):
    assert as_user("manager2").get(f"/party/{three[0].id}/beside").status_code == 404


def test_a_row_of_a_filtered_list_remembers_it_and_the_card_leads_back(as_user, three):
    reader = as_user("manager")
    page = html.unescape(reader.get("/party/list/?flt.country.eq=NL").text)
    carried = urlencode({"from": "flt.country.eq=NL"})
    assert f'href="/party/show/{three[0].id}?{carried}"' in page
    card = html.unescape(reader.get(f"/party/show/{three[0].id}?{carried}").text)
    assert 'href="/party/list/?flt.country.eq=NL"' in card
    plain = reader.get("/party/list/").text
    assert f'href="/party/show/{three[0].id}"' in plain


# --- copies -----------------------------------------------------------------------------------------------------------


def value_of(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*id="{name}"[^>]*>', page)
    assert found, name
    given = re.search(r'value="([^"]*)"', found[0])
    return html.unescape(given[1]) if given else ""


def test_a_copy_begins_as_its_original_without_what_makes_that_one_itself(as_user, session, made):
    party = made.party(owner="manager", tax_number="NL854502130B01", external_id="1C-7", email="info@example.org")
    party.contacts.append(PartyContact(name="Anna"))
    session.commit()
    manager = as_user("manager")
    assert f'href="/party/add?copy={party.id}"' in manager.get(address(party)).text
    page = manager.get(f"/party/add?copy={party.id}").text
    assert value_of(page, "name") == "Tulpen & Zonen B.V."
    assert value_of(page, "external_id") == ""
    assert value_of(page, "contacts-0-name") == "Anna"
    assert re.search(r'name="contacts-0-id"', page)
    assert not re.search(r'name="contacts-0-id"[^>]*value="\d', page)


@attack(15, "a copy of a foreign record")
def test_a_copy_of_a_foreign_record_begins_empty(as_user, session, made):
    party = made.party("Secret", owner="manager2")
    session.commit()
    assert "Secret" not in as_user("manager").get(f"/party/add?copy={party.id}").text


# --- chain ------------------------------------------------------------------------------------------------------------


def test_a_chain_names_what_followed_from_what(as_user, business):
    reader = as_user("accountant")
    for name in ("order", "invoice", "payment"):
        record = business[name]
        part = reader.get(f"/{record.__stem__}/{record.id}/tab/chain").text
        places = [part.index(str(business[one])) for one in ("order", "invoice")]
        assert places == sorted(places)
        assert part.count('class="node') - part.count('class="node-') == 3
        assert part.count('aria-current="true"') == 1


def test_a_foreign_document_of_a_chain_is_there_without_its_content(as_user, session, made, business):
    invoice = business["invoice"]
    invoice.owner_id = invoice.team_id = None
    session.commit()
    part = as_user("manager").get(f"/order/{business['order'].id}/tab/chain").text
    assert "A document that you cannot see" in part
    assert invoice.number not in part
    assert f"/invoice/show/{invoice.id}" not in part


def test_days_and_amounts_of_a_chain_are_the_documents_own(as_user, business):
    part = text_of(as_user("accountant").get(f"/order/{business['order'].id}/tab/chain").text)
    assert business["invoice"].issued_on == date(2026, 3, 31)
    assert "31 Mar 2026" in part
    assert "€48.40" in part
