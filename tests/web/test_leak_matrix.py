"""The leak matrix: every route × method × person × record of one's own, one's team, somebody else and nobody.

What is due is worked out from the table of roles (rights and rows), never listed by hand: a new route is asked too, and
one that does more or less than its right says fails. What is refused is refused with 403 or 404 and changes nothing;
what is let through is not, and is taken back after each request.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.models.deal import Deal
from app.models.invoice import Invoice
from app.models.lead import Lead
from app.models.party import Party
from app.models.payment import Payment
from app.models.quote import Quote
from app.models.sale_order import SaleOrder
from app.roles import ACT, CHANGE, DELETE, EVERYTHING, NOTHING, PRESETS, SEE, Reach, Scope
from app.services import role_change
from app.web.crud import CrudView
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import PEOPLE, Made
from tests.fingerprint import unchanged
from tests.proof import FULL, falls_to
from tests.web.test_registry import NOTHING_NAMED, PUBLIC, Guard, filled, guard_of, rights_of_user, rules, views

As = Callable[[str], Browser]
PLACES = {
    "own": ("manager", "north"),
    "team": ("head", "north"),
    "foreign": ("manager2", "south"),
    "nobody": (None, None),
}
KINDS = (Party, Lead, Deal, Quote, SaleOrder, Invoice, Payment)
BELOW = {"sales": {"sales", "north", "south"}, "north": {"north"}, "south": {"south"}, None: set()}
# A person whose role sees everything and reaches less of it to change, delete and act: differences from the preset.
NARROW = "manager who sees all"
NARROWED = {
    SEE: Reach(Scope.all, unassigned=True),
    CHANGE: Reach(Scope.team),
    DELETE: Reach(Scope.own),
    ACT: Reach(Scope.team),
}
# What a function does to the record beside seeing it: its rows are cut for that action, in forms and over REST alike.
ACTIONS = {
    **dict.fromkeys(("edit", "put", "cell", "change_cell", "add_consent", "post_consents"), CHANGE),
    **dict.fromkeys(("act", "deliver_some", "invoice_some", "take_some"), ACT),
    "delete": DELETE,
}
CELLS = {"cell", "change_cell"}  # where a record cannot be changed, its cells are none
# Functions that ask for one more right than their route: tags are put on by who may change.
ALSO = {"tag": CHANGE, "untag": CHANGE, "put_tags": CHANGE}
# … and those that ask for a right of another area.
ELSEWHERE = {
    "erase_people": ("erasure", "erase"),
    "add_to_segment": ("segment", CHANGE),
    "build": ("party", SEE),
    "get_members": ("party", SEE),
    "plan": ("activity", "add"),
    "get_consents": ("party.personal", SEE),
    **dict.fromkeys(("add_consent", "post_consents"), ("party.personal", CHANGE)),
}
OFF = {"connect"}  # not there where the installation has no directory
# They name records by ticks.
ON_MANY = {"act_on_many", "delete_many", "edit_many", "merge_ticked", "add_to_segment", "take_files"}
NAMELESS = {*ON_MANY, *NOTHING_NAMED, *OFF}
NAMES = {"pk", "verb", "version", "filename"}  # everything else that an address names is a part, which is not there


@dataclass(frozen=True)
class Asked:
    """One request, and what decides about it."""

    method: str
    path: str
    guard: Guard
    function: str
    area: str
    verb: str | None = None
    place: str | None = None  # whose record it names, None for none
    is_known: bool = True  # False: the record, or its part, is not there for anybody
    has_body: bool = False  # a body of REST that is judged before the record is read
    ticked: int | None = None

    @property
    def needed(self) -> list[tuple[str, str]]:
        """Return the rights beyond the route's own."""
        also = ALSO.get(self.function)
        elsewhere = [ELSEWHERE[self.function]] if self.function in ELSEWHERE else []
        return [*((self.area, each) for each in (self.verb, also) if each), *elsewhere]


