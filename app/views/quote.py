"""Screens and REST of quotes."""

from typing import Any, ClassVar

from flask import Response, current_app
from flask_appbuilder import expose
from flask_appbuilder.api import protect, safe
from flask_appbuilder.security.decorators import permission_name
from marshmallow import fields, validate
from sqlalchemy import or_
from sqlalchemy.orm import Session, joinedload, object_session, selectinload

from app import clock, lifecycle
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.party import Party
from app.models.quote import QUOTE_MOVES, Quote, QuoteLine, QuoteState
from app.services import field_right
from app.services import letter as letters
from app.services import period as periods
from app.services import quote as quotes
from app.services import quote_link as links
from app.web import menu
from app.web.api import CrudApi
from app.web.arguments import REASON
from app.web.board import Board
from app.web.bundling import Bundling
from app.web.calendar import Calendar
from app.web.card_chain import CHAIN, Chained
from app.web.card_tabs import Related
from app.web.charts import Chart, Sum
from app.web.crm_form import CrmForm
from app.web.document import DocumentView, document_lines
from app.web.records import Records
from app.web.schema import Lines
from app.web.stored_file import WithFile, sent
from app.web.verbs import Verb, reason

ORDER = 16
LOADED = [selectinload(Quote.party), selectinload(Quote.owner), selectinload(Quote.organisation)]
HEAD = [
    "party",
    "organisation",
    "valid_until",
    "delivery_on",
    "payment_term",
    "contract",
    "buyer_reference",
    "language",
]
PRICING = ["currency", "prices_include_tax", "discount", "charge"]
MORE = ["note", "owner", "team"]
FORM = [*HEAD, *PRICING, *MORE, "lines"]
SAID = ["state", "number", "edition", "sent_on"]
ANSWER = ["answered_at", "answered_name", "answered_by", "answered_address", "answered_agent", "rejected_reason"]
FIELDSETS = [
    (None, {"fields": HEAD}),
    (None, {"fields": ["lines"]}),
    (_l("Prices"), {"fields": PRICING}),
    (_l("More"), {"fields": MORE}),
]
SHOWN = [
    (None, {"fields": [*SAID, *HEAD]}),
    (_l("Answer"), {"fields": ANSWER}),
    (_l("More"), {"fields": [*PRICING, *MORE, "deal", "replaces"]}),
]
LINES_OF_CARD = [
    selectinload(Quote.lines).options(joinedload(QuoteLine.unit), joinedload(QuoteLine.tax)),
    joinedload(Quote.file),
    selectinload(Quote.party).options(joinedload(Party.channels)),
]
LINES = Lines(
    QuoteLine,
    "QuoteLine",
    given=("product", "text", "quantity", "unit", "unit_price", "discount_percent", "tax", "parameters"),
    optional=("text", "unit_price", "tax", "parameters"),
    computed=("position", "net", "tax_amount", "gross", "price_steps"),
)
NAME = fields.String(validate=validate.Length(max=links.NAME_LENGTH))


def session_of(quote: Quote) -> Session:
    """Return the session that a stored quote was read with."""
    session = object_session(quote)
    assert session is not None  # noqa: S101 -- a stored record has one
    return session


def known_address(quote: Quote) -> str | None:
    """Return where a quote's letter goes, to whom may see such data of people; for others it goes there unseen."""
    is_closed = {"email", "contacts", "channels"} & field_right.hidden(session_of(quote), Party)
    return None if is_closed else letters.addressee(quote.party)[1]


def why_not_release(quote: Quote) -> str | None:
    """Return why a draft cannot be sent as it is."""
    return reason(quotes.refuse_release, quote, periods.today(quote.organisation, clock.now()))


def why_not_send(quote: Quote) -> str | None:
    """Return why no letter can bring a quote now."""
    return why_not_release(quote) if quote.state == QuoteState.draft else reason(quotes.refuse_unless_sent, quote)


def why_not(to: QuoteState) -> Any:
    """Return a reason that asks whether a quote may come to a state."""
    return lambda quote: reason(lifecycle.refuse, QUOTE_MOVES, quote, to)


