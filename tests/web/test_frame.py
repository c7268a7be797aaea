"""The frame around every page: what one may add, settings, widths, ways back, first steps, the glossary, installing."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.i18n import LANGUAGES
from app.models.activity import ActivityKind
from app.models.invoice import Invoice, InvoiceKind, InvoiceState
from app.models.saved_view import SavedView
from app.models.team import Density, UserProfile
from app.services import planned
from app.services import user as users
from app.services.access import SYSTEM
from app.web import glossary, ways
from tests.conftest import Browser
from tests.factories import Made, user

SignIn = Callable[[str], Browser]
MAIN = {"language": "en", "time_zone": "UTC", "theme": "dark", "density": "compact", "start_page": "", "page_size": ""}


def profile_of(session: Session, name: str) -> UserProfile:
    session.expire_all()
    found = users.profile(session, user(session, name).id)
    assert found is not None
    return found


def created(page: str) -> list[str]:
    menu = re.search(r'<details class="drop create">(.*?)</details>', page, re.DOTALL)
    return re.findall(r'<a href="([^"]+)"', menu[1]) if menu else []


# --- menus ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "may_add"),
    [
        (
            "manager",
            [
                *(f"/{area}/add" for area in ("lead", "deal", "activity", "party", "quote", "order", "contract")),
                "/segment/add",
            ],
        ),
        (
            "accountant",
            [
                *(f"/{area}/add" for area in ("activity", "party", "order", "invoice", "payment")),
                *(f"/{area}/add" for area in ("product", "product_category", "price_list", "discount_rule")),
            ],
        ),
        ("auditor", []),
    ],
)
def test_the_menu_offers_what_the_reader_may_add(as_user: SignIn, name: str, may_add: list[str]):
    found = created(as_user(name).get("/home/").text)
    assert [way for way in found if way != "/tag/add"] == may_add  # everybody with a form makes tags


def test_an_administrators_menu_has_ten_entries_with_the_daily_ones_first(as_user: SignIn):
    found = created(as_user("admin").get("/home/").text)
    assert len(found) == 10
    assert found[:5] == [f"/{area}/add" for area in ("lead", "deal", "activity", "party", "quote")]


@pytest.mark.parametrize("name", ["admin", "manager", "head", "accountant", "marketer", "office", "auditor"])
def test_no_sidebar_has_more_than_eight_groups(as_user: SignIn, name: str):
    page = as_user(name).get("/home/").text
    assert 1 <= page.count('<details class="side-part"') <= 7  # and the one without a heading


def test_the_sidebar_stays_narrow_and_its_groups_folded(as_user: SignIn, session: Session):
    office = as_user("office")
    assert 'data-side="narrow"' not in office.get("/home/").text
    for name in ("side", "group:sales"):
        assert office.post("/profile/away", {"name": name, "away": "1", "quiet": "1"}).status_code == 204
    page = office.get("/home/").text
    assert 'data-side="narrow"' in page
    assert 'data-part="group:sales">' in page
    office.post("/profile/away", {"name": "side", "away": "0"})
    assert profile_of(session, "office").put_away == ["group:sales"]


def test_a_part_that_has_no_name_is_refused(as_user: SignIn, session: Session):
    assert as_user("office").post("/profile/away", {"name": "<script>", "away": "1"}).status_code == 400
    assert profile_of(session, "office").put_away == []


# --- settings ---------------------------------------------------------------------------------------------------------


def test_settings_hold_at_once(as_user: SignIn, session: Session):
    office = as_user("office")
    page = office.post("/profile/", MAIN | {"page_size": "50"}, follow_redirects=True).text
    assert 'data-theme="dark" data-density="compact"' in page
    assert '<meta name="theme-color" content="#131816">' in page
    kept = profile_of(session, "office")
    assert (kept.density, kept.page_size, kept.start_page) == (Density.compact, 50, None)


def test_one_choice_alone_leaves_the_others(as_user: SignIn, session: Session):
    office = as_user("office")
    office.post("/profile/", MAIN)
    assert office.post("/profile/", {"density": "comfortable", "quiet": "1"}).status_code == 204
    kept = profile_of(session, "office")
    assert (str(kept.density), str(kept.theme)) == ("comfortable", "dark")


@pytest.mark.parametrize(
    ("name", "value"), [("page_size", "7"), ("density", "tiny"), ("start_page", "list:user"), ("theme", "pink")]
)
def test_a_setting_that_is_not_offered_is_refused_at_its_field(
    as_user: SignIn, session: Session, name: str, value: str
):
    answer = as_user("office").post("/profile/", MAIN | {name: value})
    assert answer.status_code == 422
    assert f'id="{name}-error"' in answer.text
    assert str(profile_of(session, "office").theme) == "system"


def test_one_begins_where_one_chose_as_long_as_one_may_see_it(as_user: SignIn, session: Session):
    office = as_user("office")
    assert office.get("/").headers["Location"] == "/home/"
    office.post("/profile/", {"start_page": "list:party"})
    assert office.get("/").headers["Location"] == "/party/list/"
    mine = SavedView(entity="party", name="Mine", query="flt.country.eq=NL", user_id=user(session, "office").id)
    other = SavedView(entity="party", name="Other", query="", user_id=user(session, "head").id)
    session.add_all([mine, other])
    session.commit()
    assert office.post("/profile/", {"start_page": f"view:{other.id}"}).status_code == 422
    office.post("/profile/", {"start_page": f"view:{mine.id}"})
    assert office.get("/").headers["Location"] == f"/party/list/?flt.country.eq=NL&view={mine.id}"
    session.delete(session.get(SavedView, mine.id))
    session.commit()
    assert office.get("/").headers["Location"] == "/home/"


def test_lists_have_as_many_rows_as_the_reader_chose(as_user: SignIn, made: Made, session: Session):
    for number in range(30):
        made.party(f"Party {number:02}", owner="office")
    session.commit()
    office = as_user("office")
    assert office.get("/party/list/").text.count("<tr data-id=") == 25
    office.post("/profile/", {"page_size": "50"})
    assert office.get("/party/list/").text.count("<tr data-id=") == 30
    assert office.get("/party/list/?size=25").text.count("<tr data-id=") == 25


# --- widths of columns ------------------------------------------------------------------------------------------------


def test_widths_are_kept_for_one_reader_and_one_list(as_user: SignIn, made: Made, session: Session):
    made.party("Tulpen", owner="office")
    session.commit()
    office = as_user("office")
    sent = {"entity": "party", "w.name": "300", "w.country": "9999", "w.kind": "1", "quiet": "1"}
    assert office.post("/profile/widths", sent).status_code == 204
    assert profile_of(session, "office").column_widths == {"party": {"name": 300, "country": 1200, "kind": 48}}
    page = office.get("/party/list/").text
    assert re.search(r'<th scope="col"[^>]* data-col="name" style="--width: 300px">', page)
    assert "--width" not in as_user("head").get("/party/list/").text
    assert office.post("/profile/widths", {"entity": "party", "back": "/party/list/"}).location == "/party/list/"
    assert profile_of(session, "office").column_widths == {}


@pytest.mark.parametrize(
    "sent",
    [
        {"entity": "party", "w.name": "wide"},
        {"entity": "party", "w.name": "-1"},
        {"entity": "../x", "w.name": "100"},
        {"entity": "party", 'w."><b>': "100"},
        {"entity": "party"} | {f"w.c{number}": "100" for number in range(81)},
    ],
)
def test_widths_that_make_no_sense_are_refused(as_user: SignIn, session: Session, sent: dict[str, str]):
    assert as_user("office").post("/profile/widths", sent).status_code == 400
    assert profile_of(session, "office").column_widths == {}


# --- ways back and titles ---------------------------------------------------------------------------------------------


class View:
    route_base = "/party"


@pytest.mark.parametrize(
    ("given", "back"),
    [
        ("", "/party/list/"),
        ("flt.country.eq%3DNL%26page%3D2", "/party/list/?flt.country.eq=NL&page=2"),
        ("%3Fq%3D", "/party/list/?q="),
        ("//evil.example/", "/party/list/?%2F%2Fevil.example%2F="),
        ("q%3D%22%3E%3Cb%3E%0D%0A", "/party/list/?q=%22%3E%3Cb%3E%0D%0A"),
        ("q%3D" + "x" * 4001, "/party/list/"),
    ],
)
def test_a_list_is_led_back_to_as_it_was_and_to_nothing_else(app: Flask, given: str, back: str):
    with app.test_request_context(f"/party/show/7?from={given}"):
        assert ways.back_to_list(View()) == back


def test_crumbs_of_a_form_lead_back_by_way_of_the_card(app: Flask):
    with app.test_request_context("/party/edit/7?from=q%3Dtulp"):
        assert ways.way_back("/party/list/") == "/party/list/?q=tulp"
        assert ways.way_back("/party/show/7") == "/party/show/7?from=q%3Dtulp"
        assert ways.way_back("/invoice/list/") == "/invoice/list/"


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/home/", "Start · Countinghouse"),
        ("/party/list/", "Parties · Countinghouse"),
        ("/party/list/?flt.country.eq=NL", "Parties: Country: Netherlands · Countinghouse"),
        ("/party/list/?q=tulp", "Parties: “tulp” · Countinghouse"),
    ],
)
def test_a_page_says_in_its_title_what_one_sees(as_user: SignIn, path: str, title: str):
    page = as_user("office").get(path).text
    assert re.search(r"<title>(.*?)</title>", page)[1] == title  # type: ignore[index]


# --- help, first steps, installing ------------------------------------------------------------------------------------


def test_terms_are_explained_at_their_fields_and_on_one_page(as_user: SignIn):
    office = as_user("office")
    form = office.get("/party/add").text
    marks = re.findall(r'popovertarget="(term-\d+)"', form)
    assert len(marks) == len(set(marks)) >= 4
    assert 'aria-label="What is this: Tax number"' in form
    page = office.get("/help/glossary/").text
    assert page.count('"><dt>') == len(glossary.TERMS) >= 25
    assert office.get("/help/glossary/?q=credit+limit").text.count('"><dt>') == 1


def test_no_two_terms_explain_one_column_or_share_a_name():
    columns = [column for term in glossary.TERMS for column in term.columns]
    assert len(columns) == len(set(columns))
    assert len({term.name for term in glossary.TERMS}) == len(glossary.TERMS)


def test_first_steps_find_out_by_themselves(as_user: SignIn, made: Made, session: Session, statements: list[str]):
    admin = as_user("admin")
    assert "0 of" not in admin.get("/home/").text
    before = admin.get("/home/").text
    assert ">Enter your company</a><p>" in before
    made.organisation()
    session.commit()
    statements.clear()
    after = admin.get("/home/").text
    assert len(statements) <= 12, statements
    assert ">Enter your company</a><p>" not in after
    assert ">Enter your company</a></li>" in after
    assert "First steps" not in as_user("office").get("/home/").text


def test_a_step_and_the_whole_list_are_dismissed(as_user: SignIn):
    admin = as_user("admin")
    assert admin.post("/profile/away", {"name": "start:mail", "away": "1", "back": "/home/"}).location == "/home/"
    page = admin.get("/home/").text
    assert "Connect your mail server" not in page
    assert "First steps" in page
    admin.post("/profile/away", {"name": "start", "away": "1"})
    assert "First steps" not in admin.get("/home/").text


def test_the_start_page_counts_what_the_reader_may_see(as_user: SignIn, made: Made, session: Session):
    for owner in ("manager", "manager2", "manager2"):
        made.invoice(("1", "10.00"), owner=user(session, owner))
    session.commit()
    counts = {}
    for name in ("manager", "manager2", "admin", "auditor"):
        tile = re.search(r'Draft invoices</span><span class="tile-count">(\d+)<', as_user(name).get("/home/").text)
        counts[name] = tile and tile[1]
    assert counts == {"manager": "1", "manager2": "2", "admin": "3", "auditor": "3"}


def test_the_start_page_begins_with_what_is_late_and_what_nobody_goes_on_with(
    as_user: SignIn, made: Made, session: Session
):
    now, mine = clock.now(), user(session, "manager")
    about = {"kind": ActivityKind.call, "owner_id": mine.id, "by": SYSTEM, "at": now}
    planned.plan(session, made.deal(), subject="Call", due_at=now - timedelta(hours=2), **about)
    made.deal("Spades")
    made.deal("Of somebody else", owner="manager2")
    session.commit()
    page = as_user("manager").get("/home/").text
    tiles = re.findall(
        r'<a class="tile[^>]* href="([^"]+)">.*?<span>([^<]+)</span><span class="tile-count">(\d+)<', page
    )
    assert [(name, count) for _url, name, count in tiles[:4]] == [
        *(("Not read yet", "1"), ("You are late with", "1")),
        *(("Deals whose next step is overdue", "1"), ("Deals without a next step", "1")),
    ]
    listed = as_user("manager").get(unescape(tiles[3][0])).text
    assert ("Spades" in listed, "Of somebody else" in listed, "Bulbs for the park" in listed) == (True, False, False)


def test_the_start_page_costs_few_statements(as_user: SignIn, statements: list[str]):
    for name in ("admin", "head", "accountant"):
        browser = as_user(name)
        browser.get("/home/")
        statements.clear()
        assert browser.get("/home/").status_code == 200
        assert len(statements) <= 12, (name, statements)


def test_draft_invoices_are_counted_within_an_index(session: Session):
    """Among 100,000 invoices SQLite read all of their kind, for no index told it that drafts are few."""
    if session.get_bind().dialect.name != "sqlite":
        return  # PostgreSQL keeps statistics and combines indexes
    wanted = select(Invoice.id).where(Invoice.kind == InvoiceKind.invoice, Invoice.state == InvoiceState.draft)
    question = str(wanted.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
    plan = " ".join(row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {question}"))
    assert "COVERING INDEX ix_invoice_kind_state_id (kind=? AND state=?)" in plan


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_program_can_be_installed(visitor: Browser, code: str):
    answer = visitor.get("/manifest.webmanifest", headers={"Accept-Language": code})
    assert (answer.status_code, answer.mimetype) == (200, "application/manifest+json")
    about: dict[str, Any] = answer.get_json(force=True)
    assert (about["lang"], about["start_url"], about["display"]) == (code, "/", "standalone")
    assert {icon["purpose"] for icon in about["icons"]} == {"any", "maskable"}
    assert {icon["sizes"] for icon in about["icons"]} == {"any", "192x192", "512x512"}
    for icon in about["icons"]:
        picture = visitor.get(icon["src"])
        content = picture.data
        picture.close()
        assert (picture.status_code, picture.mimetype) == (200, icon["type"]), icon
        if icon["type"] == "image/png":
            width = int.from_bytes(content[16:20])
            assert icon["sizes"] == f"{width}x{width}"


def test_what_is_folded_is_no_entry_of_the_history(as_user: SignIn, session: Session):
    from app.models.history import FieldChange

    office = as_user("office")
    session.expire_all()
    before = len(session.execute(select(FieldChange.id)).all())
    office.post("/profile/away", {"name": "side", "away": "1"})
    session.expire_all()
    assert len(session.execute(select(FieldChange.id)).all()) == before
