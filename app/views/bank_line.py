"""Screens and REST of the lines of bank statements: the desk at which each becomes a payment, or nothing."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

from flask import request
from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.db import db
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.models.bank_statement import BankLine, BankStatement, LineState
from app.models.invoice import Invoice
from app.models.organisation import OrganisationBankAccount
from app.models.party import Party
from app.models.payment import Payment
from app.money import format_money, parse_decimal
from app.services import access
from app.services import bank_desk as desk
from app.services import bank_match as matching
from app.services import bank_settle as settling
from app.services.allocation import When
from app.services.bank_desk import Choice
from app.web import audited
from app.web.api import CrudApi
from app.web.arguments import AMOUNT, RATE
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.link_field import LinkField
from app.web.lookup import KEY_DIGITS
from app.web.records import Records
from app.web.schema import LinkedField, strict
from app.web.verbs import Verb

BESIDE = 40  # lines shown before and behind the one that one looks at
COLUMNS = ["booked_on", "amount", "currency", "payer", "text", "state", "party", "payment"]
ABOUT = [
    *("value_on", "payer_account", "payer_bank", "payer_tax_number", "structured", "end_to_end", "bank_reference"),
    *("code", "reason", "made_payment", "settled_at", "settled_by"),
]
SHOWN = ["statement", "position", *COLUMNS, *ABOUT]
STATEMENT = joinedload(BankLine.statement)
OPTIONS = [
    STATEMENT.joinedload(BankStatement.account).joinedload(OrganisationBankAccount.organisation),
    STATEMENT.joinedload(BankStatement.organisation),
    selectinload(BankLine.party),
    selectinload(BankLine.payment),
]
LABELS = {
    "bank_reference": _l("Reference of the bank"),
    "booked_on": _l("Booked on"),
    "code": _l("Code of the bank"),
    "end_to_end": _l("Reference of the payer"),
    "made_payment": _l("Payment made from it"),
    "payer": _l("Name"),
    "payer_account": _l("Account of the other side"),
    "payer_bank": _l("Bank of the other side"),
    "payer_tax_number": _l("Tax number of the other side"),
    "position": _l("Line"),
    "reason": _l("Ignored because"),
    "settled_at": _l("Settled"),
    "settled_by": _l("Settled by"),
    "statement": _l("Bank statement"),
    "structured": _l("Structured reference"),
    "text": _l("Text"),
    "value_on": _l("Value date"),
}
SHARE = strict("BankShare", invoice=LinkedField(Invoice), amount=AMOUNT)


def match(
    session: Session,
    line: BankLine,
    *,
    when: When,
    documents: Sequence[dict[str, Any]] = (),
    payment: Payment | None = None,
    party: Party | None = None,
    with_charge: bool = False,
    exchange_rate: Decimal | None = None,
    best: bool = False,
) -> None:
    """Settle a line by what was chosen; `best` takes the likeliest proposal."""
    if best:
        found = matching.proposals(session, line)
        if not found:
            raise DomainError(_("Nothing is proposed for this line"), field="best")
        desk.take(session, line, Choice.of(found[0], session), when=when)
        return
    choice = Choice(
        documents=[(share["invoice"].id, share.get("amount")) for share in documents],
        payment_id=payment.id if payment is not None else None,
        party_id=party.id if party is not None else None,
        with_charge=with_charge,
        exchange_rate=exchange_rate,
    )
    desk.take(session, line, choice, when=when)


VERBS = [
    Verb(
        "match",
        match,
        label=_l("Match"),
        icon="link",
        when=lambda line: line.is_open,
        to=LineState.matched,
        arguments={
            "documents": fields.List(fields.Nested(SHARE), validate=validate.Length(1, desk.MOST_SHARES)),
            "payment": LinkedField(Payment),
            "party": LinkedField(Party),
            "with_charge": fields.Boolean(),
            "exchange_rate": RATE,
            "best": fields.Boolean(),
        },
        needs_when=True,
        undo="reopen",
    ),
    Verb(
        "ignore",
        settling.ignore,
        label=_l("Ignore"),
        icon="x",
        when=lambda line: line.is_open,
        to=LineState.ignored,
        arguments={"reason": fields.String(required=True, validate=validate.Length(1, 250))},
        needs_when=True,
        undo="reopen",
    ),
    Verb(
        "reopen",
        settling.undo,
        label=_l("Undo"),
        icon="undo-2",
        when=lambda line: not line.is_open,
        to=LineState.open,
        needs_when=True,
    ),
]


class PartyForm(CrmForm):
    """Whose payment a line is, where no document is."""

    party = LinkField(_l("Party"), entity=Party)


class BankLineView(CrudView):
    """Lines of bank statements; the card of one is the desk."""

    datamodel = Records(BankLine, search=None, options=OPTIONS)
    exclude_route_methods: ClassVar = {"add", "edit", "delete"}
    one_name = _l("Line of a bank statement")
    many_name = _l("Lines of bank statements")
    hint = _l("What your bank has booked stands here once you load a statement.")
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = SHOWN
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["statement", "state", "booked_on", "amount", "party"]
    order_columns: ClassVar = ["booked_on", "amount"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["statement", "booked_on", "state"]
    has_tags: ClassVar = False
    has_activities: ClassVar = False
    quick: ClassVar = None
    verbs: ClassVar = VERBS
    label_columns: Any = LABELS

    def acts_on_many(self) -> list[Any]:
        """Return nothing: each line is looked at."""
        return []

    def more_of(self, verb: Verb) -> dict[str, Any]:
        """Read what the desk asks for: whole documents, parts of documents, and whether the charge is written off."""
        if verb.name != "match":
            return {}
        given: dict[str, Any] = {}
        shares = _shares(request.form)
        if shares:
            given["documents"] = shares
        if request.form.get("charge") == "1":
            given["with_charge"] = True
        return given

    def refused_verb(
        self,
        verb: Verb,  # noqa: ARG002 -- the desk shows all of them
        record: BankLine,
        form: CrmForm | None,
        refusal: DomainError | None = None,
    ) -> Any:
        """Show the desk again with what was typed and why it was refused."""
        texts = [str(refusal)] if refusal is not None and not isinstance(refusal, Refusals) else []
        errors: dict[str, list[str]] = refusal.errors if isinstance(refusal, Refusals) else {}
        texts += [text for field in form or () for text in field.errors]
        return self._card(record, wrong=[*texts, *(text for each in errors.values() for text in each)]), 422

    def _card(self, record: BankLine, *_tried: Any, wrong: Sequence[str] = (), **_about: Any) -> str:
        """Show the desk: the lines beside this one, and what it may be."""
        audited.opened(self, record)
        session = db.session()
        beside = session.scalars(
            select(BankLine)
            .where(
                BankLine.statement_id == record.statement_id,
                BankLine.position.between(record.position - BESIDE, record.position + BESIDE),
            )
            .order_by(BankLine.position)
        ).all()
        may = {verb.name: self.may(verb.name) for verb in self.verbs}
        found = matching.proposals(session, record) if record.is_open and may["match"] else []
        text = request.values.get("q", "")[:100]
        documents, parties = desk.look_for(session, record, text) if record.is_open else ([], [])
        following = desk.next_open(session, record.statement, after=record.position)
        at = [each.id for each in beside].index(record.id)
        return self.page(
            "web/bank_desk.html",
            title=str(record),
            record=record,
            statement=record.statement,
            beside=beside,
            before=beside[at - 1] if at else None,
            behind=beside[at + 1] if at + 1 < len(beside) else None,
            following=following if following is not None and following.id != record.id else None,
            proposals=found,
            split=_split(found, documents, request.form),
            q=text,
            documents=documents,
            parties=parties,
            may=may,
            form=PartyForm(formdata=None),
            wrong=wrong,
            typed=request.form,
            payment=self._payment(record),
        )

    @staticmethod
    def _payment(record: BankLine) -> Payment | None:
        payment = record.payment
        return payment if payment is not None and access.visible(db.session(), payment) else None

    def money(self, record: BankLine, amount: Decimal) -> str:
        """Return an amount in the line's currency."""
        return format_money(amount, record.currency, language())


