"""The verbs of deals: what their cards, the board and REST do to them."""

from typing import Any

from marshmallow import fields as ma
from marshmallow import validate

from app.i18n import lazy_gettext as _l
from app.models.deal import Deal, DecisionRole
from app.models.lost_reason import LostReason
from app.models.party import PartyContact
from app.models.pipeline import Stage, StageCheck, StageType
from app.services import deal as deals
from app.services import deal_contact, deal_documents
from app.services.deal_step import NOTE, end_of
from app.web.schema import LinkedField, MemberField
from app.web.verbs import Verb, reason

INLINE = frozenset({"move", "tick", "untick", "involve", "leave_out"})  # the card asks for them in places of their own


def is_open(deal: Deal) -> bool:
    """Say whether a deal is still under way."""
    return deal.state is StageType.open


def why_not(type: StageType) -> Any:  # noqa: A002 -- the column's name
    """Return what says why a deal cannot be won, or lost."""
    return lambda deal: reason(deals.refuse_move, deal, end_of(deal, type))


VERBS = [
    Verb(
        "win",
        deals.win,
        label=_l("Won"),
        icon="circle-check",
        when=is_open,
        why=why_not(StageType.won),
        needs_time=True,
        needs_actor=True,
        undo="reopen",
    ),
    Verb(
        "lose",
        deals.lose,
        label=_l("Lost"),
        icon="circle-x",
        when=is_open,
        why=why_not(StageType.lost),
        arguments={
            "reason": LinkedField(LostReason, required=True),
            "note": ma.String(required=True, validate=validate.Length(max=NOTE)),
        },
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "reopen",
        deals.reopen,
        label=_l("Reopen"),
        icon="undo-2",
        when=lambda deal: not is_open(deal),
        fits=lambda deal: not is_open(deal),
        why=lambda deal: reason(deals.refuse_reopen, deal),
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "quote",
        deal_documents.make_quote,
        label=_l("Make a quote"),
        icon="file-text",
        when=is_open,
        why=lambda deal: reason(deal_documents.refuse_lost, deal),
    ),
    Verb(
        "order",
        deal_documents.make_order,
        label=_l("Make an order"),
        icon="shopping-cart",
        when=lambda deal: deal.state is not StageType.lost,
        why=lambda deal: reason(deal_documents.refuse_lost, deal),
    ),
    Verb(
        "move",
        deals.move,
        label=_l("Move"),
        icon="arrow-right",
        when=is_open,
        arguments={"stage": LinkedField(Stage, required=True)},
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "tick",
        deals.tick,
        label=_l("Tick off"),
        icon="check",
        when=is_open,
        arguments={"check": LinkedField(StageCheck, required=True)},
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "untick",
        deals.untick,
        label=_l("Take the tick away"),
        icon="x",
        when=is_open,
        arguments={"check": LinkedField(StageCheck, required=True)},
    ),
    Verb(
        "involve",
        deal_contact.involve,
        label=_l("Name a part in the decision"),
        icon="user-plus",
        arguments={
            "contact": LinkedField(PartyContact, required=True),
            "role": MemberField(DecisionRole, required=True),
        },
    ),
    Verb(
        "leave_out",
        deal_contact.leave_out,
        label=_l("Take out of the decision"),
        icon="x",
        arguments={"contact": LinkedField(PartyContact, required=True)},
    ),
]
