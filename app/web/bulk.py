"""`Bulk`: the ticked records of a list, or everything that matches it, changed or acted upon at once.

What matches is an address (`view.asked()`), never a list of keys from the browser; the keys are frozen when the run
starts. Few records are done while one waits, more by the worker; either way with a report, and changes can be undone.
"""

from builtins import list as many
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from markupsafe import Markup
from sqlalchemy.orm import Session

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, NotFound, NotReached
from app.i18n import gettext as _
from app.models.bulk_run import DELETE, EDIT, UNDELETE, BulkRun
from app.services import bulk, bulk_door, idempotency
from app.services.bulk_door import Door
from app.web import bulk_form, bulk_preview, jobs, toast
from app.web.cells import whole as number
from app.web.crm_form import CrmForm
from app.web.faces import Faces
from app.web.records import refused_by_database
from app.web.verbs import ForMany, Verb, run, told
from app.web.ways import onward

AT_ONCE = 100  # records that are done while one waits: a page of the list; more go to the worker
_SCREENS: dict[str, type["Bulk"]] = {}
_DOORS: dict[str, Door] = {}


@dataclass(frozen=True)
class Picked:
    """The records that an act is about: the ticked ones, or everything that matches the address."""

    selection: Any
    key: Any
    ids: many[str]
    is_everything: bool
    query: str

    def found_keys(self) -> Iterator[int]:
        """Return their keys in their order, at most one more than a run may have."""
        found = self.selection.with_entities(self.key).order_by(None).order_by(self.key)
        return iter([row[0] for row in found.limit(bulk.MOST + 1)])


