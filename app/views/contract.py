"""Screens and REST of contracts."""

from collections.abc import Sequence
from typing import Any, ClassVar

from flask import current_app, flash, redirect, request
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from app import clock
from app.db import db
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.models.attachment import Attachment
from app.models.contract import Contract, ContractObligation, ContractState, Renewal, Side
from app.models.made_document import MadeDocument
from app.models.party import Party
from app.money import format_money
from app.roles import ACT
from app.services import access, contract_made, contract_use
from app.services import contract as contracts
from app.services import contract_link as links
from app.services import contract_term as terms
from app.services import letter as letters
from app.services import organisation as organisations
from app.services import period as periods
from app.views.contract_acts import INLINE, KEYS, VERBS
from app.web import menu
from app.web.api import CrudApi
from app.web.attention import Attention
from app.web.board_declared import Board
from app.web.bundling import Bundling
from app.web.calendar import Calendar
from app.web.card_state import Offer
from app.web.card_tabs import Own, Related
from app.web.charts import Chart, Sum
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.dialog import today_of
from app.web.filters import Wanted
from app.web.form_rules import Is, Require, Show
from app.web.lookup import KEY_DIGITS
from app.web.records import Records
from app.web.request_cache import request_cache
from app.web.verbs import Verb, reason
from app.web.ways import onward

ORDER = 19
LOADED = [selectinload(Contract.party), selectinload(Contract.owner)]
HEAD = ["kind", "subject", "party", "organisation", "amount", "currency", "tax_note", "language"]
DAYS = ["valid_from", "valid_until", "renewal", "renew_months", "notice_days", "reminder_days"]
TEXT = ["terms"]
MORE = ["place", "deal", "note", "owner", "team"]
FORM = [*HEAD, *DAYS, *TEXT, *MORE]
STANDING = ["state", "number", "amendment", "parent", "sent_on", "ends_on", "renewals", "terminated_on", "reason"]
APPROVED = ["approved_at", "approved_by"]
FIELDSETS = [
    (None, {"fields": HEAD}),
    (_l("How long it holds"), {"fields": DAYS}),
    (_l("Terms"), {"fields": TEXT}),
    (_l("More"), {"fields": MORE}),
]
SHOWN = [
    (None, {"fields": [name for name in HEAD if name != "subject"]}),
    (_l("How long it holds"), {"fields": [*DAYS, "ends_on", "renewals"]}),
    (_l("More"), {"fields": ["number", "parent", "sent_on", *APPROVED, "terminated_on", "reason", *MORE]}),
]
CARD = [
    selectinload(Contract.party).options(joinedload(Party.channels)),
    joinedload(Contract.signatures),
    joinedload(Contract.file),
    joinedload(Contract.organisation),
]
MOST_FILES = 50


