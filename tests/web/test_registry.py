"""Every screen, resource, route, table and right there is: each is declared, guarded and named, the next one too.

Nothing here names an entity: what a new one forgets fails here without a new test.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_appbuilder import ModelView
from flask_appbuilder.api import ModelRestApi
from flask_appbuilder.security.sqla.models import Group, PermissionView, Role, User
from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Mapper, Session
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect, Rule
from wtforms import PasswordField

from app import installation
from app.columns import Exact, Instant
from app.db import NAMING, Model
from app.i18n import DEFAULT_LANGUAGE, is_labelled
from app.models.base import Entity, Line, Owned
from app.models.export_run import ExportRun
from app.models.history import Act, FieldChange
from app.models.party import Party
from app.roles import ADMIN, PRESETS
from app.services import access, field_right, roles
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.filters import beside
from app.web.labels import LABELS
from app.web.lookup import entity_of
from tests.attack import attack
from tests.factories import PEOPLE
from tests.proof import falls_to

# Routes that ask for no right, each with its reason.
PUBLIC = {
    "IndexView.index": "leads to the start page or to signing in",
    "IndexView.health": "for the monitor; says green or red",
    "MonitorView.metrics": "answers to the monitor's token, where the settings name one",
    "LanguageView.index": "the sign-in page has languages too",
    "ManifestView.manifest": "browsers ask for it without a cookie; it names the program and nothing else",
    "AuthView.login": "signing in",
    "AuthView.logout": "signing out",
    "PasswordView.new": "for whoever must choose a new password, whatever he may",
    "PasswordView.forgot": "asks for a link; says nothing about accounts",
    "PasswordView.link": "answers to the random part of a mailed link",
    "PasswordView.choose": "answers to the random part of a mailed link",
    "QuotePublicView.show": "answers to the random part of a quote's link",
    "QuotePublicView.pdf": "answers to the random part of a quote's link",
    "QuotePublicView.accept": "answers to the random part of a quote's link",
    "QuotePublicView.reject": "answers to the random part of a quote's link",
    "ContractPublicView.show": "answers to the random part of a contract's link",
    "ContractPublicView.pdf": "answers to the random part of a contract's link",
    "ContractPublicView.accept": "answers to the random part of a contract's link",
    "ContractPublicView.decline": "answers to the random part of a contract's link",
    "PreferenceView.show": "answers to the sealed link of a letter",
    "PreferenceView.keep": "answers to the sealed link of a letter",
    "PreferenceView.one_click": "answers to the sealed link of a letter, for the recipient's mail program",
    "MailingPublicView.follow": "answers to a signed link of a letter, and leads to an address of that letter alone",
    "TextReportView.take": "answers to the mark of a text message, and to its provider's signature",
    "SecondStepView.code": "answers to a right password only",
    "SecondStepView.set_up": "answers to a right password only",
    "LookView.end": "ends one's own look, whoever one looks as",
    "FeedView.feed": "answers to the secret address of a calendar",
    "OidcView.begin": "leads to the company's sign-in service, where one is configured",
    "OidcView.callback": "answers to a code of that service",
    "IntakeView.take_request": "answers to the signature of a source's secret",
    "IntakeView.take_message": "answers to the signature of a source's secret",
    "PublicFormView.page": "a form on foreign pages; it shows nothing of the company's data",
    "PublicFormView.snippet": "the script that puts such a form into a page",
    "PublicFormView.send": "takes what such a form sends; without a ticket it is held back",
    "SignInApi.login": "answers to a password",
    "SignInApi.refresh": "answers to a refresh token",
    "static": "the program's own files",
    "appbuilder.static": "the framework's own files",
}
SECRET = re.compile(r"passw|hash|secret|token|salt|private_key|otp", re.IGNORECASE)
COLUMN_LISTS = ("list_columns", "show_columns", "add_columns", "edit_columns", "search_columns", "order_columns")


def views(app: Flask) -> list[Any]:
    return list(app.appbuilder.baseviews)


def entity_views(app: Flask) -> list[Any]:
    return [view for view in views(app) if isinstance(view, ModelView | ModelRestApi)]


def ours() -> list[Mapper[Any]]:
    return [m for m in Model.registry.mappers if not m.local_table.name.startswith("ab_")]


def rules(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=str)


@dataclass(frozen=True)
class Guard:
    """How a route is guarded: by which decorator, and the right it asks for."""

    kind: str
    right: tuple[str, str]


GUARDS = {
    "has_access.<locals>.wraps": "page",
    "has_access_api.<locals>.wraps": "data",
    "protect.<locals>._protect.<locals>.wraps": "api",
}


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    """Return the guard of an endpoint, None when nothing stands before it."""
    name, _dot, method = endpoint.rpartition(".")
    view = next((each for each in views(app) if type(each).__name__ == name), None)
    if view is None:
        return None
    function: Any = getattr(type(view), method)
    while function is not None:
        kind = GUARDS.get(function.__code__.co_qualname)
        if kind is not None:
            verb = (view.method_permission_name or {}).get(method) or getattr(type(view), method)._permission_name
            return Guard(kind, (view.class_permission_name, verb))
        function = getattr(function, "__wrapped__", None)
    return None


def parts(names: list[str]) -> set[str]:
    return {part for name in names for part in name.split(".")}


def form_class(view: Any, listed: str) -> Any:
    """Return the form that a view brings itself for adding or editing, None where it is made from the columns."""
    name = {"add_columns": "add_form", "edit_columns": "edit_form"}.get(listed, "")
    return getattr(type(view), name, None) if isinstance(view, CrudView) and name else None


# --- declarations -----------------------------------------------------------------------------------------------------


def test_every_screen_and_resource_stands_on_the_hardened_bases(app: Flask):
    found = entity_views(app)
    assert {type(view).__name__ for view in found} >= {"PartyView", "PartyApi", "TeamView", "TeamApi"}
    soft = [type(view).__name__ for view in found if not isinstance(view, CrudView | CrudApi)]
    assert soft == []


def test_every_screen_and_resource_declares_its_columns_itself(app: Flask):
    for view in entity_views(app):
        declared = {
            name for kind in type(view).__mro__[:-1] for name in vars(kind) if kind.__module__.startswith("app")
        }
        for name in COLUMN_LISTS:
            assert name in declared, f"{type(view).__name__}.{name}"
            fieldsets = getattr(type(view), name.replace("_columns", "_fieldsets"), None) or []
            grouped = {field for _legend, about in fieldsets for field in about["fields"]}
            assert set(getattr(view, name)) - grouped <= set(getattr(type(view), name)), f"{type(view).__name__}.{name}"


def test_no_screen_or_resource_shows_or_takes_a_secret(app: Flask):
    """A password goes in through a password field of a form made for it, and through nothing else."""
    for view in entity_views(app):
        typed = {name for name in ("add_columns", "edit_columns") if form_class(view, name) is not None}
        names = {part for listed in COLUMN_LISTS if listed not in typed for part in parts(getattr(view, listed))}
        names |= {column for child in getattr(view, "children", []) for column in child.columns}
        assert sorted(filter(SECRET.search, names)) == [], type(view).__name__
        for listed in typed:
            form = form_class(view, listed)
            for name in filter(SECRET.search, getattr(view, listed)):
                assert getattr(form, name).field_class is PasswordField, f"{type(view).__name__}.{name}"
        for kind in ("show_schema", "list_schema", "add_schema", "edit_schema"):
            schema = getattr(view, kind, None)
            if schema is not None:
                assert sorted(filter(SECRET.search, schema().fields)) == [], f"{type(view).__name__}.{kind}"


def test_every_declared_column_exists(app: Flask):
    for view in entity_views(app):
        for listed in COLUMN_LISTS:
            form = form_class(view, listed)
            for name in getattr(view, listed):
                if name in getattr(view, "worked_out", ()) or name in beside(view.datamodel.obj):
                    continue  # the view works it out itself, or it is told beside the record (below)
                if form is not None:
                    assert hasattr(form, name), f"{type(view).__name__}.{listed}: {name}"
                    continue
                at: Any = view.datamodel.obj
                for part in name.split("."):
                    assert hasattr(at, part), f"{type(view).__name__}.{listed}: {name}"
                    prop = getattr(getattr(at, part), "property", None)
                    at = prop.mapper.class_ if hasattr(prop, "mapper") else getattr(at, part)


def test_what_is_searched_and_ordered_by_are_columns_of_the_entity_itself(app: Flask):
    """A path into another table could compare what the reader must not see."""
    for view in entity_views(app):
        told = beside(view.datamodel.obj)
        for name in [*view.search_columns, *view.order_columns]:
            known = name in inspect(view.datamodel.obj).all_orm_descriptors or name in told
            assert known, f"{type(view).__name__}: {name}"
            assert name not in told or name not in view.order_columns, f"{type(view).__name__}: {name}"


def test_what_is_filtered_beside_a_record_belongs_to_it_and_is_guarded_unless_it_is_a_part_of_it():
    for mapper in ours():
        entity = mapper.class_
        for name, place in beside(entity).items():
            table = Model.metadata.tables[place.partition(".")[0]]
            [key] = table.c[f"{entity.__stem__}_id"].foreign_keys
            assert key.column is mapper.local_table.c.id, f"{entity.__name__}: {name}"
            is_part = any(
                each.mapper.local_table is table and each.cascade.delete_orphan for each in mapper.relationships
            )
            assert is_part or name in field_right.guards(entity), f"{entity.__name__}: {name}"


def test_every_column_on_screen_has_a_label(app: Flask):
    missing = set()
    for view in entity_views(app):
        if not isinstance(view, CrudView):
            continue
        known = LABELS | dict(type(view).label_columns or {})
        lists = [listed for listed in COLUMN_LISTS if form_class(view, listed) is None]
        shown = {name for listed in lists for name in getattr(view, listed)} | set(view.key_facts)
        shown |= {column for columns in getattr(view, "lines", {}).values() for column in columns}
        shown |= {child.name for child in view.children} | {c for child in view.children for c in child.columns}
        missing |= {f"{type(view).__name__}.{name}" for name in shown - set(known)}
    assert not missing, "\n".join(sorted(missing))


def test_every_screen_and_verb_has_its_words(app: Flask):
    for view in entity_views(app):
        if isinstance(view, CrudView):
            assert all(map(str, (view.one_name, view.many_name))), type(view).__name__
        for verb in view.verbs:
            assert str(verb.label), f"{type(view).__name__}.{verb.name}"


def test_every_member_of_every_enumeration_is_labelled():
    found = {
        (column.type.enum_class, member)
        for mapper in ours()
        for column in mapper.local_table.c
        if isinstance(column.type, sa.Enum) and column.type.enum_class is not None
        for member in column.type.enum_class
    }
    assert len(found) >= 20
    assert sorted(f"{of.__name__}.{member.name}" for of, member in found if not is_labelled(member)) == []


def test_a_screen_and_a_resource_of_one_entity_offer_the_same_verbs_and_rights(app: Flask):
    by_entity: dict[Any, dict[str, Any]] = {}
    for view in entity_views(app):
        by_entity.setdefault(view.datamodel.obj, {})["page" if isinstance(view, CrudView) else "api"] = view
    for entity, pair in by_entity.items():
        if len(pair) == 2:
            assert pair["page"].verbs == pair["api"].verbs, entity
            assert pair["page"].class_permission_name == pair["api"].class_permission_name, entity
            assert pair["page"].datamodel.save is pair["api"].datamodel.save, entity
            assert pair["page"].datamodel.remove is pair["api"].datamodel.remove, entity


# --- routes and rights ------------------------------------------------------------------------------------------------


def test_every_route_asks_for_a_right_or_is_public_by_name(app: Flask):
    bare = {rule.endpoint for rule in rules(app) if guard_of(app, rule.endpoint) is None}
    assert bare == set(PUBLIC)


def test_every_right_that_a_route_asks_for_is_offered_to_roles(app: Flask):
    offered = set(installation.rights_of(app))
    asked = {guard.right for rule in rules(app) if (guard := guard_of(app, rule.endpoint)) is not None}
    assert asked - offered == set()


def test_the_table_of_roles_grants_nothing_that_is_not_offered(app: Flask):
    assert roles.unknown_areas(installation.rights_of(app)) == set()


def test_the_database_holds_exactly_the_table_of_roles(app: Flask, session: Session):
    offered = installation.rights_of(app)
    assert rights_in_database(session, ADMIN) == set(offered)
    assert rights_in_database(session, "Public") == set()
    from app.roles import PRESETS, verbs

    for name in PRESETS:
        assert rights_in_database(session, name) == {(a, v) for a, v in offered if v in verbs(name, a)}, name


def test_routes_past_our_doors_are_not_there(app: Flask):
    """Downloads, actions, bulk acts, menu and user resources of the framework are replaced or not registered."""
    found = [str(rule) for rule in rules(app)]
    for word in ("download", "/action", "action_post", "/back", "menu", "swagger", "users/", "resetmy", "register"):
        assert [path for path in found if word in path] == [], word


@attack(63, "a changing address by GET")
def test_changing_addresses_take_no_get(app: Flask, as_user: Callable[[str], Any]):
    admin = as_user("admin")
    adapter = app.url_map.bind("localhost")
    tried = 0
    for rule in rules(app):
        if "GET" in rule.methods:
            continue
        path = filled(rule, pk="1")
        try:
            adapter.match(path, method="GET")
        except (MethodNotAllowed, NotFound):
            assert admin.get(path).status_code == 405, path
            tried += 1
        except RequestRedirect:
            pytest.fail(path)
    assert tried >= 10


# --- who gets what: every GET address × every role --------------------------------------------------------------------


def rights_in_database(session: Session, role: str) -> set[tuple[str, str]]:
    found = session.execute(select(Role).where(Role.name == role)).unique().scalar_one()
    return {(p.view_menu.name, p.permission.name.removeprefix("can_")) for p in found.permissions}


def rights_of_user(session: Session, username: str) -> set[tuple[str, str]]:
    user = session.execute(select(User).where(User.username == username)).unique().scalar_one()
    groups: list[Group] = user.groups
    found: list[PermissionView] = [p for role in user.roles for p in role.permissions]
    found += [p for group in groups for role in group.roles for p in role.permissions]
    return {(p.view_menu.name, p.permission.name.removeprefix("can_")) for p in found}


def filled(rule: Rule, **values: str) -> str:
    """Return an address with a value in each of its places."""
    known = {"pk": "1", "verb": "archive", "stem": "party", "code": "en", "version": "v1", "filename": "css/app.css"}
    known |= {"name": "x", "key": "x", "record_id": "999999"} | values
    return re.sub(r"<(?:[^:>]+:)?(\w+)>", lambda match: known.get(match[1], "1"), str(rule))


@dataclass
class Asked:
    """One address to be asked, with the record that decides about it."""

    rule: Rule
    path: str
    record: Any = None
    area: str = ""  # a lookup also needs the right to see what it looks up


# Routes whose bare address names nothing: of which column more cards are wanted, which records are changed.
NOTHING_NAMED = {"more_cards": 404, "edit_many_again": 302, "ask_for": 404, "erase_one": 404, "merge_two": 302}
NOTHING_NAMED |= {"write_letter": 404, "make_document": 404}  # about which record
NOTHING_NAMED |= {"one_report": 404, "report_file": 404}  # which report
NOTHING_NAMED |= {"docx_file": 404}  # a template that is written here


def addresses(app: Flask, records: dict[type[Any], list[Any]]) -> Iterator[Asked]:  # noqa: C901 -- one branch a kind
    stems = {m.class_.__stem__ for m in ours() if hasattr(m.class_, "__stem__")} | {"user", "role", "no_such_stem"}
    for rule in rules(app):
        if "GET" not in rule.methods or rule.endpoint.endswith("static"):
            continue
        name = rule.endpoint.rpartition(".")[0]
        view = next(each for each in views(app) if type(each).__name__ == name)
        if "pk" in rule.arguments:
            entity = view.datamodel.obj if hasattr(view, "datamodel") else None
            cells = sorted(view.inline_names()) if rule.endpoint.endswith(".cell") else ["x"]
            for record in records.get(entity, []):
                path = filled(rule, pk=str(record.id), name=(cells or ["x"])[0])
                yield Asked(rule, path, record if cells else "unknown")
            yield Asked(rule, filled(rule, pk="9999999"), "unknown")
            yield Asked(rule, filled(rule, pk="9" * 30), "unknown")
        elif rule.endpoint == "LookupView.find":
            for stem in sorted(stems):
                known = None if entity_of(stem) is not None else "unknown"
                yield Asked(rule, filled(rule, stem=stem), known, {"role": "user"}.get(stem, stem))
        elif rule.endpoint in {
            "ExportRunView.person",
            "ExportRunView.report",
        }:  # seen by whoever sees what this person has taken
            for run in records[ExportRun]:
                yield Asked(rule, filled(rule, user_id=str(run.owner_id)), run)
            yield Asked(rule, filled(rule, user_id="9999999"), "unknown")
        elif rule.endpoint == "LanguageView.index":
            for code in (DEFAULT_LANGUAGE, "xx"):
                yield Asked(rule, filled(rule, code=code))
        else:
            yield Asked(rule, filled(rule))


def nowhere(app: Flask, path: str) -> int:
    """Return the status of an address that no route takes by GET, 0 for the others."""
    try:
        app.url_map.bind("localhost").match(path, method="GET")
    except HTTPException as answer:
        return answer.code or 0
    return 0


def visible_to(record: Any, username: str, session: Session) -> bool:  # noqa: PLR0911
    """Say, from the table of roles, the teams and the owner, whether a person may see a record."""
    if record == "unknown":
        return False
    if not isinstance(record, Owned):
        return True
    if username == "admin":
        return True
    role, team = PEOPLE[username][0], PEOPLE[username][1]
    below = {"sales": {"sales", "north", "south"}, "north": {"north"}, "south": {"south"}, None: set()}[team]
    preset = PRESETS.get(role or "")
    if preset is not None and preset.unassigned and record.owner_id is None and record.team_id is None:
        return True
    scopes = preset.scopes.get(record.__stem__, {}) if preset is not None else {}
    match scopes.get("see", preset.scope).value if preset is not None else "none":
        case "all":
            return True
        case "own":
            return record.owner is not None and record.owner.username == username
        case "subtree":
            return (record.team is not None and record.team.name in below) or (
                record.owner is not None and record.owner.username == username
            )
        case _:
            return False


def expected(  # noqa: PLR0911
    asked: Asked, guard: Guard | None, rights: set[tuple[str, str]], username: str, session: Session
) -> int:
    """Return the status that the rights in the database demand."""
    if guard is None:
        open_to_all = {"IndexView.health": 200, "ManifestView.manifest": 200}
        open_to_all |= dict.fromkeys(
            (
                *("PasswordView.link", "QuotePublicView.show", "QuotePublicView.pdf"),
                *("ContractPublicView.show", "ContractPublicView.pdf"),
            ),
            404,
        )  # no such link
        open_to_all["PreferenceView.show"] = 404  # nor such a link
        open_to_all["MailingPublicView.follow"] = 404  # a link that nobody has signed
        open_to_all["MonitorView.metrics"] = 404  # no token is set here
        open_to_all["FeedView.feed"] = 404  # there is no such address
        open_to_all |= {"PublicFormView.page": 404, "PublicFormView.snippet": 404}  # nor such a form
        open_to_all |= {"OidcView.begin": 404, "OidcView.callback": 404}  # no service is configured here
        for_anonymous = {"AuthView.login", "PasswordView.forgot"}
        return (open_to_all | {"AuthView.logout": 302 if username == "anonymous" else 200}).get(
            asked.rule.endpoint, 200 if username == "anonymous" and asked.rule.endpoint in for_anonymous else 302
        )
    if username == "anonymous":
        return {"page": 302, "data": 401, "api": 401}[guard.kind]
    if guard.right not in rights:
        return 403
    if asked.rule.endpoint == "DirectoryView.connect":
        return 404  # no directory is configured here
    if asked.rule.endpoint == "LookupView.find":
        if asked.record == "unknown":
            return 404
        return 200 if asked.path == "/lookup/user" or (asked.area, "see") in rights else 403
    if asked.record is None or visible_to(asked.record, username, session):
        return NOTHING_NAMED.get(asked.rule.endpoint.rpartition(".")[2], 200)
    return 404


ONE_PER_ROLE = {role: username for username, (role, *_rest) in reversed(PEOPLE.items())}  # test_access.py: more rows


def told(name: str) -> Any:
    """Ask both databases as those whose rows are cut, and one as the others."""
    return pytest.param(name, marks=() if name in {"manager", "head"} else pytest.mark.once)


@attack(16, "every address that is read, as every role")
@pytest.mark.parametrize("username", [told(name) for name in (*ONE_PER_ROLE.values(), "admin", "anonymous")])
def test_every_address_answers_every_role_as_its_rights_say_and_writes_nothing(
    app: Flask,
    as_user: Callable[[str], Any],
    visitor: Any,
    made: Any,
    session: Session,
    statements: list[str],
    username: str,
):
    parties = [made.party(f"Of {name}", owner=name) for name in ("manager", None)]
    runs = [made.export_run(name) for name in ("manager", "accountant")]
    session.commit()
    records: dict[type[Any], list[Any]] = {Party: parties, ExportRun: runs}
    for view in entity_views(app):
        entity = view.datamodel.obj
        if entity not in records:
            records[entity] = list(session.scalars(select(entity).limit(1)).unique())
    asked = list(addresses(app, records))
    if username not in {"manager", "head", "admin", "anonymous"}:
        ends = {end: at for at, end in enumerate(sorted({one.rule.endpoint for one in asked}))}
        place = list(ONE_PER_ROLE.values()).index(username)
        asked = [one for one in asked if falls_to(place, ends[one.rule.endpoint])]
    guards = {rule.endpoint: guard_of(app, rule.endpoint) for rule in rules(app)}
    wrong, count = [], 0
    noted = session.scalar(select(func.max(FieldChange.id)))
    rights = rights_of_user(session, username) if username != "anonymous" else set()
    browser = visitor if username == "anonymous" else as_user(username)
    statements.clear()
    for one in asked:
        if "9" * 30 in one.path and username != "admin":
            continue  # what no database counts to: once is enough
        answer = browser.get(one.path)
        due = nowhere(app, one.path) or expected(one, guards[one.rule.endpoint], rights, username, session)
        count += 1
        if answer.status_code != due:
            wrong.append(f"{username} {one.path}: {answer.status_code}, not {due}")
        if answer.status_code == 302:
            assert answer.headers["Location"].startswith("/"), (username, one.path)
    # once a minute, after the answer; the audit is told who opened data of people; nothing else is written
    known = ("UPDATE sign_in SET seen_at=", "INSERT INTO field_change")
    told = [s for s in statements if not s.startswith(known)]
    changing = [s for s in told if s.lstrip().split(None, 1)[0].upper() in {"INSERT", "UPDATE", "DELETE"}]
    assert changing == []
    later = set(session.scalars(select(FieldChange.act).where(FieldChange.id > noted).distinct()))
    assert later <= {Act.sign_in, Act.view}
    assert (username != "admin") or later == {Act.sign_in, Act.view}
    assert not wrong, "\n".join(wrong)
    assert count >= 150


# --- tables -----------------------------------------------------------------------------------------------------------


def test_every_entity_with_an_owner_is_under_the_row_rule():
    owned = set(access.owned_entities())
    assert Party in owned
    for mapper in ours():
        if "owner_id" in mapper.local_table.c:
            assert issubclass(mapper.class_, Owned), mapper.class_.__name__
            assert mapper.class_ in owned


# Screens of rows without an owner of their own, which show those alone whose parent the reader sees: who tries it.
CUT_BY_PARENT = {"RuleOccurrence": "tests/web/test_contact_rule_screen.py"}


def test_rows_of_an_owned_parent_are_reached_through_the_parent_alone(app: Flask):
    """Contact persons have no owner of their own: a screen, resource or lookup of them would show foreign ones."""
    offered = {view.datamodel.obj for view in entity_views(app)}
    offered |= {mapper.class_ for mapper in ours() if hasattr(mapper.class_, "__stem__")}
    for entity in offered:
        if entity.__table__.name.startswith("ab_") or issubclass(entity, Owned) or entity.__name__ in CUT_BY_PARENT:
            continue
        for relation in inspect(entity).relationships:
            if relation.direction.name == "MANYTOONE" and issubclass(relation.mapper.class_, Owned):
                (column,) = relation.local_columns
                assert column.nullable, f"{entity.__name__} belongs to an owned {relation.mapper.class_.__name__}"


def test_lists_load_linked_owned_records_by_select_in(app: Flask):
    """A joined load of a linked record would be cut by the row rule: a visible document must show its party."""
    for view in entity_views(app):
        for option in view.datamodel.options:
            for element in getattr(option, "context", ()):
                strategy = dict(element.strategy or ())
                if strategy.get("lazy") == "joined":
                    target = element.path.entity.class_
                    assert not issubclass(target, Owned), f"{type(view).__name__}: use selectinload"


def test_every_table_and_constraint_is_named_by_the_house_rules():
    seen = [mapper.local_table for mapper in ours()]
    assert len(seen) >= 15
    for table in seen:
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", table.name), table.name
        for column in table.c:
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", column.name), f"{table.name}.{column.name}"
        for constraint in table.constraints:
            name = str(constraint.name or "")
            if isinstance(constraint, sa.CheckConstraint | sa.UniqueConstraint | sa.ForeignKeyConstraint):
                assert name or NAMING, f"{table.name}: a constraint without a name"
            assert len(name) <= 63, name
        for index in table.indexes:
            assert index.name, f"{table.name}: an index without a name"
            assert len(str(index.name)) <= 63, index.name


def test_every_entity_has_one_stem_and_the_shared_columns():
    stems = [mapper.class_.__stem__ for mapper in ours() if issubclass(mapper.class_, Entity)]
    assert len(stems) == len(set(stems)) >= 5
    for mapper in ours():
        entity, table = mapper.class_, mapper.local_table
        if issubclass(entity, Entity):
            assert entity.__stem__ in {table.name, table.name.split("_", 1)[-1]}, entity
            assert {"id", "version", "created_at", "changed_at"} <= set(table.c.keys()), entity
            assert mapper.version_id_col is table.c.version, entity
            assert "__str__" in vars(entity) or not hasattr(entity, "name"), f"{entity.__name__} has no name on screen"
        elif issubclass(entity, Line):
            assert not hasattr(entity, "__stem__"), entity


def test_numbers_are_exact_and_moments_aware():
    for mapper in ours():
        for column in mapper.local_table.c:
            where = f"{mapper.local_table.name}.{column.name}"
            assert not isinstance(column.type, sa.Float), where
            if isinstance(column.type, sa.Numeric):
                assert isinstance(column.type, Exact), where
            if isinstance(column.type, sa.DateTime):
                assert isinstance(column.type, Instant), where
            if column.name.endswith("_at"):
                assert isinstance(column.type, Instant), where
            if column.name.endswith("_on"):
                assert isinstance(column.type, sa.Date), where


def test_every_link_that_deletes_along_is_indexed():
    for mapper in ours():
        table = mapper.local_table
        leading = {next(iter(index.columns)).name for index in table.indexes}
        leading |= {
            next(iter(constraint.columns)).name
            for constraint in table.constraints
            if isinstance(constraint, sa.UniqueConstraint | sa.PrimaryKeyConstraint) and len(constraint.columns)
        }
        for key in table.foreign_keys:
            where = f"{table.name}.{key.parent.name}"
            assert key.ondelete in {None, "CASCADE", "SET NULL", "RESTRICT"}, where  # none of them: it is refused
            if key.ondelete == "CASCADE":
                assert key.parent.name in leading, f"{where} has no index"


def test_no_secret_is_kept_in_a_table_of_ours():
    found = {
        f"{mapper.local_table.name}.{column.name}"
        for mapper in ours()
        for column in mapper.local_table.c
        if SECRET.search(column.name)
    }
    tokens = {"outbox.token", "letter.token", "mailing_recipient.token", "text_message.token", "webhook.secret"}
    hashes = {"old_password.hash", "password_link.token_hash", "calendar_feed.token_sha256"}
    about = {"user_profile.password_set_at", "user_profile.must_change_password"}
    # a salt stands beside what it salts and goes together with it
    assert found <= tokens | hashes | about | {"field_change.salt"}