WAITS = {QuoteState.sent, QuoteState.expired}
VERBS = [
    Verb(
        "send",
        letters.send_quote,
        label=_l("Send by e-mail"),
        icon="mail",
        when=lambda quote: quote.state in {QuoteState.draft, QuoteState.sent},
        why=why_not_send,
        arguments={
            "to": fields.String(validate=validate.Length(max=250)),
            "subject": fields.String(validate=validate.Length(max=250)),
            "text": fields.String(validate=validate.Length(max=20_000)),
        },
        offered=lambda quote: {
            "to": known_address(quote),
            "subject": letters.subject_of_quote(quote),
            "text": letters.text_of_quote(quote),
        },
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "release",
        quotes.release,
        label=_l("Release without a letter"),
        icon="file-check",
        when=lambda quote: quote.state == QuoteState.draft,
        why=why_not_release,
        to=QuoteState.sent,
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "accept",
        quotes.accept,
        label=_l("The customer accepts"),
        icon="circle-check",
        when=lambda quote: quote.state in WAITS,
        why=why_not(QuoteState.accepted),
        to=QuoteState.accepted,
        arguments={"name": NAME},
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "reject",
        quotes.reject,
        label=_l("The customer declines"),
        icon="circle-x",
        when=lambda quote: quote.state in WAITS,
        why=why_not(QuoteState.rejected),
        arguments={"reason": REASON, "name": NAME},
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "order",
        quotes.make_order,
        label=_l("Make an order"),
        icon="shopping-cart",
        when=lambda quote: quote.state == QuoteState.accepted,
        why=lambda quote: reason(quotes.refuse_order, session_of(quote), quote),
        primary=True,
    ),
    Verb(
        "new_version",
        quotes.new_version,
        label=_l("Make a new version"),
        icon="copy",
        when=lambda quote: quote.state in {*WAITS, QuoteState.rejected},
        why=lambda quote: reason(quotes.refuse_new_version, session_of(quote), quote),
    ),
    Verb(
        "renew",
        quotes.renew,
        label=_l("Make a new link"),
        icon="link",
        when=lambda quote: quote.state == QuoteState.sent,
        why=lambda quote: reason(quotes.refuse_unless_sent, quote),
        confirm=_l("The link that the customer has will end. Go on?"),
    ),
    Verb(
        "revoke",
        quotes.revoke,
        label=_l("End the customer's link"),
        icon="lock",
        when=links.is_alive,
        why=lambda quote: reason(quotes.refuse_revoke, quote),
        needs_time=True,
    ),
]


