"""Screens of exports: who took which rows, whether a file is one of ours, what is usual for whom, and the rules."""

import re
from typing import Any, ClassVar

from flask import abort, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_appbuilder.security.sqla.models import User
from markupsafe import Markup, escape
from sqlalchemy.orm import selectinload
from wtforms import SelectMultipleField, StringField
from wtforms.fields.choices import Choice
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError
from app.exchange.table import Value
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.export_run import ExportKind, ExportRun
from app.roles import EXPORT, SEE
from app.services import access, export_rule, person_report
from app.services import export_run as exports
from app.web import menu, rights
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.export_words import many_of
from app.web.hand_out import Parcel, Table, hand_out
from app.web.records import Records

ORDER = 93
WRITING = {"add", "edit", "delete"}
COLUMNS = ["created_at", "owner", "entity", "kind", "format", "rows", "reason", "state", "alarmed_at"]
SHA256 = re.compile(r"[0-9a-f]{64}")


class AreasField(SelectMultipleField):
    """Areas that can be exported, as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, choices=[], validate_choice=False, **options)
        self.areas: list[rights.Area] = []

    def iter_choices(self) -> Any:
        """Yield the areas."""
        for area in self.areas:
            yield Choice(area.name, area.label, area.name in (self.data or []), {})


class RuleForm(CrmForm):
    """When an export needs a reason, and when it is told to a head."""

    reason_from = StringField(_l("A reason is needed from so many rows on"), [InputRequired()])
    reason_areas = AreasField(_l("A reason is always needed for"))
    alarm_times = StringField(
        _l("A head is told when 24 hours bring more than so many times the usual day"), [InputRequired()]
    )
    alarm_least = StringField(_l("But not of fewer rows than"), [InputRequired()])
    alarm_new = StringField(
        _l("Rows in 24 hours of somebody who has no usual day yet"),
        [InputRequired()],
        description=_l("A usual day is the median of the days with exports among the last 30; it takes five of them."),
    )


class ExportRunView(CrudView):
    """The exports so far; one sees one's own, a head those of his people, administrators and auditors all."""

    datamodel = Records(ExportRun, search=None, options=[selectinload(ExportRun.owner)])
    one_name = _l("Export")
    many_name = _l("Exports")
    hint = _l("Whoever takes a list away as a file leaves a line here: who, what, how many rows, why.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | WRITING
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = [
        *("owner", "team", "created_at", "ended_at", "entity", "kind", "format", "state", "reason", "heads", "query"),
        *("expected_rows", "rows", "size", "sha256", "read_on", "address", "request_id", "alarmed_at", "usual_rows"),
    ]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = [
        *("owner", "team", "created_at", "entity", "kind", "format", "rows", "state", "alarmed_at", "address"),
        *("reason", "sha256"),
    ]
    order_columns: ClassVar = ["created_at", "rows", "size"]
    base_order = ("created_at", "desc")
    key_facts: ClassVar = ["owner", "entity", "rows", "state"]
    total_columns: ClassVar = ["rows"]
    has_activities: ClassVar = False  # nobody writes into the log
    label_columns: Any = {
        "created_at": _l("When"),
        "ended_at": _l("Ended"),
        "owner": _l("Who"),
        "entity": _l("Records of"),
        "kind": _l("What"),
        "format": _l("Format"),
        "state": _l("State"),
        "reason": _l("Reason"),
        "heads": _l("Columns"),
        "query": _l("Address of the list"),
        "expected_rows": _l("Rows announced"),
        "rows": _l("Rows"),
        "size": _l("Bytes"),
        "sha256": _l("SHA-256 of the file"),
        "read_on": _l("Day of reading (UTC)"),
        "address": _l("Network address"),
        "request_id": _l("Request"),
        "alarmed_at": _l("Told to the head"),
        "usual_rows": _l("Usual rows of a day"),
    }

    @classmethod
    def allowed_rights(cls) -> list[str]:
        """Return the basic rights and that to set the rules."""
        return [*super().allowed_rights(), "set_rules"]

    def page(self, template: str, **about: Any) -> str:
        """Render the list and the card by templates of our own."""
        own = {"web/list.html": "web/export_list.html", "web/card.html": "web/export_card.html"}
        about |= {"may_set_rules": self.may("set_rules"), "steps": []}  # how it ended is no way to go
        return super().page(own.get(template, template), **about)

    def title_of(self, record: Any) -> str:
        """Return what was taken, and its number."""
        return f"{many_of(record.entity)} · {record}"

    def value(self, record: Any, name: str) -> Any:
        """Name the records, and lead to the list that was taken."""
        if name == "entity":
            return escape(many_of(record.entity))
        if name == "heads":
            return escape(", ".join(record.heads) or "—")
        if name == "sha256" and record.sha256:
            return Markup('<span class="hash">{}</span>').format(record.sha256)
        if name == "query" and record.kind is ExportKind.list and record.query.startswith("/"):
            shown = record.query.replace("/list/export", "/list/", 1)
            return Markup('<a class="hash" href="{}">{}</a>').format(shown, record.query)
        return super().value(record, name)

    # --- is this file one of ours -------------------------------------------------------------------------------------

    @expose("/verify", methods=["GET", "POST"])
    @has_access
    @permission_name("see")
    def verify(self) -> Any:
        """Say whether a file is one of our exports, and whose."""
        errors: dict[str, str] = {}
        typed = request.form.get("sha256", "").strip().lower()
        sent = request.files.get("file")
        digest = ""
        if sent is not None and sent.filename:
            digest = exports.sha256_of(sent.stream)  # type: ignore[arg-type]
        elif SHA256.fullmatch(typed):
            digest = typed
        elif typed:
            errors["sha256"] = _("A SHA-256 has 64 digits from 0 to 9 and a to f")
        elif request.method == "POST":
            errors["file"] = _("Choose a file")
        found = list(db.session.execute(exports.of_file(digest)).scalars()) if digest else []
        about = {"errors": errors, "typed": typed, "digest": digest, "found": found, "many_of": many_of}
        page = self.page("web/export_verify.html", title=_("Is this file one of ours?"), **about)
        return (page, 422) if errors else page

    # --- one person's days --------------------------------------------------------------------------------------------

    @expose("/person/<int:user_id>", methods=["GET"])
    @has_access
    @permission_name("see")
    def person(self, user_id: int) -> str:
        """Show what a person opened and took away in the last 30 days, against his own normal."""
        user = self._person(user_id, SEE)
        about = {"user": user, "report": person_report.report(db.session(), user.id, at=clock.now())}
        return self.page("web/person_report.html", title=_("Views and exports: %(who)s", who=str(user)), **about)

    @expose("/person/<int:user_id>/report", methods=["GET", "POST"])
    @has_access
    @permission_name("export")
    def report(self, user_id: int) -> Any:
        """Ask what the days of a person are wanted for, and send them as a file."""
        user = self._person(user_id, EXPORT)
        found = person_report.report(db.session(), user.id, at=clock.now()).told
        heads = [_("Day"), _("Records opened"), _("Rows over REST"), _("Files"), _("Rows in files"), _("Unusual")]
        rows: list[list[Value]] = [
            [day.on, day.opened, day.read, day.files, day.rows, _("Yes") if day.is_unusual else ""] for day in found
        ]
        parcel = Parcel(
            kind=ExportKind.report,
            right=(str(self.class_permission_name), EXPORT),
            entity=self.stem,
            title=_("Views and exports: %(who)s", who=str(user)),
            file=f"views-and-exports-{user.username}",
            back=f"/export_run/person/{user.id}",
            rows=len(rows),
            heads=heads,
            read=lambda _pause: Table(heads, rows),
        )
        return hand_out(self, parcel)

    @staticmethod
    def _person(user_id: int, action: str) -> User:
        """Return a person whose exports the reader reaches; 404 else."""
        session = db.session()
        user = session.get(User, user_id) if user_id < 2**31 else None
        team_id = user.profile.team_id if user is not None and user.profile is not None else None
        if user is None or not access.allowed(session, ExportRun(owner_id=user.id, team_id=team_id), action):
            abort(404)
        return user

    # --- rules --------------------------------------------------------------------------------------------------------

    @expose("/rules", methods=["GET", "POST"])
    @has_access
    @permission_name("set_rules")
    def rules_page(self) -> Any:
        """Show and store when an export needs a reason, and when it is told to a head."""
        kept = export_rule.rule(db.session())
        form = RuleForm(data={name: getattr(kept, name) for name in (*export_rule.NUMBERS, "reason_areas")})
        form.reason_areas.areas = [area for area in rights.areas(self.appbuilder) if EXPORT in area.verbs]
        title = _("Rules of exports")
        if request.method == "GET":
            return self.page("web/export_rules.html", title=title, form=form)
        if not form.validate():
            return self.page("web/export_rules.html", title=title, form=form), 422
        known = {area.name for area in form.reason_areas.areas}
        given: dict[str, Any] = {name: _whole(form[name].data) for name in export_rule.NUMBERS}
        given["reason_areas"] = known & set(form.reason_areas.data or [])
        try:
            with unit_of_work(db.session()) as session:
                export_rule.save(session, export_rule.rule(session), given=given)
        except DomainError as refusal:
            form.refuse({refusal.field or "": [str(refusal)]})
            return self.page("web/export_rules.html", title=title, form=form), 422
        flash(_("Your settings are saved."), "success")
        return redirect("/export_run/rules")


def _whole(text: str | None) -> int:
    """Read a whole number, grouped or not; 0 for what is none."""
    plain = re.sub(r"[\s.,]", "", text or "")
    return int(plain) if re.fullmatch(r"[0-9]{1,9}", plain) else 0


def register(appbuilder: Any) -> None:
    """Register the screens."""
    menu.place(appbuilder, ExportRunView, "export_run", label=_l("Exports"), group="exchange", icon="file-down")
