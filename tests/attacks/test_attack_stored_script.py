"""Hostile texts in every column of every table, and every page that shows them: none gets out of its place."""

import re
from collections.abc import Callable
from html import escape, unescape
from typing import Any
from urllib.parse import quote, urldefrag, urljoin, urlsplit

import pytest
from flask import Flask
from sqlalchemy import func, inspect, select, update
from sqlalchemy.orm import Session

from app.models.export_run import ExportRun
from app.models.party import Party
from app.models.saved_view import SavedView
from app.models.team import UserProfile
from app.web.crud import CrudView
from tests.attack import attack
from tests.attacks.world import LONG, MARK, SHORT, broken_out, columns_of_texts, poison, steady
from tests.conftest import Browser
from tests.factories import Made
from tests.web.test_registry import addresses, entity_views

As = Callable[[str], Browser]
pytestmark = pytest.mark.once
LINK = re.compile(r'(?:href|hx-get|data-url|data-href)="(/[^"]*)"')
LEFT_OUT = re.compile(r"^/(logout|static|lang|oidc|health)|\.pdf$|/pdf/")
HREF_OF_SCRIPT = "javascript:hax()"


def beginnings(app: Flask, session: Session) -> list[str]:
    """Every address that is read, with the newest record of each kind, and lists with all their columns and groups."""
    records: dict[Any, list[Any]] = {}
    for view in entity_views(app):
        entity = view.datamodel.obj
        if entity not in records:
            key = inspect(entity).primary_key[0]
            records[entity] = list(session.scalars(select(entity).order_by(key.desc()).limit(1)).unique())
    found = [one.path for one in addresses(app, records) if "9" * 7 not in one.path]
    for view in entity_views(app):
        if isinstance(view, CrudView) and "list" not in view.exclude_route_methods:
            found.append(f"{view.route_base}/list/?cols={','.join(view.list_columns)}&size=100")
            texts = [name for name in view.search_columns if is_typed(view, name)]
            found += [f"{view.route_base}/list/?group={name}" for name in texts]
    searches = [f"{path}?q=ararat" for path in ("/find/", "/find/results", "/lookup/party", "/lookup/organisation")]
    return [path for path in [*found, *searches] if not LEFT_OUT.search(path)]


def is_typed(view: Any, name: str) -> bool:
    """Say whether people type a column's values: such ones are the names of groups."""
    return any(column.name == name for column in columns_of_texts(view.datamodel.obj.__table__))


def walk(browser: Browser, begin: list[str]) -> tuple[dict[str, str], list[str]]:
    """Open addresses and, one step on, the cards and tabs that they link to; return the pages, and what broke."""
    pages: dict[str, str] = {}
    wrong: list[str] = []
    queue = list(dict.fromkeys(begin))
    first, known = set(queue), {re.sub(r"\d+", "1", urlsplit(path).path) for path in queue}
    while queue:
        path = queue.pop(0)
        answer = browser.get(path, buffered=True)
        if answer.status_code >= 500:
            wrong.append(f"{path}: {answer.status_code}")
        if answer.mimetype in {"application/json", "text/html"}:
            pages[path] = answer.get_data(as_text=True)
            wrong += [f"{path}: {one}" for one in judged(answer)]
        if answer.mimetype != "text/html" or path not in first:
            continue
        for link in LINK.findall(pages[path]):
            there = urldefrag(urljoin(path, unescape(link)))[0]
            shape = re.sub(r"\d+", "1", there if "tab=" in there else urlsplit(there).path)
            if shape not in known and not LEFT_OUT.search(there):
                known.add(shape)
                queue.append(there)
    return pages, wrong


def judged(answer: Any) -> list[str]:
    """Return what came out of its place, by the kind of the answer."""
    if answer.mimetype == "text/html":
        return broken_out(answer.get_data(as_text=True))
    return [] if answer.headers["X-Content-Type-Options"] == "nosniff" else ["a browser could take it for a page"]


def test_the_judge_sees_what_breaks_out():
    for bad in (f"<b>{SHORT}</b>", f'<input value="{LONG}">', f"<script>let a = '{LONG}'</script>", "<p onclick='x'>"):
        assert broken_out(bad) != [], bad
    assert broken_out(f'<a href="{HREF_OF_SCRIPT}">x</a>') == ['<a href="javascript:hax()">']
    for good in (escape(LONG), f'<input value="{escape(LONG)}">', f"<a href='/x?q={escape(SHORT)}'>x</a>"):
        assert broken_out(f"<p>{good}</p>") == []


@attack(120, "a hostile text in every column, on every page that shows it")
def test_no_text_of_any_table_becomes_part_of_a_page(app: Flask, as_user: As, world: Any, session: Session):
    done = poison(session)
    assert sum(rows > 0 for rows in done.values()) >= 70, sorted(name for name, rows in done.items() if not rows)
    pages, wrong = walk(as_user("admin"), beginnings(app, session))
    assert wrong == []
    shown = [path for path, page in pages.items() if MARK in page]
    assert (len(pages) > 400, len(shown) > 200) == (True, True), (len(pages), len(shown))