class QuoteView(Bundling, Chained, WithFile, DocumentView):
    """List, form and card of quotes."""

    file_topic = quotes.FILE
    datamodel = Records(Quote, save=quotes.save, remove=quotes.remove, options=LOADED)
    one_name = _l("Quote")
    many_name = _l("Quotes")
    hint = _l("A quote says what you offer and until when; the customer answers it by a link, and it becomes an order.")
    card_template = "web/quote_card.html"
    list_columns: ClassVar = ["number", "party", "state", "sent_on", "valid_until", "gross", "currency", "owner"]
    show_columns: ClassVar = [*SAID, *HEAD, *ANSWER, *PRICING, *MORE, "deal", "replaces"]
    show_fieldsets: ClassVar = SHOWN
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = FORM
    edit_fieldsets: ClassVar = FIELDSETS
    add_form_extra_fields: ClassVar = {"lines": document_lines(QuoteLine)}
    edit_form_extra_fields: ClassVar = {"lines": document_lines(QuoteLine)}
    search_columns: ClassVar = ["state", "party", "sent_on", "valid_until", "currency", "contract", "owner", "team"]
    order_columns: ClassVar = ["number", "sent_on", "valid_until", "gross", "state"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["state", "party", "valid_until", "owner"]
    total_columns: ClassVar = ["net", "gross"]
    stages: ClassVar = (QuoteState.draft, QuoteState.sent, QuoteState.accepted)
    card_options: ClassVar = LINES_OF_CARD
    own_tabs: ClassVar = [CHAIN]
    related: ClassVar = [
        Related("order", "quote"),
        Related("letter", where=letters.is_about),
    ]
    charts: ClassVar = [
        Chart("by_state", label=_l("Quotes by state"), by="state", kind="pie"),
        Chart("total_by_month", label=_l("Quoted by month"), by="sent_on", measure=Sum("net")),
    ]
    boards: ClassVar = [
        Board(
            "state",
            moves={"sent": "release", "accepted": "accept"},
            title=("number",),
            facts=("party", "valid_until"),
            amount="gross",
            ends=frozenset({"accepted", "rejected", "expired", "replaced"}),
            reason=_l("Turning a quote down needs a reason; a new version replaces it: see its card."),
        )
    ]
    calendars: ClassVar = [Calendar("valid_until", title=("party", "number"), kind="state", amount="gross")]
    verbs: ClassVar = VERBS

    def prefill(self, form: CrmForm) -> None:
        """Write in the party's language unless told otherwise."""
        super().prefill(form)
        party = form["party"].data
        if party is not None:
            form["language"].data = party.language

    def link_of(self, quote: Quote) -> str | None:
        """Return the address of the customer's page, for whom may send it; None when there is none."""
        return links.url(quote, public_url=current_app.config["CRM_PUBLIC_URL"]) if self.may("send") else None

    def versions(self, quote: Quote) -> list[Quote]:
        """Return the versions beside one: that before it and that after it."""
        near = or_(Quote.id == quote.replaces_id, Quote.replaces_id == quote.id)
        return list(session_of(quote).query(Quote).filter(near).order_by(Quote.edition))


class QuoteApi(CrudApi):
    """REST of quotes."""

    datamodel = Records(Quote, save=quotes.save, remove=quotes.remove, options=LOADED)
    list_columns: ClassVar = [
        "number",
        "edition",
        "party",
        "state",
        "sent_on",
        "valid_until",
        "currency",
        "net",
        "gross",
    ]
    show_columns: ClassVar = [*SAID, *HEAD, *ANSWER, *PRICING, *MORE, "deal", "replaces", "net", "tax", "gross"]
    add_columns: ClassVar = [*HEAD, *PRICING, *MORE]
    edit_columns: ClassVar = [*HEAD, *PRICING, *MORE]
    defaulted: ClassVar = ["organisation", "language", "currency"]
    lines: ClassVar = {"lines": LINES}
    search_columns: ClassVar = ["number", "state", "party", "deal", "sent_on", "valid_until", "owner", "team"]
    order_columns: ClassVar = ["number", "sent_on", "valid_until", "gross"]
    base_order = ("id", "desc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {
            "party": 1,
            "currency": "EUR",
            "valid_until": "2026-04-30",
            "lines": [{"text": "Tulip bulbs, 25 pieces", "quantity": "4", "unit_price": "12.50", "tax": 1}],
        }
    }

    @expose("/<int:pk>/pdf", methods=["GET"])
    @protect()
    @safe
    @permission_name("see")
    def pdf(self, pk: int) -> Response:
        """Get the stored file of a quote that is sent
        ---
        get:
          summary: Get the stored PDF of a quote that is sent
          operationId: quote_pdf
          parameters:
          - {in: path, name: pk, required: true, schema: {type: integer}}
          responses:
            200:
              description: The file
              content:
                application/pdf:
                  schema: {type: string, format: binary}
            400: {$ref: '#/components/responses/400'}
            401: {$ref: '#/components/responses/401'}
            403:
              description: The right is missing, or the key has no scope for it
            404: {$ref: '#/components/responses/404'}
            409:
              description: A draft has no file, or the file is not made yet
        """  # noqa: D205, D400 -- the rest is the OpenAPI description
        quote = self.datamodel.one(pk, self._base_filters)
        if quote is None:
            return self.response_404()
        if quote.file is None:
            return self.response(409, message=_("The file of this document is being made. Try again in a moment."))
        return sent(quote.file)


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, QuoteView, "quote", label=_l("Quotes"), group="sales", icon="file-text")
    appbuilder.add_api(QuoteApi)
