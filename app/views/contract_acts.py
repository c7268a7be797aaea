"""The verbs of contracts: what their cards and REST do to them."""

from typing import Any

from marshmallow import fields as ma
from marshmallow import validate
from sqlalchemy.orm import Session, object_session

from app import lifecycle
from app.i18n import lazy_gettext as _l
from app.models.contract import CONTRACT_MOVES, IN_FORCE, UNSIGNED, Contract, ContractState, Rhythm, Side
from app.models.party import Party
from app.services import contract as contracts
from app.services import contract_link as links
from app.services import contract_made, field_right
from app.services import contract_obligation as obligations
from app.services import contract_signing as signing
from app.services import letter as letters
from app.services.public_link import NAME_LENGTH
from app.web.arguments import ON, REASON
from app.web.schema import MemberField
from app.web.verbs import Verb, reason

S = ContractState
KEYS = ("obligation", "file", "document")  # arguments that the card asks for in places of their own
INLINE = frozenset({"fulfil", "reopen_obligation", "drop_obligation", "keep_copy", "choose_file", "choose_made"})
KEY = ma.Integer(required=True, strict=True, validate=validate.Range(1, 2**63 - 1), metadata={"elsewhere": True})
SIGNED = {
    "name": ma.String(required=True, validate=validate.Length(1, NAME_LENGTH)),
    "position": ma.String(validate=validate.Length(max=NAME_LENGTH)),
    "on": ON,
}


def session_of(contract: Contract) -> Session:
    """Return the session that a stored contract was read with."""
    session = object_session(contract)
    assert session is not None  # noqa: S101 -- a stored record has one
    return session


def why_not(to: ContractState) -> Any:
    """Return a reason that asks whether a contract may come to a state."""
    return lambda contract: reason(lifecycle.refuse, CONTRACT_MOVES, contract, to)


def is_in(*states: ContractState) -> Any:
    """Return whether a contract is in one of these states."""
    return lambda contract: contract.state in states


def is_whole(contract: Contract) -> bool:
    """Say whether it is a contract, and no amendment of one."""
    return not contract.is_amendment


def to_sign(side: Side) -> Any:
    """Return whether a side is still to sign."""
    return lambda contract: contract.state in UNSIGNED and contract.signed_by(side) is None


def known_address(contract: Contract) -> str | None:
    """Return where a contract's letter goes, to whom may see such data of people; for others it goes there unseen."""
    is_closed = {"email", "contacts", "channels"} & field_right.hidden(session_of(contract), Party)
    return None if is_closed else letters.addressee(contract.party)[1]


