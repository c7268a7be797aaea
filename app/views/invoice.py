"""Screens and REST of invoices and credit notes."""

from typing import Any, ClassVar

from flask import Response, abort, current_app, flash, redirect, send_file
from flask_appbuilder import expose
from flask_appbuilder.api import protect, safe
from flask_appbuilder.security.decorators import has_access, permission_name
from markupsafe import Markup
from sqlalchemy.orm import joinedload, selectinload

from app import clock
from app.db import db, unit_of_work
from app.errors import NotFound
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine, InvoiceState
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.reminder_level import InvoiceReminder
from app.outbox import Outbox
from app.services import access, overdue
from app.services import attachment as attachments
from app.services import balance as balances
from app.services import invoice as invoices
from app.services import job as jobs
from app.services import letter as letters
from app.services import period as periods
from app.views.invoice_acts import VERBS, is_issued, is_reminded_of, lacks_of
from app.web import menu
from app.web.api import CrudApi
from app.web.board import Board
from app.web.bundling import Bundling
from app.web.calendar import Calendar
from app.web.card_chain import CHAIN, Chained
from app.web.card_tabs import Own, Related
from app.web.charts import Chart, Sum
from app.web.crm_form import CrmForm
from app.web.document import DocumentView, document_lines
from app.web.filters import Wanted
from app.web.records import Records
from app.web.schema import Lines
from app.web.settled import count_of, rows_of
from app.web.totals import signed

ORDER = 40
LOADED = [
    selectinload(Invoice.party),
    selectinload(Invoice.owner),
    selectinload(Invoice.organisation),
    selectinload(Invoice.file),
]
HEAD = [
    "party",
    "organisation",
    "delivery_on",
    "delivery_until",
    "payment_term",
    "contract",
    "buyer_reference",
    "language",
]
PRICING = ["currency", "exchange_rate", "prices_include_tax", "returns", "discount", "charge"]
MORE = ["note", "credit_reason", "owner", "team"]
FORM = [*HEAD, *PRICING, *MORE, "lines"]
FIELDSETS = [
    (None, {"fields": HEAD}),
    (None, {"fields": ["lines"]}),
    (_l("Prices"), {"fields": PRICING}),
    (_l("More"), {"fields": MORE}),
]
SAID = ["kind", "state", "number", "issued_on", "due_on", "order", "credits"]
BLOCKED = ["reminder_block_until", "reminder_block_why"]
SHOWN = [
    (None, {"fields": [*SAID, *HEAD]}),
    (_l("More"), {"fields": [*PRICING, *MORE, "closed_on", "closed_reason", *BLOCKED, "margin"]}),
]
ISSUED = (Wanted("state", "neq", "draft"),)
OVERDUE = (
    Wanted("kind", "eq", "invoice"),
    Wanted("settlement", "in", "open,partly_paid"),
    Wanted("due_on", "lt", "today"),
)
LINES_OF_CARD = [
    selectinload(Invoice.lines).options(joinedload(InvoiceLine.unit), joinedload(InvoiceLine.tax)),
    joinedload(Invoice.organisation).joinedload(Organisation.bank_accounts),  # what a draft may lack
    selectinload(Invoice.party).options(joinedload(Party.channels), joinedload(Party.addresses)),
    joinedload(Invoice.taxes),
    joinedload(Invoice.file),
]
LINES = Lines(
    InvoiceLine,
    "InvoiceLine",
    given=("product", "text", "quantity", "unit", "unit_price", "discount_percent", "tax", "parameters"),
    optional=("text", "unit_price", "tax", "parameters"),
    computed=("position", "net", "tax_amount", "gross", "price_steps"),
)


