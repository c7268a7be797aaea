"""Screens and REST of bank statements: loading a file, saying what the columns of a table hold, taking one back."""

import base64
import binascii
from pathlib import Path
from typing import Any, ClassVar

from flask import Response, abort, current_app, flash, redirect, request, send_file
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app import clock
from app.db import db
from app.errors import DomainError, NotFound
from app.exchange import bank_file, bank_load
from app.exchange.bank_load import Received
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.i18n import ngettext
from app.models.bank_statement import BankStatement
from app.models.organisation import OrganisationBankAccount
from app.services import attachment as attachments
from app.services import bank_desk as desk
from app.services import bank_settle as settling
from app.services import bank_statement as statements
from app.services.allocation import When
from app.web import bank_columns, menu
from app.web.api import CrudApi
from app.web.bank_columns import ColumnsForm
from app.web.crud import CrudView
from app.web.records import Records
from app.web.schema import strict
from app.web.verbs import Verb

ORDER = 46
COLUMNS = ["account", "until_on", "opening", "closing", "currency", "line_count", "open_count", "gap", "state"]
SHOWN = ["organisation", "from_on", *COLUMNS, "number", "known_count", "format", "profile"]
OPTIONS = [
    joinedload(BankStatement.account).joinedload(OrganisationBankAccount.organisation),
    joinedload(BankStatement.organisation),
]
LABELS = {
    "account": _l("Our account"),
    "closing": _l("Closing balance"),
    "format": _l("Format"),
    "from_on": _l("From"),
    "gap": _l("Gap before it"),
    "known_count": _l("Lines known already"),
    "line_count": _l("Lines"),
    "number": _l("Statement number"),
    "open_count": _l("To be matched"),
    "opening": _l("Opening balance"),
    "profile": _l("Read by"),
    "until_on": _l("Until"),
}


def withdraw(session: Session, statement: BankStatement, *, when: When) -> None:
    """Take a statement back with all that was matched."""
    settling.withdraw(session, statement, when=when)


VERBS = [
    Verb(
        "withdraw",
        withdraw,
        label=_l("Take the statement back"),
        icon="undo-2",
        confirm=_l("Every payment that was made from it is cancelled, and its lines go. Take it back?"),
        needs_when=True,
        danger=True,
    )
]


def folder() -> Path:
    """Return where files are kept."""
    kept: Path = current_app.config["CRM_VAR"] / "files"
    return kept