VERBS = [
    Verb(
        "submit",
        contracts.submit,
        label=_l("Ask for approval"),
        icon="arrow-right",
        when=is_in(S.draft),
        why=lambda contract: reason(contracts.refuse_submit, contract),
        to=S.approval,
        primary=True,
    ),
    Verb(
        "approve",
        contracts.approve,
        label=_l("Approve"),
        icon="circle-check",
        when=is_in(S.approval),
        why=why_not(S.approved),
        to=S.approved,
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "reject",
        contracts.reject,
        label=_l("Send it back"),
        icon="undo-2",
        when=is_in(S.approval),
        arguments={"reason": REASON},
    ),
    Verb(
        "mail",
        letters.send_contract,
        label=_l("Send by e-mail"),
        icon="mail",
        when=is_in(S.approved, S.sent),
        why=lambda contract: reason(letters.refuse_send_contract, contract),
        arguments={
            "to": ma.String(validate=validate.Length(max=250)),
            "subject": ma.String(validate=validate.Length(max=250)),
            "text": ma.String(validate=validate.Length(max=20_000)),
        },
        offered=lambda contract: {
            "to": known_address(contract),
            "subject": letters.subject_of_contract(contract),
            "text": letters.text_of_contract(contract),
        },
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "send",
        contracts.send,
        label=_l("Open the customer's page"),
        icon="send",
        when=is_in(S.approved),
        why=why_not(S.sent),
        to=S.sent,
        arguments={"until": ma.Date(metadata={"example": "2026-04-30"})},
        offered=lambda _contract: {"until": None},
        needs_time=True,
        primary=True,
    ),
    Verb(
        "sign_ours",
        signing.sign_ours,
        label=_l("We have signed"),
        icon="file-check",
        when=to_sign(Side.ours),
        why=lambda contract: reason(signing.refuse_sign, contract, Side.ours),
        arguments=SIGNED,
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "sign_theirs",
        signing.sign_theirs,
        label=_l("The other side has signed"),
        icon="file-check",
        when=to_sign(Side.theirs),
        why=lambda contract: reason(signing.refuse_sign, contract, Side.theirs),
        arguments=SIGNED,
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "owe",
        obligations.owe,
        label=_l("Note an obligation"),
        icon="plus",
        when=lambda contract: contract.state not in {S.expired, S.terminated, S.cancelled},
        why=lambda contract: reason(obligations.refuse_over, contract),
        arguments={
            "text": ma.String(required=True, validate=validate.Length(1, 250), metadata={"label": _l("What is owed")}),
            "side": MemberField(Side, required=True),
            "due_on": ma.Date(required=True, metadata={"example": "2026-04-30"}),
            "repeats": MemberField(Rhythm),
        },
    ),
    Verb(
        "amend",
        contracts.amend,
        label=_l("Make an amendment"),
        icon="copy",
        when=is_in(*IN_FORCE),
        fits=is_whole,
        why=lambda contract: reason(contracts.refuse_amend, session_of(contract), contract),
    ),
    Verb(
        "prolong",
        contracts.prolong,
        label=_l("Prolong"),
        icon="calendar",
        when=is_in(S.active, S.expired),
        fits=is_whole,
        why=lambda contract: reason(contracts.refuse_prolong, contract),
        arguments={"until": ma.Date(required=True, metadata={"example": "2027-03-31"})},
        offered=lambda _contract: {"until": None},
        needs_time=True,
    ),
    Verb(
        "revise",
        contracts.revise,
        label=_l("Take back to change it"),
        icon="pencil",
        when=is_in(S.approval, S.approved, S.sent),
        why=lambda contract: reason(contracts.refuse_revise, contract),
        confirm=_l("It must be approved again, and the customer's link ends. Go on?"),
        needs_time=True,
    ),
    Verb(
        "renew_link",
        links.renew,
        label=_l("Make a new link"),
        icon="link",
        when=is_in(S.sent),
        why=lambda contract: reason(links.refuse_renew, contract),
        arguments={"until": ma.Date(metadata={"example": "2026-04-30"})},
        offered=lambda _contract: {"until": None},
        needs_time=True,
    ),
    Verb(
        "revoke",
        links.revoke,
        label=_l("End the customer's link"),
        icon="lock",
        when=links.is_alive,
        why=lambda contract: reason(links.refuse_revoke, contract),
        needs_time=True,
    ),
    Verb(
        "terminate",
        contracts.terminate,
        label=_l("Terminate"),
        icon="circle-x",
        when=is_in(*IN_FORCE),
        fits=is_whole,
        why=lambda contract: reason(contracts.refuse_terminate, contract),
        arguments={"reason": REASON, "on": ON},
        needs_time=True,
        danger=True,
    ),
    Verb(
        "cancel",
        contracts.cancel,
        label=_l("Cancel the contract"),
        icon="x",
        when=is_in(S.draft, S.approval, S.approved, S.sent),
        why=why_not(S.cancelled),
        arguments={"reason": REASON},
        needs_time=True,
        danger=True,
    ),
    Verb(
        "fulfil",
        obligations.fulfil,
        label=_l("Done"),
        icon="circle-check",
        arguments={"obligation": KEY, "on": ON},
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "reopen_obligation",
        obligations.reopen,
        label=_l("Not done after all"),
        icon="undo-2",
        arguments={"obligation": KEY},
    ),
    Verb(
        "drop_obligation",
        obligations.drop,
        label=_l("Take it off the list"),
        icon="x",
        arguments={"obligation": KEY},
    ),
    Verb(
        "choose_file",
        signing.choose_file,
        label=_l("This file is the contract"),
        icon="file-text",
        when=is_in(S.draft),
        arguments={"file": KEY},
    ),
    Verb(
        "choose_made",
        contract_made.choose,
        label=_l("This document is the contract"),
        icon="file-check",
        when=is_in(S.draft, S.approved),
        why=lambda contract: reason(contract_made.refuse_choose, contract),
        arguments={"document": KEY},
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "keep_copy",
        signing.keep_copy,
        label=_l("Keep the signed copy"),
        icon="paperclip",
        arguments={"side": MemberField(Side, required=True), "file": KEY},
        needs_actor=True,
    ),
]