class Bulk(Faces):
    """Acts on many records; see the module's text."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "datamodel" in cls.__dict__:
            _SCREENS.setdefault(str(cls.datamodel.obj.__stem__), cls)

    def acts_on_many(self) -> many[ForMany]:
        """Return what this reader may do to many records: editing first, then verbs that ask for nothing."""
        verbs = super().acts_on_many()
        edit = [ForMany(EDIT, _("Edit"), "pencil")] if self.may_edit_many() else []
        delete = [_deleting()] if self.may_delete_many() else []
        return [*edit, *verbs, *delete]

    def may_edit_many(self) -> bool:
        """Say whether this reader may give many records a value."""
        return "edit_many" not in self.exclude_route_methods and self.may("change") and bool(self.inline_names())

    def may_delete_many(self) -> bool:
        """Say whether this reader may move many records into the bin."""
        return "delete_many" not in self.exclude_route_methods and self.may(DELETE)

    def form_of_cell(self, name: str) -> type[CrmForm]:
        """Return the form of one field, as a cell of the list has it."""
        return self._cell_form(name)

    def door(self) -> Door:
        """Return how bulk runs come to these records: by the rules of the form and of the verbs."""
        table = self.datamodel.obj.__table__
        filters = self._base_filters
        return Door(
            entity=self.datamodel.obj,
            save=self.datamodel.save,
            may_edit=self.can_edit,
            narrow=(lambda query: query) if filters is None else filters.apply_all,
            verbs={verb.name: partial(_act, verb) for verb in self.verbs if not verb.arguments},
            explain=lambda error: refused_by_database(error, table),
            label=self._label_of_column,
            area=str(self.class_permission_name),
            takes_back={verb.name: verb.undo for verb in self.verbs if verb.undo and not verb.arguments},
            options=self.datamodel.options,
            remove=self.datamodel.remove,
        )

    def _label_of_column(self, name: str) -> str:
        known = name if name in self.edit_columns else name.removesuffix("_id")
        return self.label(known)

    # --- which records --------------------------------------------------------------------------------------------

    def _picked(self) -> Picked:
        """Return what was ticked, or everything that matches; 404 when one of them is not there for the reader.

        Where nothing is ticked, the answer is the list again, which says so.
        """
        wish, key = self.asked(), self.datamodel.get_pk()
        if request.form.get("all"):
            return Picked(self.selection(wish), key, [], is_everything=True, query=urlencode(wish.query()))
        ids = many(dict.fromkeys(request.form.getlist("rowid")))[: bulk.MOST]
        if not ids:
            flash(_("Tick the records first"), "warning")
            abort(redirect(self._back()))
        if not self.datamodel.has_all(ids, self._base_filters):
            abort(404)
        chosen = self.datamodel.selection(where=[key.in_([int(each) for each in ids])], filters=self._base_filters)
        return Picked(chosen, key, ids, is_everything=False, query="")

    def _back(self) -> str:
        return onward(request.form.get("back"), f"{self.route_base}/list/")

    # --- verbs ----------------------------------------------------------------------------------------------------

    @expose("/many/<string:verb>", methods=["POST"])
    @has_access
    @permission_name("see")
    def act_on_many(self, verb: str) -> Any:
        """Do a verb to the chosen records, each for itself, and report what was refused and why."""
        chosen = self._verb(verb)
        if chosen.arguments:
            abort(404)
        picked = self._picked()
        keys = picked.ids
        if picked.is_everything:
            total = bulk_preview.count(self, picked.selection)
            if not request.form.get("sure"):
                return self._bulk_page("web/bulk_confirm.html", picked, total=total, verb=chosen)
            keys = [] if total > AT_ONCE else [str(key) for key in picked.found_keys()]
        if len(keys) > AT_ONCE or (picked.is_everything and not keys):
            return self._start(picked, act=verb)
        self._act_now(chosen, keys)
        return redirect(self._back())

    @expose("/many/delete", methods=["POST"])
    @has_access
    @permission_name("delete")
    def delete_many(self) -> Any:
        """Move the chosen records into the bin, each for itself, with one way back for all."""
        if not self.may_delete_many():
            abort(404)
        picked = self._picked()
        if picked.is_everything and not request.form.get("sure"):
            total = bulk_preview.count(self, picked.selection)
            return self._bulk_page("web/bulk_confirm.html", picked, total=total, verb=_deleting())
        return self._start(picked, act=DELETE)

    def _act_now(self, verb: Verb, keys: many[str]) -> None:
        done, refused = 0, []
        for pk in keys:
            try:
                run(db.session(), verb, partial(self.datamodel.one, pk, self._base_filters), {})
                done += 1
            except NotFound:  # it went away meanwhile
                refused.append(_("Not found"))
            except Conflict:
                refused.append(_("Somebody else has just changed this record. Look at it and try again."))
            except NotReached:
                refused.append(_("You see this record, but may not do this to it"))
            except DomainError as refusal:
                refused.append(str(refusal))
        if done:
            flash(_("Done: %(what)s (%(count)s)", what=str(verb.label), count=done), "success")
        for text in dict.fromkeys(refused):
            flash(f"{text} ({refused.count(text)})", "danger")

    # --- values ---------------------------------------------------------------------------------------------------

    @expose("/many/edit", methods=["GET"])
    @has_access
    @permission_name("change")
    def edit_many_again(self) -> Any:
        """Lead a reloaded or remembered address back to the list."""
        query = request.query_string.decode()
        return redirect(f"{self.route_base}/list/?{query}" if query else f"{self.route_base}/list/")

    @expose("/many/edit", methods=["POST"])
    @has_access
    @permission_name("change")
    def edit_many(self) -> Any:
        """Ask which fields of the chosen records get which values, show what that would do, and do it."""
        if not self.may_edit_many():
            abort(404)
        picked, step = self._picked(), request.form.get("step", "")
        fields = bulk_form.fields_of(self, request.form)
        if step not in {"preview", "do"}:
            return self._fields_page(picked, fields)
        wrong = [field for field in fields if field.is_chosen and not field.is_valid()]
        given = {} if wrong else bulk_form.given_by(fields)
        if not given:
            error = "" if wrong else _("Choose at least one field to change")
            return self._fields_page(picked, fields, error), 422
        if step == "do":
            return self._start(picked, act=EDIT, given=given)
        return self._preview_page(picked, fields, given)

    def _fields_page(self, picked: Picked, fields: many[bulk_form.BulkField], error: str = "") -> str:
        total = bulk_preview.count(self, picked.selection)
        return self._bulk_page("web/bulk_edit.html", picked, total=total, fields=fields, error=error, most=bulk.MOST)

    def _preview_page(self, picked: Picked, fields: many[bulk_form.BulkField], given: dict[str, Any]) -> Any:
        chosen = [field for field in fields if field.is_chosen]
        # What the trial rolls back is read anew: texts of the fields are taken before it.
        kept = [(f"how.{each.name}", each.how) for each in chosen]
        kept += [(each.name, value) for each in chosen for value in request.form.getlist(each.name)]
        names = [each.name for each in chosen]
        try:
            found = bulk_preview.preview(self, picked.selection, given, names, at=clock.now(), most=AT_ONCE)
        except DomainError as refusal:
            return self._fields_page(picked, fields, str(refusal)), 422
        return self._bulk_page(
            "web/bulk_preview.html", picked, total=found.total, found=found, names=names, kept=kept, at_once=AT_ONCE
        )

    def _bulk_page(self, template: str, picked: Picked, *, total: int, **about: Any) -> str:
        wish = self.asked()
        title = _("%(what)s: %(count)s records", what=str(self.many_name), count=number(total))
        return self.page(template, title=title, picked=picked, wish=wish, total=total, back=self._back(), **about)

    # --- doing ----------------------------------------------------------------------------------------------------

    def _start(self, picked: Picked, *, act: str, given: dict[str, Any] | None = None) -> Any:
        """Freeze the records and do the run: few at once, more by the worker."""
        at = clock.now()
        try:
            with unit_of_work(db.session()) as session:
                kept, done = self._once(session, request.form.get("form_key", ""))
                if done:  # the same form sent twice
                    return redirect(f"/bulk_run/show/{kept.answer['id']}")
                made = bulk.make(
                    session, self.stem, picked.found_keys(), act=act, given=given, query=picked.query or None
                )
                key, total = made.id, made.total_rows
                bulk.queue(session, made, at=at, later=total <= AT_ONCE)
                if kept is not None:
                    idempotency.end(kept, status=303, answer={"id": key})
        except DomainError as refusal:
            flash(str(refusal), "danger")
        except Conflict:
            flash(_("This form is being saved already."), "warning")
        else:
            begin(key, total)
        return redirect(self._back())


def begin(key: int, total: int) -> None:
    """Do a run of few records and say what came of it; show a longer one in the top bar."""
    address = f"/bulk_run/show/{key}"
    if total > AT_ONCE:
        jobs.begin(BulkRun.__stem__, key)
        text = _("%(count)s records are under way. You may go on working.", count=number(total))
        flash(Markup('{} <a href="{}">{}</a>').format(text, address, _("Progress")), "info")
        return
    bulk.go(db.session, key)
    made = db.session().get_one(BulkRun, key)
    say = summary(made)
    link = Markup(' <a href="{}">{}</a>').format(address, _("Report")) if made.refused_rows else ""
    kind = "warning" if made.refused_rows or made.message else "success"
    way: toast.Undo | None = (_("Undo"), f"/bulk_run/undo/{key}", {}) if bulk.way_back(made) is not None else None
    toast.say(Markup("{}{}").format(say, link), kind, undo=way)


def summary(made: BulkRun) -> str:
    """Return what came of a run: "Changed: 1,234 · Refused: 3"."""
    if made.message:
        return str(made.message)
    done = {DELETE: _("Deleted: %(count)s"), UNDELETE: _("Restored: %(count)s")}.get(made.act, _("Changed: %(count)s"))
    parts = [done % {"count": number(made.changed_rows)}]
    if made.same_rows:
        parts.append(_("Already so: %(count)s", count=number(made.same_rows)))
    if made.refused_rows:
        parts.append(_("Refused: %(count)s", count=number(made.refused_rows)))
    return " · ".join(parts)


def _deleting() -> ForMany:
    days = current_app.config["CRM_BIN_DAYS"]
    sure = _("Delete these records? They stay in the bin for %(days)s days.", days=days)
    return ForMany(DELETE, _("Delete"), "trash-2", confirm=sure, danger=True)


def _act(verb: Verb, session: Session, record: Any, at: datetime) -> Any:
    return verb.act(session, record, **told(session, verb, {}, at=at))


def door_of(stem: str) -> Door | None:
    """Return the door of a stem, as its screen declares it; None when there is no such screen."""
    if stem not in _DOORS and stem in _SCREENS:
        _DOORS[stem] = _SCREENS[stem]().door()
    return _DOORS.get(stem)


bulk_door.use(door_of)