class BankStatementView(CrudView):
    """Statements of banks."""

    datamodel = Records(BankStatement, remove=statements.remove, search=None, options=OPTIONS)
    exclude_route_methods: ClassVar = {"add", "edit", "delete"}
    one_name = _l("Bank statement")
    many_name = _l("Bank statements")
    hint = _l("Load what your bank has booked (camt.053, MT940, 1C or CSV); it becomes payments of your invoices.")
    card_template = "web/bank_card.html"
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = SHOWN
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["organisation", "until_on", "open_count", "format", "state"]
    order_columns: ClassVar = ["until_on", "open_count"]
    base_order = ("until_on", "desc")
    key_facts: ClassVar = ["account", "from_on", "until_on", "open_count"]
    has_tags: ClassVar = False
    quick: ClassVar = None
    verbs: ClassVar = VERBS
    label_columns: Any = LABELS

    @classmethod
    def allowed_rights(cls) -> list[str]:
        """Return the basic rights, with that to load a file."""
        return [*super().allowed_rights(), "add"]

    def acts_on_many(self) -> list[Any]:
        """Return nothing: statements are taken back one by one."""
        return []

    def page(self, template: str, **about: Any) -> str:
        """Render the list by a template of our own."""
        return super().page("web/bank_list.html" if template == "web/list.html" else template, **about)

    def first_open(self, record: BankStatement) -> int | None:
        """Return the first line that waits, None when none does."""
        found = desk.next_open(db.session(), record) if record.open_count else None
        return found.id if found is not None else None

    # --- loading --------------------------------------------------------------------------------------------------

    @expose("/upload", methods=["GET", "POST"])
    @has_access
    @permission_name("add")
    def upload(self) -> Any:
        """Take a file; what is wrong in it is told with its place, and nothing is kept then."""
        if request.method == "GET":
            return self._upload_page({})
        given = request.files.get("file")
        if given is None or not given.filename:
            return self._upload_page({"file": [_("Choose a file first")]}), 422
        typed = request.form.get("account", "")
        try:
            account_id = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) <= 18 else None  # noqa: PLR2004
            content = given.stream.read(bank_file.MOST_BYTES + 1)
            found = bank_load.receive(
                db.session(), content, name=given.filename, files=folder(), at=clock.now(), account_id=account_id
            )
        except DomainError as refusal:
            return self._upload_page({refusal.field or "file": [str(refusal)]}), 422
        return self._received(found)

    def _upload_page(self, errors: dict[str, list[str]]) -> str:
        asked = select(OrganisationBankAccount).options(joinedload(OrganisationBankAccount.organisation))
        accounts = db.session().scalars(asked.order_by(OrganisationBankAccount.id)).all()
        most = bank_file.MOST_BYTES >> 20
        title = _("Load a bank statement")
        return self.page("web/bank_upload.html", title=title, accounts=accounts, errors=errors, most=most)

    def _received(self, found: Received) -> Any:
        if found.draft_id is not None:
            flash(_("Nobody has said yet what the columns of this table hold."), "info")
            return redirect(f"{self.route_base}/columns/{found.draft_id}")
        if not found.ids:
            flash(_("Everything in this file is there already."), "info")
            return redirect(f"{self.route_base}/list/")
        told = [ngettext("%(num)s new line", "%(num)s new lines", found.added)]
        if found.known:
            told.append(ngettext("%(num)s was there already", "%(num)s were there already", found.known))
        if found.matched:
            told.append(ngettext("%(num)s matched at once", "%(num)s matched at once", found.matched))
        flash("; ".join(told), "success")
        return redirect(f"{self.route_base}/show/{found.ids[0]}" if len(found.ids) == 1 else f"{self.route_base}/list/")

    @expose("/columns/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("add")
    def settings(self, pk: int) -> Any:
        """Show the first rows of a table and what its columns seem to hold; load it once that is said."""
        record = self._found(str(pk))
        if not record.is_draft:
            return redirect(f"{self.route_base}/show/{pk}") if request.method == "POST" else self.show(str(pk))
        return self._columns_page(record, None, {}) if request.method == "GET" else self._said(pk, record)

    def _said(self, pk: int, record: BankStatement) -> Any:
        """Read the table again, or load it by what was said of its columns."""
        form = ColumnsForm()
        asked = {"encoding": form.encoding.data, "delimiter": form.delimiter.data, "skip_rows": form.skip_rows.data}
        try:
            table = self._table(pk, asked)
        except DomainError as refusal:
            return self._columns_page(record, form, {"": [str(refusal)]}), 422
        known = {name: request.form.get(f"field-{at}", "") for at, name in enumerate(table["columns"])}
        chosen = {name: field for name, field in known.items() if field in bank_columns.FIELDS}
        if request.form.get("act") == "read":
            return self._columns_page(record, form, {}, asked=asked)
        if not form.validate():
            return self._columns_page(record, form, {}, chosen=chosen, asked=asked), 422
        try:
            found = bank_load.load_draft(
                db.session(), pk, profile=form.profile(chosen), name=form.name.data, files=folder(), at=clock.now()
            )
        except NotFound:
            abort(404)
        except DomainError as refusal:
            errors = {refusal.field or "": [str(refusal)]}
            return self._columns_page(self._found(str(pk)), form, errors, chosen=chosen, asked=asked), 422
        return self._received(found)

    def _table(self, pk: int, asked: dict[str, Any] | None = None) -> dict[str, Any]:
        return bank_file.peek(bank_load.content_of(db.session(), pk, files=folder()), asked)

    def _columns_page(
        self,
        record: BankStatement,
        form: ColumnsForm | None,
        errors: dict[str, list[str]],
        *,
        chosen: dict[str, str] | None = None,
        asked: dict[str, Any] | None = None,
    ) -> str:
        try:
            table = self._table(record.id, asked)
        except DomainError:
            table = self._table(record.id)
        except NotFound:
            abort(404)
        chosen = bank_columns.guess(table["columns"]) if chosen is None else chosen
        if form is None:
            begun = {name: table[name] for name in ("encoding", "delimiter", "skip_rows")}
            day = bank_columns.guess_day(table["rows"], table["columns"], chosen)
            form = ColumnsForm(
                formdata=None, data={**begun, "date_format": day, "decimal_mark": ",", "debit_words": bank_columns.OUT}
            )
        if errors:
            form.refuse({"": [text for texts in errors.values() for text in texts]})
        return self.page(
            "web/bank_columns.html",
            title=_("Columns of the statement"),
            record=record,
            form=form,
            table=table,
            chosen=chosen,
            fields=bank_columns.FIELDS,
        )

    @expose("/file/<int:pk>", methods=["GET"])
    @has_access
    @permission_name("see")
    def file(self, pk: int) -> Response:
        """Send the file of a statement, as it came."""
        record = self._found(str(pk))
        if record.file is None:
            abort(404)
        try:
            path = attachments.path_of(record.file, files=folder())
        except NotFound:
            abort(404)
        return send_file(path, mimetype="application/octet-stream", as_attachment=True, download_name=record.file.name)


class BankStatementApi(CrudApi):
    """REST of bank statements; a file is sent as base64, and its lines are /bank_line."""

    datamodel = Records(BankStatement, remove=statements.remove, search=None, options=OPTIONS)
    exclude_route_methods: ClassVar = {"put", "delete"}
    list_columns: ClassVar = [name for name in COLUMNS if name != "account"]
    show_columns: ClassVar = [name for name in SHOWN if name not in {"account", "profile"}]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    add_schema: ClassVar[Any] = strict(
        "BankStatementIn",
        file_name=fields.String(required=True, validate=validate.Length(1, 255)),
        content=fields.String(required=True, metadata={"description": "the file, as base64"}),
        bank_account=fields.Integer(metadata={"description": "id of our account, where the file names none"}),
    )
    search_columns: ClassVar = ["organisation", "until_on", "open_count", "format", "state"]
    order_columns: ClassVar = ["until_on", "open_count"]
    base_order = ("until_on", "desc")
    has_tags: ClassVar = False
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    examples: ClassVar = {"post": {"file_name": "april.sta", "content": "OjIwOlg="}}

    def _store(self, given: dict[str, Any], pk: Any, version: int | None) -> Any:  # noqa: ARG002 -- only new ones
        try:
            content = base64.b64decode(given["content"], validate=True)
        except (binascii.Error, ValueError):
            raise DomainError(_("This is not base64"), field="content") from None
        account_id = given.get("bank_account")
        if account_id is not None and not 0 < account_id < 10**18:
            raise DomainError(_("Not found"), field="bank_account")
        found = bank_load.receive(
            db.session(), content, name=given["file_name"], files=folder(), at=clock.now(), account_id=account_id
        )
        drafts = [found.draft_id] if found.draft_id is not None else []
        counts = {"added": found.added, "known": found.known, "matched": found.matched}
        return {"statements": [*found.ids], "drafts": drafts, **counts}


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(
        appbuilder, BankStatementView, "bank_statement", label=_l("Bank statements"), group="money", icon="landmark"
    )
    appbuilder.add_api(BankStatementApi)