def requests(  # noqa: C901 -- one branch a kind of route
    app: Flask, records: dict[type[Any], dict[str, Any]]
) -> Iterator[Asked]:
    """Every guarded route with every method: of seven kinds with four records each, of the others with none."""
    for rule in rules(app):
        if rule.endpoint in PUBLIC:
            continue
        guard = guard_of(app, rule.endpoint)
        assert guard is not None, rule.endpoint
        name, _dot, function = rule.endpoint.rpartition(".")
        view = next(each for each in views(app) if type(each).__name__ == name)
        entity = getattr(getattr(view, "datamodel", None), "obj", None)
        rest, area = guard.kind == "api", view.class_permission_name
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            if method == "GET" and entity not in KINDS:
                continue  # tests/web/test_registry.py asks for all of them
            verbs = view.verbs if function in {"act", "act_on_many"} else []
            for verb in [each for each in verbs if function == "act" or not each.arguments] or [None]:
                values = {"verb": verb.name} if verb else {}
                judged = verb is not None and bool(verb.arguments)
                about: dict[str, Any] = {"verb": verb.name if verb else None}
                about["has_body"] = judged or (rest and function == "put_tags")
                parts = rule.arguments - NAMES
                if parts == {"name"} and function in CELLS and view.inline_names():
                    values["name"], parts = min(view.inline_names()), set()
                if "pk" in rule.arguments and entity in KINDS and "/list/views/" not in rule.rule:
                    for place, record in records[entity].items():
                        path = filled(rule, pk=str(record.id), **dict.fromkeys(parts, "5555"), **values)
                        yield Asked(method, path, guard, function, area, **about, place=place, is_known=not parts)
                elif function in ON_MANY and entity in KINDS and is_offered(view, function, verb):
                    for place, record in records[entity].items():
                        path = filled(rule, **values)
                        yield Asked(method, path, guard, function, area, **about, place=place, ticked=record.id)
                else:
                    path = filled(rule, pk="999999999", **dict.fromkeys(parts, "5555"), **values)
                    known = "pk" not in rule.arguments and not parts and function not in NAMELESS
                    yield Asked(method, path, guard, function, area, **about, is_known=known)


def is_offered(view: Any, function: str, verb: Any) -> bool:
    """Say whether the bar over the ticked records has this act at all."""
    return bool({"act_on_many": verb, "edit_many": view.inline_names()}.get(function, True))


def reach(person: str, area: str, action: str) -> Reach:
    """Return which rows of an area a person reaches for an action, from the table of roles alone."""
    if person == "admin":
        return EVERYTHING
    if person == NARROW:
        return NARROWED[action]
    preset = PRESETS.get(PEOPLE[person][0] or "")
    if preset is None:
        return NOTHING
    scopes = preset.scopes.get(area, {})
    return Reach(scopes.get(action, scopes.get(SEE, preset.scope)), preset.unassigned)


def within(person: str, area: str, action: str, place: str) -> bool:
    """Say whether a record of a place is within a person's rows for an action."""
    found = reach(person, area, action)
    owner, team = PLACES[place]
    name = "manager" if person == NARROW else person
    own_team = PEOPLE[name][1] if name in PEOPLE else None
    teams = {Scope.team: {own_team} - {None}, Scope.subtree: BELOW[own_team]}.get(found.scope, set())
    is_nobodys = owner is None and team is None
    return (
        found.scope is Scope.all
        or (found.scope is not Scope.none and owner == name)
        or team in teams
        or (is_nobodys and found.unassigned)
    )


