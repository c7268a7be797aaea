"""The builder of conditions: a form of rows and groups that works without scripts, and reads what was typed.

Each part has a place in the tree ("r", "r.0", "r.0.2"); its inputs are named by it: `c-r.0-field`. What is to be done
to the tree is the value of the pressed button: "single:r", "has:r.1", "group:r", "where:r.0", "drop:r.0.2", "look:r".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, request
from markupsafe import Markup
from wtforms import Field

from app.db import db
from app.errors import DomainError
from app.i18n import gettext as _
from app.models.base import entity_of
from app.roles import SEE
from app.services import access, condition
from app.services.condition import JOINS, Group, Has, Is
from app.services.condition_field import PARTY, THINGS, Thing
from app.services.condition_field import Field as Asked
from app.web import condition_words as words
from app.web.lines import ADD
from app.web.link_field import all_of_few, is_few
from app.web.lookup import OFFERED
from app.web.standard import standard_list

NAME = "definition"
_KEY = re.compile(r"c-(r(?:\.\d{1,3}){0,8})-([a-z]{2,10})")
_ACT = re.compile(r"definition:([a-z]{3,6}):(r(?:\.\d{1,3}){0,8})")
MOST_INPUTS = 1_000
Part = Group | Is | Has


def is_typed(form: Mapping[str, Any]) -> bool:
    """Say whether a form brings conditions at all."""
    return "c-r-join" in form


def read(form: Any) -> Group:
    """Return the tree that was typed, unjudged; DomainError where there is too much of it."""
    found: dict[str, dict[str, list[str]]] = {}
    for key in list(form)[:MOST_INPUTS]:
        match = _KEY.fullmatch(key)
        if match is not None:
            found.setdefault(match[1], {})[match[2]] = [each.strip()[: condition.LONGEST] for each in form.getlist(key)]
    tree = _part("r", found)
    return tree if isinstance(tree, Group) else Group("all")


def _part(place: str, found: dict[str, dict[str, list[str]]]) -> Part:
    given = {name: values[0] for name, values in found.get(place, {}).items() if values}
    below = (each for each in found if each.rpartition(".")[0] == place)
    inner = tuple(_part(each, found) for each in sorted(below, key=lambda each: int(each.rpartition(".")[2])))
    if "thing" in given:
        return _has(given, tuple(each for each in inner if isinstance(each, Is)))
    if "field" in given:
        several = [each for each in found[place].get("value", []) if each]
        operator = given.get("is", "eq")
        return Is(given["field"], operator, tuple(several) if len(several) > 1 else "".join(several))
    join = given.get("join", "all")
    return Group(join if join in JOINS else "all", inner)


def _has(given: dict[str, str], where: tuple[Is, ...]) -> Has:
    days = given.get("days", "")
    known = int(days) if days.isascii() and days.isdecimal() and len(days) <= 6 else None  # noqa: PLR2004
    if days and not known:
        known = 0  # refused later: a number of days is wanted
    measure, operator = given.get("measure", condition.COUNT), given.get("is", "ge")
    return Has(given["thing"], where, measure, operator, given.get("value", "1"), given.get("currency", ""), known)


def acted(tree: Group, pressed: str) -> Group:
    """Return the tree after a button of the builder was pressed."""
    match = _ACT.fullmatch(pressed)
    if match is None:
        return tree
    path = [int(each) for each in match[2].split(".")[1:]]
    changed = _changed(tree, path, match[1])
    return changed if isinstance(changed, Group) else Group("all")


def _changed(part: Part, path: list[int], act: str) -> Part | None:
    if path:
        inner = list(part.where if isinstance(part, Has) else part.parts if isinstance(part, Group) else ())
        if path[0] < len(inner):
            made = _changed(inner[path[0]], path[1:], act)
            inner[path[0] : path[0] + 1] = [] if made is None else [made]
        return _with(part, inner)
    if act == "drop":
        return None
    fresh = _fresh(part, act)
    return part if fresh is None else _with(part, [*(part.where if isinstance(part, Has) else part.parts), fresh])  # type: ignore[union-attr]


def _fresh(part: Part, act: str) -> Part | None:
    if isinstance(part, Has):
        thing = THINGS.get(part.thing)
        return Is(next(iter(thing.fields)), "eq", "") if act == "where" and thing is not None else None
    if not isinstance(part, Group):
        return None
    made: dict[str, Part] = {"single": Is("country", "eq", ""), "has": Has("order"), "group": Group("any")}
    return made.get(act)


def _with(part: Part, inner: list[Any]) -> Part:
    if isinstance(part, Group):
        return Group(part.join, tuple(inner))
    if isinstance(part, Has):
        return Has(part.thing, tuple(inner), part.measure, part.operator, part.value, part.currency, part.days)
    return part


class Builder:
    """What the template of the builder asks."""

    joins = words.JOINS
    told = staticmethod(words.told)

    def __init__(self, session: Any) -> None:
        self.actor = access.required(session)

    def fields(self, thing: str = "") -> list[tuple[str, str]]:
        """Return what may be asked for, by the reader: of the counterparty, or of what belongs to it."""
        known = THINGS[thing].fields if thing in THINGS else PARTY
        return [(one.name, str(one.label)) for one in known.values() if not one.area or self.actor.has(one.area, SEE)]

    def things(self) -> list[tuple[str, str]]:
        """Return what belongs to a counterparty and may be asked for."""
        return [(one.name, str(one.label)) for one in THINGS.values() if self.actor.has(one.area, SEE)]

    @staticmethod
    def thing(name: str) -> Thing | None:
        """Return a kind of things by name."""
        return THINGS.get(name)

    @staticmethod
    def field(name: str, thing: str = "") -> Asked | None:
        """Return a field by name."""
        known = THINGS[thing].fields if thing in THINGS else PARTY
        return known.get(name)

    @staticmethod
    def operators(field: Asked) -> list[tuple[str, str]]:
        """Return the operators of a field with their words."""
        return [(each, str(words.OPERATORS[each])) for each in field.operators]

    @staticmethod
    def numbers() -> list[tuple[str, str]]:
        """Return the operators of counts and sums."""
        return [(each, str(words.OPERATORS[each])) for each in ("ge", "eq", "le", "gt", "lt", "neq")]

    measures = staticmethod(words.measures)

    @staticmethod
    def currencies() -> list[tuple[str, str]]:
        """Return the currencies of sums."""
        return list(standard_list("currency"))

    @staticmethod
    def choices(field: Asked, operator: str) -> list[tuple[str, str]] | None:
        """Return what a value is chosen from, None where it is typed or looked up."""
        if operator == "empty":
            return [("1", _("Yes")), ("0", _("No"))]
        found = words.choices(field)
        entity = _entity(field)
        if found is None and entity is not None and is_few(entity):
            return [(str(key), text) for key, text in all_of_few(entity)]
        return found

    @staticmethod
    def lookup(field: Asked) -> str:
        """Return the stem by which a value is looked up, nothing where it is not."""
        return field.of if _entity(field) is not None else ""

    name = staticmethod(words.name_of)

    @staticmethod
    def values(value: condition.Value) -> list[str]:
        """Return a condition's values."""
        return list(value) if isinstance(value, tuple) else value.split(",") if value else []