class ContractView(Bundling, Attention, CrudView):
    """List, form and card of contracts."""

    datamodel = Records(Contract, save=contracts.save, remove=contracts.remove, options=LOADED)
    card_template = "web/contract_card.html"
    list_top = "web/contract_top.html"
    one_name = _l("Contract")
    many_name = _l("Contracts")
    hint = _l("A contract says what is agreed with whom, until when, and what each side owes.")
    list_columns: ClassVar = [
        *("number", "amendment", "subject", "party", "state", "amount", "currency", "ends_on", "owner"),
    ]
    show_columns: ClassVar = [*HEAD, *DAYS, *STANDING, *APPROVED, *MORE]
    show_fieldsets: ClassVar = SHOWN
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = FORM
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = [
        *("state", "kind", "party", "valid_from", "ends_on", "renewal", "amount", "currency", "deal", "parent"),
        *("organisation", "owner", "team"),
    ]
    order_columns: ClassVar = ["number", "subject", "amount", "valid_from", "ends_on", "state"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["party", "subject", "ends_on", "owner"]
    total_columns: ClassVar = ["amount"]
    stages: ClassVar = tuple(ContractState)[:7]
    rules: ClassVar = [
        Show("renew_months", when=Is("renewal", Renewal.automatic)),
        Require("renew_months", when=Is("renewal", Renewal.automatic)),
        Require("valid_until", when=Is("renewal", Renewal.automatic, Renewal.by_agreement)),
    ]
    card_options: ClassVar = CARD
    own_tabs: ClassVar = [
        Own(
            "obligations",
            _l("Obligations"),
            "web/contract_obligations.html",
            count=lambda contract: (
                select(func.count())
                .select_from(ContractObligation)
                .where(ContractObligation.contract_id == contract.id, ContractObligation.done_on.is_(None))
            ),
        ),
        Own("papers", _l("Signed copies"), "web/contract_papers.html"),
    ]
    related: ClassVar = [
        Related("contract", "parent", label=_l("Amendments")),
        Related("quote", "contract"),
        Related("order", "contract"),
        Related("invoice", "contract"),
        Related("letter", where=letters.is_about),
    ]
    boards: ClassVar = [
        Board(
            "state",
            moves={"approval": "submit", "approved": "approve"},
            title=("number", "subject"),
            facts=("party", "ends_on"),
            amount="amount",
            ends=frozenset({"active", "expired", "terminated", "cancelled"}),
            reason=_l("A contract goes on by what its card asks for."),
        )
    ]
    calendars: ClassVar = [Calendar("ends_on", title=("party", "subject"), kind="state", amount="amount")]
    charts: ClassVar = [
        Chart("by_state", label=_l("Contracts by state"), by="state", kind="pie"),
        Chart(
            "ending",
            label=_l("Contracts in force by the month of their end"),
            by="ends_on",
            measure=Sum("amount"),
            of=(Wanted("state", "eq", "active"),),
        ),
    ]
    verbs: ClassVar = VERBS
    attentions: ClassVar = [
        (_l("To be approved"), "flt.state.eq=approval"),
        (_l("Not signed by both"), "flt.state.open=1"),
        (_l("Ends within 60 days"), "flt.state.ends=1"),
        (_l("Something is overdue"), "flt.state.late=1"),
    ]
    quick: ClassVar = None
    label_columns: Any = {
        "parent": _l("Amends"),
        "reason": _l("Reason of the last decision"),
        "place": _l("Place of signing"),
        "until": _l("Up to and including"),
        "on": _l("Signed on"),
        "name": _l("Who has signed"),
        "side": _l("Who owes it"),
        "due_on": _l("By"),
    }

    def title_of(self, record: Any) -> str:
        """Name the kind of document: a number alone says little."""
        return _("Amendment %(number)s", number=record) if record.is_amendment else f"{self.one_name} {record}"

    def can_edit(self, record: Any) -> bool:
        """Only drafts are edited."""
        return record.state is ContractState.draft

    def prefill(self, form: CrmForm) -> None:
        """Begin with our organisation, its currency and today, and write in the party's language."""
        super().prefill(form)
        ours = form["organisation"].data or organisations.first(db.session())
        party = form["party"].data
        form["organisation"].data = ours
        codes = (party and party.currency, ours and ours.currency)
        form["currency"].data = form["currency"].data or next((code for code in codes if code), None)
        if party is not None:
            form["language"].data = party.language
        if ours is not None and not form["valid_from"].data:
            form["valid_from"].data = periods.today(ours, clock.now())

    def value(self, record: Any, name: str) -> Any:
        """Say nothing of the number of an amendment where there is none."""
        return "" if name == "amendment" and not record.amendment else super().value(record, name)

    # --- card -----------------------------------------------------------------------------------------------------

    def _offers(self, record: Any, tried: Any) -> list[Offer]:
        """Return what the head of the card offers; ticks and files have places of their own."""
        return [one for one in super()._offers(record, tried) if one.verb.name not in INLINE]

    def more_of(self, verb: Verb) -> dict[str, Any]:
        """Return the keys that a card's places ask for."""
        found = {}
        for name in KEYS:
            if name in verb.arguments:
                given = request.form.get(name, "")
                if not given.isdecimal() or len(given) > KEY_DIGITS:
                    raise DomainError(_("Choose one of them"), field=name)
                found[name] = int(given)
        return found

    def refused_verb(self, verb: Verb, record: Any, form: CrmForm | None, refusal: DomainError | None = None) -> Any:
        """Say at the top what a place of the card refuses; it has no dialog that could come back."""
        if verb.name not in INLINE:
            return super().refused_verb(verb, record, form, refusal)
        texts = str(refusal).splitlines() if refusal is not None else []
        for text in dict.fromkeys([*texts, *(text for field in form or () for text in field.errors)]):
            flash(text, "danger")
        return redirect(onward(request.form.get("back"), f"{self.route_base}/show/{record.id}"))

    def link_of(self, contract: Contract) -> str | None:
        """Return the address of the customer's page, for whom may send it; None when there is none."""
        return links.url(contract, public_url=current_app.config["CRM_PUBLIC_URL"]) if self.may("send") else None

    def holds(self, contract: Contract) -> terms.Effective:
        """Return what holds of a contract now."""
        kept = request_cache("contract_holds")
        if contract.id not in kept:
            kept[contract.id] = terms.effective(db.session(), contract)
        found: terms.Effective = kept[contract.id]
        return found

    def used(self, contract: Contract) -> Sequence[dict[str, str]]:
        """Return in words what was ordered and invoiced under a contract, for who may see orders and invoices."""
        may = self.appbuilder.sm.may
        if contract.is_amendment or not (may("order", "see") and may("invoice", "see")):
            return []
        found = contract_use.used(db.session(), contract, amount=self.holds(contract).amount)
        return [
            {
                "ordered": format_money(each.ordered, each.currency, language()),
                "invoiced": format_money(each.invoiced, each.currency, language()),
                "left": "" if each.left is None else format_money(each.left, each.currency, language()),
                "is_over": "1" if each.left is not None and each.left < 0 else "",
            }
            for each in found
            if each.ordered or each.invoiced or each.left is not None
        ]

    def told_money(self, contract: Contract, amount: Any) -> str:
        """Return an amount in the contract's currency."""
        return format_money(amount, contract.currency, language()) if amount is not None else ""

    def notice_by(self, contract: Contract) -> Any:
        """Return the last day on which notice may be given, while it matters."""
        return terms.notice_by(contract) if contract.state is ContractState.active else None

    def lets_act(self, contract: Contract) -> bool:
        """Say whether the reader reaches a contract to act on it."""
        return access.allowed(db.session(), contract, ACT)

    def sides(self) -> Sequence[Side]:
        """Return who signs."""
        return list(Side)

    def papers(self, contract: Contract) -> Sequence[Attachment]:
        """Return the PDF files of a contract, the newest first."""
        wanted = (
            select(Attachment)
            .where(Attachment.entity == self.stem, Attachment.record_id == contract.id)
            .where(Attachment.purpose == "file", Attachment.media_type == "application/pdf")
            .order_by(Attachment.id.desc())
            .limit(MOST_FILES)
        )
        return db.session.scalars(wanted).all()

    def made_papers(self, contract: Contract) -> Sequence[MadeDocument]:
        """Return the documents that were made of a contract, the newest first, for who may see such."""
        if not self.appbuilder.sm.may(MadeDocument.__stem__, "see"):
            return []
        return db.session.scalars(contract_made.of_contract(contract).limit(MOST_FILES)).all()

    def may_choose_made(self, contract: Contract) -> bool:
        """Say whether one of them can become the file of the contract now."""
        return self.may("choose_made") and reason(contract_made.refuse_choose, contract) is None

    def is_its_file(self, contract: Contract, made: MadeDocument) -> bool:
        """Say whether a document is the file of the contract."""
        return contract.file is not None and contract.file.sha256 == made.sha256

    def is_late(self, contract: Contract, owed: ContractObligation) -> bool:
        """Say whether something should have been done by now."""
        return owed.done_on is None and owed.due_on < today_of(contract)


class ContractApi(CrudApi):
    """REST of contracts."""

    datamodel = Records(Contract, save=contracts.save, remove=contracts.remove, options=LOADED)
    list_columns: ClassVar = [
        *("number", "amendment", "parent", "kind", "subject", "party", "state", "amount", "currency"),
        *("valid_from", "ends_on", "owner"),
    ]
    show_columns: ClassVar = [*STANDING, *FORM, *APPROVED]
    add_columns: ClassVar = FORM
    edit_columns: ClassVar = FORM
    defaulted: ClassVar = ["organisation", "language", "currency"]
    search_columns: ClassVar = ["number", *ContractView.search_columns]
    order_columns: ClassVar = ContractView.order_columns
    base_order = ("id", "desc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {
            "subject": "Care of the garden",
            "party": 1,
            "kind": "service",
            "amount": "1200.00",
            "currency": "EUR",
            "valid_from": "2026-01-01",
            "valid_until": "2026-12-31",
            "terms": "We water the tulips.",
        },
        "sign_ours": {"name": "Willem de Wit", "position": "Director", "on": "2026-03-31"},
        "owe": {"text": "Report on the state of the garden", "side": "ours", "due_on": "2026-06-30"},
        "terminate": {"reason": "The garden is sold.", "on": "2026-06-30"},
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, ContractView, "contract", label=_l("Contracts"), group="sales", icon="file-check")
    appbuilder.add_api(ContractApi)