def due(asked: Asked, person: str, rights: set[tuple[str, str]]) -> set[int]:  # noqa: PLR0911 -- rule by rule
    """Return the refusals that the table of roles demands; nothing where the request is let through."""
    if person == "anonymous":
        if asked.function == "notice":
            return {200}  # what a form asks while one types: without a session it is told nothing
        return {"page": {302}, "data": {401}, "api": {401}}[asked.guard.kind]
    if asked.guard.right not in rights:
        return {403}
    sees = asked.place is None or within(person, asked.area, SEE, asked.place)
    missing = [right for right in asked.needed if right not in rights]
    if not sees:
        body_first = asked.has_body and asked.guard.kind == "api"
        return (
            {403, 404, 422}
            if missing and body_first
            else {403, 404}
            if missing
            else {404, 422}
            if body_first
            else {404}
        )
    if missing:
        return {403, 404} if asked.place is None or not asked.is_known else {403}
    action = ACTIONS.get(asked.function)
    if asked.place is not None and action and not within(person, asked.area, action, asked.place):
        return {403, 422} if asked.has_body else {403} if asked.is_known and asked.function not in CELLS else {403, 404}
    return set()


@pytest.fixture
def records(made: Made, session: Session) -> dict[type[Any], dict[str, Any]]:
    """Of each kind a record of each place; nothing has been issued yet."""
    from app.models.team import Team

    teams = {team.name: team for team in session.scalars(select(Team))}
    found: dict[type[Any], dict[str, Any]] = {kind: {} for kind in KINDS}
    for place, (owner, team) in PLACES.items():
        whose = {"owner": made.user(owner) if owner else None, "team": teams.get(team)}
        party = made.buyer(f"Zwaluw of {place}")
        party.owner, party.team = whose["owner"], whose["team"]
        found[Party][place] = party
        found[Lead][place] = made.lead(f"Zwaluw who asks, of {place}", **whose)
        found[Deal][place] = made.deal(f"Zwaluw and nest of {place}", owner=None, party=party)
        found[Deal][place].owner, found[Deal][place].team = whose["owner"], whose["team"]
        found[Quote][place] = made.quote(party=party, **whose)
        found[SaleOrder][place] = made.order(party=party, **whose)
        found[Invoice][place] = made.invoice(party=party, **whose)
        found[Payment][place] = made.payment(party=party, **whose)
    session.commit()
    return found


def narrow(session: Session) -> None:
    """Let sales managers see all rows, and reach less of them; and give them the rights to do it with."""
    role = session.execute(select(Role).where(Role.name == "Sales manager")).unique().scalar_one()
    areas = [kind.__stem__ for kind in KINDS]
    given = {(area, verb): True for area in areas for verb in ("change", "delete", "archive", "issue", "cancel")}
    role_change.put(
        session, role, rights=given, reaches={(a, action): r for a in areas for action, r in NARROWED.items()}
    )
    session.commit()


def of_person(asked: Iterable["Asked"], person: str) -> list["Asked"]:
    """Return what somebody asks: everything, or, whose rows are not cut finely, his share of the routes."""
    everything = list(asked)
    routes = {route: at for at, route in enumerate(sorted({route_of(one) for one in everything}))}
    place = EVERYBODY.index(person)
    return [one for one in everything if person in CLOSELY or falls_to(place, routes[route_of(one)])]


CLOSELY = {"manager", "head", NARROW}  # they are let through with each of the four records, the others with one
EVERYBODY = (*(name for name in PEOPLE if name != "manager2"), NARROW, "admin", "anonymous")


def route_of(asked: "Asked") -> tuple[str, str, str, str]:
    """Return what is asked for, whosever the record is."""
    return asked.area, asked.function, asked.verb or "", asked.method


def told(person: str) -> Any:
    """Ask both databases as those whose rows are cut most finely, and one as the others: their rights are the same."""
    return pytest.param(person, marks=() if person in CLOSELY else pytest.mark.once)


