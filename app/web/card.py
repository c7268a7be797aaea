"""`CardView`: one record of an entity: its card, what may be done to it, and the doing of it.

Every record is reached through the row rule; a foreign one answers like an unknown one. A verb's button and its REST
address are the same act; a refused dialog comes back as it was typed.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from flask import abort, flash, redirect, render_template, request
from flask_appbuilder import ModelView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from markupsafe import Markup
from sqlalchemy import inspect
from sqlalchemy.orm import MANYTOONE, joinedload

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, NotAllowed, NotFound
from app.i18n import gettext as _
from app.models.base import Entity, Owned
from app.roles import ACT
from app.services import access, idempotency
from app.web import audited, card_state, cells, dialog, toast, ways
from app.web.activities import Activities, Tried
from app.web.card_beside import Beside
from app.web.card_copy import Copies
from app.web.card_state import Acts, Offer
from app.web.card_tabs import FACTS, Child, Tabs
from app.web.card_tags import Tagged
from app.web.crm_form import CrmForm
from app.web.lookup import entity_of
from app.web.planner import Planner
from app.web.records import Records
from app.web.verbs import ForMany, Verb, run
from app.web.ways import onward


class CardView(Activities, Planner, Tabs, Tagged, Beside, Copies, ModelView):
    """Card and verbs of an entity; see the module's text."""

    datamodel: Records
    verbs: ClassVar[list[Verb]] = []
    card_template = "web/card.html"
    card_options: ClassVar[Sequence[Any]] = ()  # loader options of what only the card's facts show
    stages: ClassVar[Sequence[Any]] = ()  # the states that a record goes through; those beside the way are left out
    key_facts: ClassVar[list[str]] = []  # columns in the card's head
    label_columns: Any = None
    holds_personal_data: ClassVar[bool | None] = None  # None: as the columns of the table say
    worked_out: ClassVar[frozenset[str]] = frozenset()  # columns on screen whose values the view works out itself

    @property
    def stem(self) -> str:
        """Return the noun's stem."""
        return str(self.datamodel.obj.__stem__)

    def may(self, verb: str) -> bool:
        """Say whether the reader has a verb in this area and the view offers it."""
        return f"can_{verb}" in self.base_permissions and self.appbuilder.sm.may(self.class_permission_name, verb)

    def _found(self, pk: str) -> Any:
        record = self.datamodel.one(pk, self._base_filters)
        if record is None:
            abort(404)
        return record

    def page(self, template: str, **about: Any) -> str:
        """Render one of the product's pages."""
        return render_template(template, view=self, appbuilder=self.appbuilder, **about)

    def title_of(self, record: Any) -> str:
        """Return what the card is headed with."""
        return str(record)

    def can_edit(self, record: Any) -> bool:  # noqa: ARG002
        """Say whether the record's state lets it be edited; views of documents narrow it."""
        return True

    def takes_new(self, record: Any) -> bool:  # noqa: ARG002
        """Say whether something new may name a record: an order for a party."""
        return True

    def lets(self, action: str, record: Any) -> bool:
        """Say whether a record lets this reader change or delete it: by its state, and by whose it is."""
        return self.can_edit(record) and access.allowed(db.session(), record, action)

    def value(self, record: Any, name: str) -> Any:
        """Return a record's value as safe HTML for lists and cards."""
        if name == "tags":
            return cells.tags(record.tags)
        value: Any = record
        for part in name.split("."):
            value = getattr(value, part, None)
        if callable(value):
            value = value()
        formatter = self.formatters_columns.get(name)
        if formatter is not None:
            return formatter(value)
        column = record.__table__.c.get(name)
        if isinstance(value, Decimal) and column is not None:
            return Markup('<span class="num">{}</span>').format(cells.amount_of(record, column, value))
        return cells.cell(value, name=name, column=column)

    # --- card -----------------------------------------------------------------------------------------------------

    @expose("/show/<pk>", methods=["GET"])
    @has_access
    def show(self, pk: str) -> str:
        """Show a record: head, facts or another tab, what happened to it."""
        record = self.datamodel.one(pk, self._base_filters, self._linked_once())
        if record is None:
            abort(404)
        return self._card(record)

    def _linked_once(self) -> Sequence[Any]:
        """Return how the card's record is read: what it links to comes with it, unless the row rule would cut it."""
        kept: Sequence[Any] | None = getattr(self, "_joined_kept", None)
        if kept is None:
            shown = {*self.show_columns, *self.key_facts, "organisation"}  # dialogs ask for its currency
            joined = [
                joinedload(getattr(self.datamodel.obj, each.key))
                for each in inspect(self.datamodel.obj).relationships
                if each.direction is MANYTOONE and each.key in shown and not issubclass(each.mapper.class_, Owned)
            ]
            kept = self._joined_kept = (*joined, *self.card_options)
        return kept

    def _card(
        self, record: Any, tried: Mapping[str, CrmForm] | None = None, note: Tried | None = None, **about: Any
    ) -> str:
        audited.opened(self, record)
        margin = self.margin(record)
        tabs = self.tabs(record, margin)
        offers = self._offers(record, tried or {})
        return self.page(
            self.card_template,
            title=self.title_of(record),
            record=record,
            fieldsets=self.show_fieldsets or [(None, {"fields": self.show_columns})],
            acts=Acts.of(offers),
            steps=card_state.steps(record, self.stages, offers),
            has_dialogs=any(one.form is not None for one in offers),
            margin=margin,
            tabs=tabs,
            tab=next((each.name for each in tabs if each.is_open), FACTS),
            came_from=ways.came_from(),
            life=self.life(record, note),
            **about,
        )

    def _offers(self, record: Any, tried: Mapping[str, CrmForm]) -> list[Offer]:
        """Return what the reader may do to a record, with dialogs; what is not possible now comes with the reason."""
        is_within = access.allowed(db.session(), record, ACT)
        verbs = [verb for verb in self.verbs if is_within and self.may(verb.name)]
        reasons = {verb.name: verb.refused(record) for verb in verbs if verb.fits(record)}
        forms = {
            verb.name: dialog.open_dialog(verb, record, self.label_columns)
            for verb in verbs
            if reasons.get(verb.name, "") is None and dialog.asks(verb) and verb.name not in tried
        }
        return card_state.offered(verbs, record, forms | dict(tried), reasons, next(iter(tried), ""))

    def _once(self, session: Any, key: str) -> tuple[Any, bool]:
        """Note the key of an empty form; the same form sent twice makes one record."""
        if not key or len(key) > idempotency.LONGEST:
            return None, False
        user_id = access.required(session).user_id or 0
        asked = idempotency.digest(self.route_base)
        return idempotency.begin(session, user_id=user_id, key=key, body_sha256=asked, at=clock.now())

    # --- verbs ----------------------------------------------------------------------------------------------------

    def acts_on_many(self) -> list[ForMany]:
        """Return what this reader may do to many records at once."""
        return [verb.for_many() for verb in self.verbs if not verb.arguments and self.may(verb.name)]

    def _verb(self, name: str) -> Verb:
        verb = next((each for each in self.verbs if each.name == name), None)
        if verb is None:
            abort(404)
        if not self.may(name):
            raise NotAllowed(f"{self.class_permission_name}.{name}")
        return verb

    @expose("/<int:pk>/<string:verb>", methods=["POST"])
    @has_access
    @permission_name("see")
    def act(self, pk: int, verb: str) -> Any:
        """Do one of the service's verbs to one record; a refused dialog comes back as it was typed."""
        chosen = self._verb(verb)
        form = dialog.posted(chosen, self.label_columns) if dialog.asks(chosen) else None
        if form is not None and not form.validate():
            record = self._found(str(pk))
            access.require(db.session(), record, ACT)
            return self.refused_verb(chosen, record, form)
        try:
            given = dialog.values(chosen, form) if form is not None else {}
            given |= self.more_of(chosen)
            result = self._run_once(chosen, pk, given)
        except NotFound:
            abort(404)
        except DomainError as refusal:
            if form is not None:
                dialog.refuse(form, refusal)
            return self.refused_verb(chosen, self._found(str(pk)), form, refusal)
        except Conflict:
            flash(_("Somebody else has just changed this record. Look at it and try again."), "warning")
        else:
            self._say_done(chosen, pk)
            if isinstance(result, Entity) and result.__stem__ != self.stem:
                return redirect(cells.card_url(result))
        return redirect(onward(request.form.get("back"), f"{self.route_base}/show/{pk}"))

    def _say_done(self, verb: Verb, pk: int) -> None:
        """Say that a verb is done, with the way back where there is one and the reader may go it."""
        text = _("Done: %(what)s", what=str(verb.label))
        back = next((each for each in self.verbs if verb.undo and each.name == verb.undo), None)
        if back is None or not self.may(back.name):
            flash(text, "success")
        else:
            toast.say(text, undo=(_("Undo"), f"{self.route_base}/{pk}/{back.name}", {}))

    def more_of(self, verb: Verb) -> dict[str, Any]:  # noqa: ARG002
        """Return a verb's arguments that its card asks for outside a dialog."""
        return {}

    def _run_once(self, verb: Verb, pk: int, given: dict[str, Any]) -> Any:
        """Do a verb once per sent dialog: the same one sent twice leads to what the first has made."""
        find = partial(self.datamodel.one, pk, self._base_filters)
        with unit_of_work(db.session()) as session:
            row, done = self._once(session, request.form.get("form_key", ""))
            if done:
                entity = entity_of(row.answer["stem"])
                return access.get(session, entity, row.answer["id"]) if entity is not None else None
            result = run(session, verb, find, given)
            if row is not None:
                made = {"stem": result.__stem__, "id": result.id} if isinstance(result, Entity) else {}
                idempotency.end(row, status=303, answer={"stem": "", "id": 0} | made)
        return result

    def refused_verb(self, verb: Verb, record: Any, form: CrmForm | None, refusal: DomainError | None = None) -> Any:
        """Show the card again with the refused dialog open; a verb that is no longer possible says so at the top."""
        if form is not None and verb.when(record):
            return self._card(record, {verb.name: dialog.fitted(verb, form, record)}), 422
        texts = str(refusal).splitlines() if refusal is not None else []
        for text in dict.fromkeys([*texts, *(text for field in form or () for text in field.errors)]):
            flash(text, "danger")
        return redirect(onward(request.form.get("back"), f"{self.route_base}/show/{record.id}"))

    @expose("/<int:pk>/<string:verb>", methods=["GET"])
    @has_access
    @permission_name("see")
    def acted(self, pk: int, verb: str) -> Any:  # noqa: ARG002
        """Show the card at a verb's address: a reloaded or remembered address is no act."""
        return self.show(str(pk))


__all__ = ["CardView", "Child"]
