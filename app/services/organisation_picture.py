"""Pictures of our companies on documents: logo, signature, stamp. A new one takes the place of the former.

A document is pinned to its pictures by their SHA-256 (`made_document.data`); therefore former ones stay in the store.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from io import BytesIO
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.attachment import Attachment
from app.models.organisation import Organisation
from app.services import attachment as attachments
from app.services import history
from app.services.access import Actor

HOLDER = "organisation_picture"  # to what the files belong; the record is the organisation
SHOWN = 12  # digits of a SHA-256 in the history
FORMER = "former"  # the purpose of a picture that is not in use any more


class Picture(StrEnum):
    """What a picture is."""

    logo = "logo"
    signature = "signature"
    stamp = "stamp"


label(Picture, logo=_l("Logo"), signature=_l("Signature"), stamp=_l("Stamp"))


def of(session: Session, organisation: Organisation) -> dict[Picture, Attachment]:
    """Return the pictures of one of our companies that are in use."""
    ours = select(Attachment).where(Attachment.entity == HOLDER, Attachment.record_id == organisation.id)
    found = session.scalars(ours.where(Attachment.purpose.in_([*Picture])).order_by(Attachment.id))
    return {Picture(each.purpose): each for each in found}


def pinned(session: Session, organisation: Organisation) -> dict[str, str]:
    """Return the pictures in use as a document keeps them: {"logo": SHA-256}."""
    return {picture.value: file.sha256 for picture, file in of(session, organisation).items()}


def put(
    session: Session,
    organisation: Organisation,
    picture: Picture,
    png: bytes,
    *,
    files: Path,
    by: Actor,
    at: datetime,
) -> None:
    """Let a picture, drawn anew as PNG, stand on documents from now on."""
    before = _retire(session, organisation, picture)
    kept = attachments.store(
        session,
        BytesIO(png),
        files=files,
        name=f"{picture.value}.png",
        media_type="image/png",
        entity=HOLDER,
        record_id=organisation.id,
        purpose=picture.value,
        at=at,
        by_id=by.user_id,
    )
    history.note(session, organisation, picture.value, before, kept.sha256[:SHOWN])


def remove(session: Session, organisation: Organisation, picture: Picture) -> None:
    """Let a picture stand on documents no more; those that are made keep it."""
    history.note(session, organisation, picture.value, _retire(session, organisation, picture), None)


def _retire(session: Session, organisation: Organisation, picture: Picture) -> str | None:
    former = of(session, organisation).get(picture)
    if former is None:
        return None
    former.purpose = FORMER
    session.flush()
    return former.sha256[:SHOWN]


def bytes_of(pinned_as: Mapping[str, str], *, files: Path) -> dict[str, bytes]:
    """Return the pictures that a document is pinned to. Raises DomainError when one is not in the store any more."""
    try:
        return {name: attachments.place_of(digest, files=files).read_bytes() for name, digest in pinned_as.items()}
    except OSError:
        raise DomainError(_("A picture of this document is not in the store any more")) from None