@attack(141, "every route × method × role × record of one's own, one's team, somebody else and nobody")
@pytest.mark.parametrize("person", [told(name) for name in EVERYBODY])
def test_every_route_and_method_answers_as_the_table_of_roles_says(
    app: Flask, as_user: As, visitor: Browser, session: Session, records: Any, rolled_back: Connection, person: str
):
    name = "manager" if person == NARROW else person
    if person == NARROW:
        narrow(session)
    rights = rights_of_user(session, name) if name != "anonymous" else set()
    session.commit()
    browser = visitor if person == "anonymous" else as_user(name)
    token = browser.token("/login/" if person == "anonymous" else "/profile/")
    wrong, refused, let = [], 0, 0
    all_of_it = [(asked, due(asked, person, rights)) for asked in of_person(requests(app, records), person)]
    # A missing right is missing whosever the record is: once is enough.
    all_of_it = [(asked, refusals) for asked, refusals in all_of_it if refusals != {403} or asked.place in {None, "own"}
                 or (within(person, asked.area, SEE, "own") and asked.guard.right in rights)]  # fmt: skip

    def send(asked: Asked) -> int:
        body: dict[str, Any] = (
            {} if asked.method == "GET" else {"json": {}} if asked.guard.kind == "api" else {"data": {}}
        )
        if asked.ticked is not None:
            body = {"data": {"rowid": str(asked.ticked)}}
        answer = browser.client.open(asked.path, method=asked.method, headers={"X-CSRFToken": token}, **body)
        answer.close()
        return int(answer.status_code)

    with unchanged(session, but={"form_draft"}):
        for asked, expected in all_of_it:
            if expected:
                status, refused = send(asked), refused + 1
                if status not in expected:
                    wrong.append(f"{person} {asked.method} {asked.path} ({asked.place}): {status}, not {expected}")
    tried: set[tuple[str, str, str]] = set()
    for asked, expected in all_of_it:
        same = (asked.area, asked.method, f"{asked.function} {asked.verb} {asked.guard.kind}")
        if expected or not asked.is_known or (same in tried and (asked.method == "GET" or person not in CLOSELY)):
            continue
        tried.add(same)
        kept = rolled_back.begin_nested()
        status, let = send(asked), let + 1
        kept.rollback()
        if status in {401, 403, 404} or status >= 500:
            wrong.append(f"{person} {asked.method} {asked.path} ({asked.place}): {status}, though he may")
    assert not wrong, "\n".join(wrong)
    assert refused + let > (250 if FULL or person in CLOSELY else 80), (refused, let)


@attack(142, "rows of others on every way by which many leave: lists, REST, lookups, files, exports, counts, search")
@pytest.mark.parametrize("person", [told(name) for name in EVERYBODY if name != "anonymous"])
def test_whatever_shows_many_rows_shows_those_within_the_scope_and_no_other(
    app: Flask, as_user: As, session: Session, records: Any, person: str
):
    name = "manager" if person == NARROW else person
    if person == NARROW:
        narrow(session)
    rights, browser = rights_of_user(session, name), as_user(name)
    for kind, standing in records.items():
        stem = kind.__stem__
        if (stem, "see") not in rights:
            continue
        mine = {record.id for place, record in standing.items() if within(person, stem, SEE, place)}
        base = next(v.route_base for v in views(app) if isinstance(v, CrudView) and v.datamodel.obj is kind)
        rest = browser.get(f"/api/v1/{stem}/?q=(page_size:100)").json
        assert (set(rest["ids"]), rest["count"], {row["id"] for row in rest["result"]}) == (mine, len(mine), mine), stem
        page = browser.get(f"{base}/list/?size=100").text
        assert {int(key) for key in re.findall(rf'"/{stem}/show/(\d+)', page)} == mine, stem
        assert browser.get(f"{base}/list/?q=zwaluw").text.count('class="row-link"') == len(mine), stem
        if ("lookup", "see") in rights:
            assert {one["id"] for one in browser.get(f"/lookup/{stem}").json["results"]} == mine, stem
        file = browser.export(f"{base}/list/export?format=csv")
        if (stem, "export") in rights:
            assert (file.status_code, len(file.text.strip().splitlines()) - 1) == (200, len(mine)), stem
        else:
            assert file.status_code == 403, stem
        if ("find", "see") in rights:
            found = browser.get("/find/results?q=zwaluw").text
            assert {int(key) for key in re.findall(rf'"/{stem}/show/(\d+)', found)} <= mine, stem
            assert stem != "party" or len(set(re.findall(r'"/party/show/(\d+)', found))) == len(mine)