@attack(121, "a hostile text in every form that is refused, previewed or reported")
def test_no_text_becomes_part_of_a_page_that_answers_a_form(app: Flask, as_user: As, world: Any, session: Session):
    """Forms that are refused, bulk acts that are previewed, reports of imports: pages that a POST answers with."""
    poison(session)
    admin, wrong, said = steady(as_user("admin")), [], 0
    for view in entity_views(app):
        if not isinstance(view, CrudView):
            continue
        key = session.scalar(select(func.max(inspect(view.datamodel.obj).primary_key[0])))
        ticked = {"rowid": [str(key)]}
        sent: list[tuple[str, dict[str, Any]]] = [(f"/many/{verb.name}", {"all": "1"}) for verb in view.verbs]
        typed = dict.fromkeys({*view.add_columns, *view.edit_columns}, LONG)
        values = {f"how.{name}": "set" for name in view.edit_columns} | typed
        sent += [("/add", typed), ("/quick", typed), (f"/edit/{key}", typed | {"record_version": "1"})]
        sent += [("/many/edit", ticked), ("/many/edit", ticked | values | {"step": "preview"})]
        sent += [("/many/delete", {"all": "1"}), (f"/{key}/note", {"text": LONG * 200}), ("/notice", typed)]
        sent += [(f"/cell/{key}/{name}", {name: LONG}) for name in view.edit_columns[:3]]
        sent += [(f"/{key}/{verb.name}", dict.fromkeys(verb.arguments, LONG)) for verb in view.verbs if verb.arguments]
        sent += [("/list/views", {"name": LONG * 3, "query": LONG})]
        for path, form in sent:
            answer = admin.post(f"{view.route_base}{path}", form)
            assert answer.status_code < 500, path
            if answer.mimetype in {"application/json", "text/html"}:
                wrong += [f"{view.route_base}{path}: {one}" for one in judged(answer)]
                said += MARK in answer.text
    assert wrong == []
    assert said > 60


@attack(122, "a hostile text in an address")
def test_no_part_of_an_address_becomes_part_of_a_page(app: Flask, as_user: As, visitor: Browser, made: Made):
    made.party("Tulpen", owner="manager")
    made.session.commit()
    there, wrong, said = quote(LONG), [], 0
    names = (
        "q",
        "next",
        "back",
        "group",
        "order",
        "cols",
        "only",
        "tab",
        "view",
        "flt.name.ct",
        "after",
        "from",
        "msg",
    )
    everything = "&".join(f"{name}={there}" for name in (*names, "user", "right", "record", "party", "name", "note"))
    for browser in (as_user("admin"), visitor):
        paths = {rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and not rule.arguments}
        for path in sorted(each for each in paths if not LEFT_OUT.search(each)):
            answer = browser.get(f"{path}?{everything}", buffered=True)
            assert answer.status_code < 500, path
            if answer.mimetype in {"application/json", "text/html"}:
                wrong += [f"{path}: {one}" for one in judged(answer)]
                said += MARK in answer.text
    for path in (f"/no/{there}", f"/party/show/{there}", f"/password/link/{there}", f"/api/v1/{there}"):
        wrong += judged(visitor.get(path))
    assert wrong == []
    assert said > 30


@attack(123, "a script as the target of a link")
def test_no_address_that_people_type_is_a_script(app: Flask, as_user: As, world: Any, session: Session):
    """What becomes the target of a link: a website, the query of a view or of an export, the page to begin with."""
    session.execute(update(Party).values(website=HREF_OF_SCRIPT))
    session.execute(update(SavedView).values(query=HREF_OF_SCRIPT))
    session.execute(update(ExportRun).values(query=HREF_OF_SCRIPT))
    session.execute(update(UserProfile).values(start_page=HREF_OF_SCRIPT))
    session.commit()
    key = world["party"].id
    run = session.scalar(select(func.max(ExportRun.id)))
    paths = ["/home/", "/party/list/?cols=name,website", f"/party/show/{key}", f"/party/edit/{key}", "/profile/"]
    paths += ["/saved_view/list/", "/export_run/list/", f"/export_run/show/{run}", "/party/gallery", "/"]
    admin = as_user("admin")
    pages = [(path, admin.get(path)) for path in paths]
    assert [one for _path, answer in pages for one in broken_out(answer.text)] == []
    assert sum(HREF_OF_SCRIPT in answer.text for _path, answer in pages) >= 3
    assert admin.get("/").headers["Location"].startswith("/")
    refused = as_user("office").api("PUT", f"/api/v1/party/{key}", json={"website": HREF_OF_SCRIPT})
    assert (refused.status_code, list(refused.json["message"])) == (422, ["website"])
