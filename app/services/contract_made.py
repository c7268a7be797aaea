"""Documents made from templates as the file of a contract: only what says the same as the contract becomes it."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.lifecycle import refuse
from app.models.attachment import Attachment
from app.models.contract import CONTRACT_MOVES, Contract, ContractState
from app.models.document_template import PaperKind
from app.models.made_document import MadeDocument, MadeState
from app.services import access, document_field, document_make, made_document
from app.services import document as documents
from app.services import period as periods
from app.services.access import Actor
from app.services.contract import MADE
from app.services.contract_paper import SAME


def of_contract(contract: Contract) -> Select[MadeDocument]:
    """Return the documents that were made of a contract, the newest first, without the cancelled ones."""
    return (
        select(MadeDocument)
        .where(MadeDocument.entity == Contract.__stem__, MadeDocument.record_id == contract.id)
        .where(MadeDocument.state != MadeState.cancelled)
        .order_by(MadeDocument.id.desc())
    )


def choose(session: Session, contract: Contract, *, document: int, at: datetime, by: Actor) -> None:
    """Make a document that was made of a contract its file: the contract keeps a copy of its own.

    Raises DomainError at "document" for any other document, one that nobody has approved yet where that is asked for,
    and one that says something else than the contract does now.
    """
    refuse_choose(contract)
    made = _own(session, contract, document)
    _refuse_other(session, contract, made, at=at)
    documents.lock(session, contract)
    file = made.file
    assert file is not None  # noqa: S101 -- its absence was refused
    contract.file = Attachment(
        entity=Contract.__stem__,
        record_id=contract.id,
        purpose=MADE,
        created_at=at,
        created_by_id=by.user_id,
        **{name: getattr(file, name) for name in ("name", "media_type", "size", "sha256")},
    )
    session.flush()


def refuse_choose(contract: Contract) -> None:
    """Raise DomainError unless a contract is a draft, or approved with its terms alone and signed by nobody yet."""
    if contract.state is ContractState.approved:
        if contract.file_id is not None:
            raise DomainError(
                _("The file of this contract is approved: take the contract back to change it"), field="state"
            )
        if contract.signatures:
            raise DomainError(_("Somebody has signed it already"), field="state")
    elif contract.state is not ContractState.draft:
        refuse(CONTRACT_MOVES, contract, ContractState.approval)


def _own(session: Session, contract: Contract, key: int) -> MadeDocument:
    made = access.get(session, MadeDocument, key)
    if made is None or (made.entity, made.record_id) != (Contract.__stem__, contract.id):
        raise DomainError(_("This is no document of this contract"), field="document")
    if made.state not in {MadeState.issued, MadeState.sent}:
        made_document.refuse_issue(made)
    return made


def _refuse_other(session: Session, contract: Contract, made: MadeDocument, *, at: datetime) -> None:
    paper = document_field.of(PaperKind.contract, Contract)
    assert paper is not None  # noqa: S101 -- its module registers it
    today = periods.today(contract.organisation, at)
    said, now = made.data.get("fields", {}), document_make.taken(session, paper, contract, made.language, on=today)
    changed = [str(each.label) for each in paper.fields if each.name in SAME and said.get(each.name) != now[each.name]]
    if changed:
        text = _("The contract says something else now (%(names)s): make it again", names=", ".join(changed))
        raise DomainError(text, field="document")
