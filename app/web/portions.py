"""`Portions`: a page on which one chooses how much of each line an act takes; it keeps what was typed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from flask import flash, redirect, request

from app.db import db
from app.errors import Conflict, DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import language
from app.money import format_decimal, parse_decimal
from app.roles import ACT
from app.services import access
from app.web.cells import card_url
from app.web.verbs import Verb, run

ZERO = Decimal(0)


@dataclass(frozen=True)
class Portion:
    """One line: what it is, what is known of it (label, quantity), and how much of it is proposed."""

    key: int
    text: str
    unit: str
    facts: list[tuple[Any, Decimal]]
    proposed: Decimal

    @property
    def name(self) -> str:
        """Return the name of its input."""
        return f"take-{self.key}"


class Portions:
    """What a view with such pages inherits."""

    datamodel: Any
    _base_filters: Any
    _found: Any
    _verb: Any
    page: Any
    route_base: Any

    def portion_page(self, pk: int, verb_name: str, lines_of: Callable[[Any], list[Portion]]) -> Any:
        """Show the lines with what is proposed of each, or do the act with what was typed and lead to what it made."""
        verb: Verb = self._verb(verb_name)
        record = self._found(str(pk))
        access.require(db.session(), record, ACT)
        portions = lines_of(record)
        typed = {each.name: _shown(each.proposed) for each in portions}
        if request.method == "GET":
            return self._portions(record, verb, portions, typed, {})
        typed = {each.name: request.form.get(each.name, "").strip() for each in portions}
        given = {name: text for name in verb.arguments if (text := request.form.get(name, "").strip())}
        given.pop("lines", None)
        try:
            wanted = _read(portions, typed)
            find = partial(self.datamodel.one, pk, self._base_filters)
            made = run(db.session(), verb, find, given | {"lines": wanted})
        except Conflict:
            return self._portions(
                record,
                verb,
                portions,
                typed,
                {"": [_("Somebody else has just changed this record. Look at it and try again.")]},
            )
        except DomainError as refusal:
            return self._portions(self._found(str(pk)), verb, portions, typed, _at_inputs(portions, refusal))
        flash(_("Done: %(what)s", what=str(verb.label)), "success")
        return redirect(card_url(made))

    def _portions(
        self,
        record: Any,
        verb: Verb,
        portions: list[Portion],
        typed: Mapping[str, str],
        errors: Mapping[str, list[str]],
    ) -> Any:
        shown = self.page(
            "web/portions.html",
            title=str(verb.label),
            record=record,
            verb=verb,
            portions=portions,
            typed=typed,
            errors=errors,
            reason=request.form.get("reason", ""),
        )
        return (shown, 422) if errors else shown


def _shown(quantity: Decimal) -> str:
    return format_decimal(quantity, language()) if quantity else ""


def _read(portions: list[Portion], typed: Mapping[str, str]) -> dict[int, Decimal]:
    """Return the typed quantities by line. Raises Refusals by the inputs' names."""
    found: dict[int, Decimal] = {}
    errors: dict[str, list[str]] = {}
    for each in portions:
        try:
            found[each.key] = parse_decimal(typed[each.name], language()) if typed[each.name] else ZERO
        except DomainError as refusal:
            errors[each.name] = [str(refusal)]
    if errors:
        raise Refusals(errors)
    return found


def _at_inputs(portions: list[Portion], refusal: DomainError) -> dict[str, list[str]]:
    """Return refusals by input: what a service refuses at "lines-0-quantity" belongs to the first line."""
    errors = refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [refusal.text]}
    names = {f"lines-{at}-quantity": each.name for at, each in enumerate(portions)}
    known = {each.name for each in portions} | {"reason"}
    found: dict[str, list[str]] = {}
    for field, texts in errors.items():
        name = names.get(field, field)
        found.setdefault(name if name in known else "", []).extend(texts)
    return found
