"""REST by its own description, as each role: requests that fit it and requests that do not, drawn by schemathesis.

Whatever is sent, nothing fails with 5xx, every answer is one that the description declares, and no answer holds a row
that is outside the reader's rows. Which rows these are is asked of the rule in Python (`access.visible`), record by
record, not of the SQL that the resources use. Each operation is tried on the same company and taken back.

Every third role sends an operation, with `CRM_PROOF=full` every role.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask_appbuilder.security.sqla.models import User
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app import clock
from app.models.base import Entity, Owned, entity_of
from app.models.letter import Letter, LetterState
from app.roles import NOTHING
from app.services import access
from app.services import api_key as api_keys
from app.services import bin as bins
from tests.conftest import PASSWORD, Browser
from tests.factories import PEOPLE, Made, user
from tests.proof import FULL, falls_to

EXAMPLES = int(os.environ.get("CRM_REST_EXAMPLES", "1"))  # of each operation, fitting and not, by each role
DRAWN = max(EXAMPLES, 3)  # of these everybody sends some
MANY = 8  # records of a kind that are asked for by their address
Keys = dict[str, list[int]]
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OWNERS = {"manager": "own", "manager2": "other", "head": "head", "office": "office", None: "nobody"}
ROLES = {role or "nobody": name for name, (role, *_rest) in reversed(PEOPLE.items())} | {"Admin": "admin"}
KEY = ["party.see", "party.write", "order.see", "invoice.act"]
AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
UNOWNED = {"user", "record"}  # kinds without an entity of ours; what the bin gives back is any record
LINK = re.compile(r"(?:id of )?an? (\w+)")


def fill(session: Session, made: Made) -> None:
    """Make the company: of each kind one for a manager, for another one, their head, somebody outside and nobody."""
    made.organisation()
    made.product(cost_price=Decimal("4.00"))
    admin = access.actor_of(session, user_id=user(session, "admin").id, name="admin", roles=["Admin"])
    for owner, word in OWNERS.items():
        party = made.buyer(f"Party {word}", owner=owner, email=f"{word}@example.org")
        about = {"party": party, "owner": party.owner, "team_id": party.team_id}
        made.order(**about)
        made.invoice(**about)
        invoice = made.issued(**about)
        made.payment(**about)
        bins.discard(session, made.party(f"Thrown {word}", owner=owner), actor=admin, at=AT)
        session.add(
            Letter(
                organisation=invoice.organisation, state=LetterState.failed, language="nl", entity="invoice",
                record_id=invoice.id, from_address="us@example.org", to_address=f"{word}@example.org",
                subject=f"Letter {word}", body="x", message_id=f"<{word}@example.org>", due_at=AT, **about,
            )
        )  # fmt: skip
    session.commit()


class Reader:
    """Somebody who asks, and what the rule says that he may see. Shape: a link is ("order", 7, "party")."""

    def __init__(self, session: Session, name: str | None) -> None:
        self.session = session
        self.name = name
        self.actor: access.Actor | None = None
        if name is not None:
            person = user(session, name)
            roles = [role.name for role in person.roles]
            self.actor = access.actor_of(session, user_id=person.id, name=name, roles=roles)

    def may_see(self, stem: str, key: int) -> bool:
        """Say whether he may see a record, by the rule in Python."""
        entity = entity_of(stem)
        if entity is None or not issubclass(entity, Owned):
            assert entity is not None or stem in UNOWNED, stem
            return True
        self.session.expire_all()
        record = self.session.get(entity, key)
        if record is None:
            return False
        if self.actor is None:
            return False
        with access.acting(self.session, self.actor):
            return access.visible(self.session, record)

    def is_told_of(self, stem: str, key: int) -> bool:
        """Say whether a record may be named to him: one that he sees; a document names its party to everybody."""
        reaches_none = self.actor is not None and self.actor.reach(stem) == NOTHING
        return self.may_see(stem, key) or (stem == "party" and reaches_none)


def links_in(schema: Any, value: Any, definitions: Any) -> Iterator[tuple[str, int]]:
    """Yield the records that an answer names, as its description says: ("party", 7)."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    told = LINK.fullmatch(schema.get("description", ""))
    if told and isinstance(value, dict):
        yield told[1], value["id"]
    elif told and isinstance(value, int):
        yield told[1], value
    elif isinstance(value, dict):
        for name, each in schema.get("properties", {}).items():
            if name in value:
                yield from links_in(each, value[name], definitions)
    elif isinstance(value, list):
        for one in value:
            yield from links_in(schema.get("items", {}), one, definitions)