class InvoiceView(Bundling, Chained, DocumentView):
    """List, form and card of invoices."""

    rows_of = staticmethod(rows_of)  # for the table of allocations

    datamodel = Records(Invoice, save=invoices.save, remove=invoices.remove, options=LOADED)
    one_name = _l("Invoice")
    many_name = _l("Invoices")
    hint = _l("Make an invoice from an order, or write one here; it gets its number when it is issued.")
    card_template = "web/invoice_card.html"
    list_columns: ClassVar = [
        "number", "kind", "party", "state", "settlement", "issued_on", "due_on", "gross", "currency",
    ]  # fmt: skip
    show_columns: ClassVar = [*SAID, *HEAD, *PRICING, *MORE, *BLOCKED, "margin"]
    show_fieldsets: ClassVar = SHOWN
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = FORM
    edit_fieldsets: ClassVar = FIELDSETS
    add_form_extra_fields: ClassVar = {"lines": document_lines(InvoiceLine)}
    edit_form_extra_fields: ClassVar = {"lines": document_lines(InvoiceLine)}
    search_columns: ClassVar = [
        "kind", "state", "settlement", "party", "contract", "issued_on", "due_on", "currency", "organisation",
        "owner", "team", "category",
    ]  # fmt: skip
    order_columns: ClassVar = ["number", "issued_on", "due_on", "gross", "state"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["state", "settlement", "kind", "party", "issued_on", "due_on"]
    total_columns: ClassVar = ["net", "gross", "margin"]
    total_hint = _l("credit notes are subtracted")
    stages: ClassVar = tuple(InvoiceState)
    card_options: ClassVar = LINES_OF_CARD
    own_tabs: ClassVar = [
        Own("allocations", _l("Allocations"), "web/card_allocations.html", count=count_of, fits=is_issued),
        Own("reminders", _l("Reminders"), "web/card_reminders.html", count=overdue.count_of, fits=is_reminded_of),
        CHAIN,
    ]
    related: ClassVar = [Related("letter", where=letters.is_about)]
    charts: ClassVar = [
        Chart("by_month", label=_l("Invoiced by month"), by="issued_on", measure=Sum("net"), of=ISSUED),
        Chart("by_settlement", label=_l("What is paid"), by="settlement", measure=Sum("gross"), of=ISSUED),
        Chart("by_party", label=_l("Top parties"), by="party", measure=Sum("net"), of=ISSUED),
        Chart("overdue", label=_l("Overdue by age"), by="due_on", grain="age", measure=Sum("gross"), of=OVERDUE),
    ]
    own_values: ClassVar = {"settlement"}
    boards: ClassVar = [
        Board(
            "settlement",
            moves={"open": "issue", "paid": "pay"},
            title=("number",),
            facts=("party", "due_on"),
            amount="gross",
            empty=_l("Draft"),
            reason=_l("What is paid decides where an invoice stands: issue it, or register its payment."),
        )
    ]
    calendars: ClassVar = [
        Calendar("due_on", title=("party", "number"), kind="settlement", amount="gross"),
        Calendar("issued_on", title=("party", "number"), kind="settlement", amount="gross"),
    ]
    verbs: ClassVar = VERBS

    def total_of(self, name: str) -> Any:
        """Subtract what credit notes take back."""
        return signed(super().total_of(name), unless=Invoice.kind == InvoiceKind.invoice)

    def prefill(self, form: CrmForm) -> None:
        """Write in the party's language unless told otherwise."""
        super().prefill(form)
        party = form["party"].data
        if party is not None:
            form["language"].data = party.language

    def value(self, record: Any, name: str) -> Any:
        """Mark what is overdue."""
        shown = super().value(record, name)
        if name == "settlement" and isinstance(record, Invoice) and record.settlement is not None:
            today = periods.today(record.organisation, clock.now())
            if balances.is_overdue(record, today):
                shown += Markup(' <span class="badge badge-overdue">{}</span>').format(_("Overdue"))
        return shown

    def next_reminder(self, invoice: Invoice) -> overdue.Next:
        """Return what comes next for an invoice and why."""
        return overdue.upcoming(db.session(), invoice, at=clock.now())

    def reminders(self, invoice: Invoice) -> list[InvoiceReminder]:
        """Return what an invoice was reminded of, with the letters."""
        return list(db.session.scalars(overdue.shown(invoice)))

    def failed_job(self, invoice: Invoice) -> Outbox | None:
        """Return the work that should have made a document's file and has failed for good."""
        return jobs.failed_of(db.session(), "invoice.render", invoice.id) if invoice.file is None else None

    def missing(self, invoice: Invoice) -> list[dict[str, str]]:
        """Return what the draft lacks to be issued, each with the place where it is mended."""
        if not invoice.is_draft:
            return []
        return [{"text": lack.text, "url": _mend(lack)} for lack in lacks_of(invoice)]

    @expose("/pdf/<int:pk>")
    @has_access
    @permission_name("see")
    def pdf(self, pk: int) -> Any:
        """Send the stored file of an issued document."""
        invoice = self._found(str(pk))
        if invoice.file is None and self.failed_job(invoice) is not None:
            flash(_("The file of this document could not be made; the background work says why."), "danger")
            return redirect(f"{self.route_base}/show/{pk}")
        if invoice.file is None:
            ask_for_file(invoice)
            flash(_("The file of this document is being made. Try again in a moment."), "info")
            return redirect(f"{self.route_base}/show/{pk}")
        return stored_file(invoice)


def _mend(lack: invoices.Missing) -> str:
    if lack.record_id is None:
        return f"/{lack.stem}/list/"
    return f"/{lack.stem}/edit/{lack.record_id}#{lack.field}"


def ask_for_file(invoice: Invoice) -> None:
    """Let the worker make a document's file that nobody has asked for yet: a document from a bulk, for one."""
    with unit_of_work(db.session()) as session:
        invoices.ask_for_file(session, invoice, at=clock.now(), by=access.required(session))


def stored_file(invoice: Invoice) -> Response:
    """Return the file of a document: the bytes that were stored, whatever has changed since."""
    attachment = invoice.file
    if attachment is None:
        abort(404)
    try:
        path = attachments.path_of(attachment, files=current_app.config["CRM_VAR"] / "files")
    except NotFound:
        abort(404)
    return send_file(path, mimetype=attachment.media_type, download_name=attachment.name, etag=attachment.sha256)


class InvoiceApi(CrudApi):
    """REST of invoices."""

    datamodel = Records(Invoice, save=invoices.save, remove=invoices.remove, options=LOADED)
    list_columns: ClassVar = [
        "number",
        "kind",
        "party",
        "state",
        "issued_on",
        "due_on",
        "currency",
        "net",
        "gross",
        "settlement",
    ]
    show_columns: ClassVar = [
        *SAID, *HEAD, *PRICING, *MORE,
        "net", "tax", "gross", "margin", "allocated", "rest", "settlement", "closed_on", "closed_reason", *BLOCKED,
    ]  # fmt: skip
    add_columns: ClassVar = [*HEAD, *PRICING, *MORE, "order"]
    edit_columns: ClassVar = [*HEAD, *PRICING, *MORE]
    defaulted: ClassVar = ["organisation", "language", "currency"]
    lines: ClassVar = {"lines": LINES}
    search_columns: ClassVar = [
        "number", "kind", "state", "settlement", "party", "issued_on", "due_on", "order", "owner", "team",
    ]  # fmt: skip
    order_columns: ClassVar = ["number", "issued_on", "due_on", "gross"]
    base_order = ("id", "desc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {
            "party": 1,
            "currency": "EUR",
            "lines": [{"text": "Tulip bulbs, 25 pieces", "quantity": "4", "unit_price": "12.50", "tax": 1}],
        }
    }

    @expose("/<int:pk>/pdf", methods=["GET"])
    @protect()
    @safe
    @permission_name("see")
    def pdf(self, pk: int) -> Response:
        """Get the stored file of an issued invoice
        ---
        get:
          summary: Get the stored PDF of an issued invoice
          operationId: invoice_pdf
          parameters:
          - {in: path, name: pk, required: true, schema: {type: integer}}
          responses:
            200:
              description: The file
              content:
                application/pdf:
                  schema: {type: string, format: binary}
            202:
              description: The file is being made; ask again after the seconds of Retry-After
            400: {$ref: '#/components/responses/400'}
            401: {$ref: '#/components/responses/401'}
            403:
              description: The right is missing, or the key has no scope for it
            404: {$ref: '#/components/responses/404'}
            409:
              description: A draft has no file, or making the file has failed for good
        """  # noqa: D205, D400 -- the rest is the OpenAPI description
        invoice = self.datamodel.one(pk, self._base_filters)
        if invoice is None:
            return self.response_404()
        if invoice.is_draft:
            return self.response(409, message=_("A draft has no file yet; issue it first"))
        if invoice.file is None and jobs.failed_of(db.session(), "invoice.render", invoice.id) is not None:
            text = _("The file of this document could not be made; the background work says why.")
            return self.response(409, message=text)
        if invoice.file is None:
            ask_for_file(invoice)
            answer = self.response(202, message=_("The file of this document is being made. Try again in a moment."))
            answer.headers["Retry-After"] = "1"
            return answer
        return stored_file(invoice)


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, InvoiceView, "invoice", label=_l("Invoices"), group="money", icon="receipt")
    appbuilder.add_api(InvoiceApi)
