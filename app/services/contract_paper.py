"""The fields of documents that are made of contracts: all that a contract says, both sides, and who signs for them."""

from typing import Any

from sqlalchemy.orm import Session

from app.i18n import label_of
from app.i18n import lazy_gettext as _l
from app.models.contract import Contract, ContractSignature, Renewal, Side
from app.models.document_template import PaperKind
from app.money import plain
from app.services.document_field import CURRENCY, Field, register
from app.services.document_kinds import BUYER, MADE_ON, SELLER, buyer_data, place_of, seller_data

SAID = (
    Field("number", _l("Number"), sample="C-2026-00017"),
    Field("amendment", _l("Number of the amendment"), "number", "1"),
    Field("amends", _l("Number of the contract that it amends"), sample="C-2025-00004"),
    Field("kind", _l("Kind"), sample="Services"),
    Field("subject", _l("Subject"), sample="Care of the garden", is_needed=True),
    Field("terms", _l("Terms"), sample="We water the tulips every week."),
    Field("place", _l("Place of signing"), sample="Amsterdam"),
    Field("valid_from", _l("Valid from"), "date", "2026-01-01", is_needed=True),
    Field("valid_until", _l("Valid until"), "date", "2026-12-31"),
    Field("is_renewed", _l("It goes on by itself"), "yesno", "1"),
    Field("is_renewable", _l("It goes on when both agree"), "yesno"),
    Field("renew_months", _l("Goes on by (months)"), "number", "12"),
    Field("notice_days", _l("Notice (days before the end)"), "number", "30"),
    Field("amount", _l("Amount"), "amount", "1200.00"),
    Field("tax_note", _l("Note on taxes"), sample="VAT included"),
    Field(CURRENCY, _l("Currency"), sample="EUR"),
)
SIGNERS = (
    Field("ours.person", _l("Who signs for us"), "person", "Смирнова Анна Игоревна"),
    Field("ours.position", _l("Position of who signs for us"), "position", "директор"),
    Field("theirs.person", _l("Who signs for the other side"), "person", "Иванов Пётр Сергеевич"),
    Field("theirs.position", _l("Position of who signs for the other side"), "position", "генеральный директор"),
)
# What a document must say as the contract does to be its file: the rest does not change what is agreed.
SAME = frozenset({*(each.name for each in SAID), "seller.name", "buyer.name"})


def load() -> None:
    """Be imported: the kind is known then."""


def _data(session: Session, contract: Contract, _language: str) -> dict[str, Any]:
    parent, currency = contract.parent, contract.currency
    buyer = buyer_data(session, contract.party)
    contact = (buyer["buyer.contact"], buyer["buyer.contact_position"])
    ours, theirs = _signer(contract, Side.ours), _signer(contract, Side.theirs)
    said = {name: getattr(contract, name) for name in ("subject", "terms", "place", "valid_from", "valid_until")}
    return {
        **said,
        "number": str(contract) if contract.number is not None else None,
        "amendment": contract.amendment or None,
        "amends": parent.number if parent is not None else None,
        "kind": label_of(contract.kind),
        "is_renewed": contract.renewal is Renewal.automatic,
        "is_renewable": contract.renewal is Renewal.by_agreement,
        "renew_months": contract.renew_months,
        "notice_days": contract.notice_days,
        "amount": plain(contract.amount, currency) if contract.amount is not None else None,
        "tax_note": contract.tax_note,
        CURRENCY: currency,
        **seller_data(contract.organisation, currency),
        **buyer,
        **dict(zip(("ours.person", "ours.position"), _named(ours), strict=True)),
        **dict(zip(("theirs.person", "theirs.position"), _named(theirs, contact), strict=True)),
    }


def _signer(contract: Contract, side: Side) -> ContractSignature | None:
    """Return who has signed for a side, of an amendment else who has signed what it amends."""
    found = contract.signed_by(side)
    return contract.parent.signed_by(side) if found is None and contract.parent is not None else found


def _named(
    signature: ContractSignature | None, otherwise: tuple[str | None, str | None] = (None, None)
) -> tuple[str | None, str | None]:
    return (signature.name, signature.position) if signature is not None else otherwise


register(
    PaperKind.contract,
    entity=Contract,
    fields=(*SAID, MADE_ON, *SELLER, *BUYER, *SIGNERS),
    data=_data,
    place=place_of,
)