def with_known_ids(dice: Random, schema: Any, value: Any, keys: Keys, definitions: Any) -> Any:
    """Return a body in which most ids of other records are those of records that there are, foreign ones too."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    told = LINK.fullmatch(schema.get("description", ""))
    if told and isinstance(value, int) and keys.get(told[1]):
        return dice.choice([*keys[told[1]], value])
    if isinstance(value, dict):
        parts = schema.get("properties", {})
        return {
            name: with_known_ids(dice, parts.get(name, {}), each, keys, definitions) for name, each in value.items()
        }
    if isinstance(value, list):
        return [with_known_ids(dice, schema.get("items", {}), each, keys, definitions) for each in value]
    return value


@pytest.fixture
def keys(made: Made, session: Session) -> Keys:
    """Return the ids of what there is, by kind."""
    fill(session, made)
    stems = {m.class_.__stem__: m.class_ for m in Entity.registry.mappers if getattr(m.class_, "__stem__", None)}
    found = {
        stem: list(session.scalars(select(entity.id).order_by(entity.id).limit(40))) for stem, entity in stems.items()
    }
    return found | {"user": list(session.scalars(select(User.id)))}


@dataclass
class Drawn:
    """Requests of one operation: drawn once, sent by everybody."""

    operation: Any
    mode: GenerationMode
    cases: list[tuple[Any, Any, Any]] = field(default_factory=list)

    def draw(self) -> "Drawn":
        """Draw them. There may be nothing that does not fit."""

        @settings(
            max_examples=DRAWN, derandomize=not FULL, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=self.operation.as_strategy(generation_mode=self.mode))
        def keep(case: Any) -> None:
            self.cases.append((case, dict(case.path_parameters), case.body))

        with suppress(Unsatisfiable):
            keep()
        return self


@pytest.fixture(scope="module")
def drawn(app: Flask) -> Iterator[Callable[[Browser], list[Drawn]]]:
    """Return what draws the requests from the description, once."""
    kept: list[Drawn] = []

    def draw(browser: Browser) -> list[Drawn]:
        if not kept:
            loaded = schemathesis.openapi.from_dict(browser.get("/api/v1/_openapi").json)
            loaded.app = app
            found = [each.ok() for each in loaded.get_all_operations()]
            kept.extend(Drawn(operation, mode).draw() for operation in found for mode in GenerationMode)
        return kept

    yield draw
    kept.clear()


class Asking:
    """One caller of REST: sends what was drawn and notes what is wrong with the answers."""

    def __init__(self, session: Session, name: str | None, headers: dict[str, str], keys: Keys) -> None:
        self.reader = Reader(session, name)
        self.headers = headers
        self.keys = keys
        self.answers: Counter[int] = Counter()
        whose = zip(OWNERS.values(), keys["party"], strict=True)
        unseen = [word for word, key in whose if not self.reader.is_told_of("party", key)]
        names = [rf"(?:Party|Thrown|Letter) {word}\b|\b{word}@" for word in unseen]
        self.unseen = re.compile("|".join(names) or "(?!)")

    def ask_all(self, drawn: list[Drawn], connection: Connection) -> list[str]:
        """Send everything, each operation to the same company; return what was wrong."""
        wrong = []
        for number, one in enumerate(drawn):
            kept = connection.begin_nested()
            dice = Random(f"{self.reader.name} {number}")
            for case, places, body in dice.sample(one.cases, min(EXAMPLES, len(one.cases))):
                own = self.keys.get(one.operation.definition.raw["tags"][0], [])
                tried = dice.sample(own, min(MANY if case.method == "GET" else 1, len(own))) if "pk" in places else []
                for key, query in [*((key, case.query) for key in tried), (None, case.query), (None, {})]:
                    case.path_parameters = places if key is None else places | {"pk": key}
                    case.query, case.body = query, body
                    try:
                        self.ask(case, dice)
                    except (AssertionError, FailureGroup) as error:
                        wrong.append(f"{one.operation.label}, {one.mode.value}: {told(error)}")
            kept.rollback()
        return wrong

    def ask(self, case: Any, dice: Random) -> None:
        """Send one request and judge its answer."""
        about = case.operation.definition.raw
        definitions = case.operation.schema.raw_schema["components"]["schemas"]
        if isinstance(case.body, dict) and "requestBody" in about:
            (content,) = about["requestBody"]["content"].values()
            case.body = with_known_ids(dice, content["schema"], case.body, self.keys, definitions)
        before = self.seen(about["tags"][0], case.path_parameters.get("pk"))
        answer = case.call(headers=self.headers)
        self.answers[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code == 201:  # who makes a record for somebody else is told that it is made
            before = (about["tags"][0], answer.json().get("id"))
        content = about["responses"].get(str(answer.status_code), {}).get("content", {})
        if "application/json" in content:
            for stem, key in links_in(content["application/json"]["schema"], answer.json(), definitions):
                assert (stem, key) == before or self.reader.is_told_of(stem, key), f"shows {stem} {key}"
        if not answer.content.startswith(b"%PDF"):
            shown = self.unseen.search(answer.text)
            assert shown is None, f"names “{shown[0]}”"

    def seen(self, stem: str, key: Any) -> tuple[str, int] | None:
        """Return the record of an address if it may be seen now: who gives it away or deletes it is told so."""
        known = isinstance(key, int) and abs(key) < 2**63
        return (stem, key) if known and self.reader.may_see(stem, key) else None


def told(error: BaseException) -> str:
    """Return what was wrong, in a few lines."""
    if isinstance(error, BaseExceptionGroup):
        request = re.search(r"curl .*", str(error))
        return "; ".join(told(each) for each in error.exceptions) + f"\n   {request[0][:400] if request else ''}"
    return " ".join(str(error).split())[:500]


def token(app: Flask, name: str) -> dict[str, str]:
    login = {"username": name, "password": PASSWORD, "provider": "db"}
    answer = app.test_client().post("/api/v1/security/login", json=login)
    return {"Authorization": f"Bearer {answer.json['access_token']}"}


@pytest.mark.parametrize("role", ROLES)
def test_rest_answers_each_role_as_described_and_with_nothing_foreign(
    app: Flask, rolled_back: Connection, session: Session, keys: Keys, as_user: Any, drawn: Any, role: str
):
    asking = Asking(session, ROLES[role], token(app, ROLES[role]), keys)
    place = list(ROLES).index(role)
    share = [one for at, one in enumerate(drawn(as_user("admin"))) if falls_to(place, at // len(GenerationMode))]
    wrong = asking.ask_all(share, rolled_back)
    assert not wrong, "\n\n".join(wrong)
    assert (asking.answers[200] > 0) == (role != "nobody")


def test_rest_answers_a_key_within_its_scopes_as_described(
    app: Flask, rolled_back: Connection, session: Session, keys: Keys, as_user: Any, drawn: Any
):
    key = api_keys.make(session, user(session, "manager"), name="shop", scopes=KEY, at=clock.now())
    session.commit()
    asking = Asking(session, "manager", {"Authorization": f"Bearer {key}"}, keys)
    wrong = asking.ask_all(drawn(as_user("admin")), rolled_back)
    assert not wrong, "\n\n".join(wrong)
    assert asking.answers[200] > 0


def test_rest_answers_nobody_as_described_and_with_nothing(
    app: Flask, rolled_back: Connection, session: Session, keys: Keys, as_user: Any, drawn: Any
):
    asking = Asking(session, None, {}, keys)
    wrong = asking.ask_all(drawn(as_user("admin")), rolled_back)
    assert not wrong, "\n\n".join(wrong)
    assert set(asking.answers) <= {400, 401, 404}, asking.answers


def test_a_resource_that_leaks_is_found(
    app: Flask, rolled_back: Connection, session: Session, keys: Keys, as_user: Any, drawn: Any, monkeypatch: Any
):
    """A planted fault: the rule in SQL cuts nothing any more."""
    chosen = [one for one in drawn(as_user("admin")) if one.operation.label.startswith("GET /api/v1/party/")]
    monkeypatch.setattr(access, "_conditions", lambda actor, *, walks: ())
    asking = Asking(session, "manager", token(app, "manager"), keys)
    wrong = asking.ask_all(chosen, rolled_back)
    assert {line.partition(":")[0] for line in wrong} >= {
        "GET /api/v1/party/, positive",
        "GET /api/v1/party/{pk}, positive",
    }