def _split(found: Sequence[Any], documents: Sequence[Invoice], typed: Any) -> list[dict[str, Any]]:
    """Return the documents among which a line may be split: those of proposals and those that were looked for."""
    rows: dict[int, dict[str, Any]] = {}
    for proposal in found:
        for each in proposal.documents:
            rows[each.id] = {"id": each.id, "number": each.number, "party": each.party, "rest": each.rest}
    for invoice in documents:
        rows[invoice.id] = {"id": invoice.id, "number": str(invoice), "party": invoice.party.name, "rest": invoice.rest}
    return [row | {"typed": typed.get(f"doc-{key}", "")} for key, row in rows.items()]


def _shares(form: Any) -> list[dict[str, Any]]:
    """Read `take=7` (as much as possible of invoice 7) and `doc-7=25.00`. Raises Refusals for what is no amount."""
    wanted: dict[int, Decimal | None] = {}
    errors: dict[str, list[str]] = {}
    for text in form.getlist("take"):
        if text.isascii() and text.isdecimal() and len(text) <= KEY_DIGITS:
            wanted[int(text)] = None
    for name, text in form.items():
        number = name.removeprefix("doc-")
        is_share = name.startswith("doc-") and number.isascii() and number.isdecimal() and len(number) <= KEY_DIGITS
        if not is_share or not text.strip():
            continue
        try:
            wanted[int(number)] = parse_decimal(text, language())
        except DomainError as refusal:
            errors[name] = [str(refusal)]
    if errors:
        raise Refusals(errors)
    if len(wanted) > desk.MOST_SHARES:
        raise DomainError(_("Choose each document once"), field="invoice")
    known = {one.id: one for one in db.session().scalars(select(Invoice).where(Invoice.id.in_(wanted)))}
    if set(wanted) - set(known):
        raise DomainError(_("Not found"), field="invoice")
    return [{"invoice": known[key], "amount": amount} for key, amount in wanted.items()]


class BankLineApi(CrudApi):
    """REST of the lines of bank statements."""

    datamodel = Records(BankLine, search=None, options=OPTIONS)
    exclude_route_methods: ClassVar = {"post", "put", "delete"}
    list_columns: ClassVar = ["statement", *COLUMNS]
    show_columns: ClassVar = SHOWN
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["statement", "state", "booked_on", "amount", "party"]
    order_columns: ClassVar = ["booked_on", "amount"]
    base_order = ("id", "desc")
    has_tags: ClassVar = False
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    appbuilder.add_view_no_menu(BankLineView)
    appbuilder.add_api(BankLineApi)