def _entity(field: Asked) -> Any:
    return OFFERED.get(field.of) or (entity_of(field.of) if field.of else None)


class ConditionWidget:
    """The builder as it stands in a form."""

    def __call__(self, field: "ConditionField", **about: Any) -> Markup:
        """Return the builder."""
        return Markup(field.drawn(**about))  # noqa: S704 -- a template of ours, which escapes


class ConditionField(Field):
    """Conditions, built by rows and groups; its data are the JSON that is kept."""

    widget = ConditionWidget()
    tree: Group = Group("all")

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        """Take what was typed, else what stands there; a pressed button changes it."""
        super().process(None, data, extra_filters)
        self.tree = Group("all")
        if formdata is not None and is_typed(formdata):
            self.tree = acted(read(formdata), str(formdata.get(ADD, "")))
            self.data = condition.dumped(self.tree)
        elif self.data:
            try:
                self.tree = condition.parsed(self.data)
            except DomainError as refusal:
                self.process_errors.append(str(refusal))

    def drawn(self, **about: Any) -> str:
        """Return the builder as HTML."""
        return _drawn(self, about=about)


@dataclass
class Standing:
    """A tree as the builder's template takes it, outside of a form."""

    tree: Group
    id: str = NAME

    def drawn(self, **about: Any) -> str:
        """Return the builder as HTML."""
        return _drawn(self, **about)


def standing(tree: Group) -> Standing:
    """Return a tree as the builder's template takes it."""
    return Standing(tree)


def _drawn(field: Any, **about: Any) -> str:
    return render_template("web/conditions.html", field=field, build=Builder(db.session()), add=ADD, **about)


def posted() -> Group:
    """Return the tree that the request brings, after the button that was pressed."""
    return acted(read(request.form), request.form.get(ADD, ""))
