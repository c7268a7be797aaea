"""Pictures of mailings, where everybody who has a letter finds them: by a signed address that is the same for all.

An address names one file and is signed with what the file holds: none is guessed, and a key that a database gives again
leads nowhere. It says nothing of who looks. What is not a picture of a template has no address.
"""

import hmac
import re
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.attachment import Attachment
from app.models.mail_template import MailTemplate
from app.services import mail_template as templates
from app.services import mailing_link as links

_TOKEN = re.compile(r"i([1-9][0-9]{0,14})-([0-9a-f]{24})")


def token(picture: Attachment) -> str:
    """Return what stands in the address of a picture."""
    return f"i{picture.id}-{_mark(picture)}"


def is_one(text: str) -> bool:
    """Say whether something looks like the address of a picture."""
    return _TOKEN.fullmatch(text) is not None


def found(session: Session, text: str) -> Attachment | None:
    """Return the picture that an address leads to, None for whatever is wrong with it."""
    match = _TOKEN.fullmatch(text)
    if match is None:
        return None
    wanted = select(Attachment).where(
        Attachment.id == int(match[1]),
        Attachment.entity == MailTemplate.__stem__,
        Attachment.media_type.in_(templates.PICTURES),
        Attachment.size <= templates.LARGEST_PICTURE,
    )
    picture = session.scalars(wanted).one_or_none()
    return picture if picture is not None and hmac.compare_digest(match[2], _mark(picture)) else None


def wanted_by(said: Mapping[str, Any]) -> set[int]:
    """Return the keys of the pictures that a template shows in any language; shape: mail_template.content_of."""
    blocks = [block for each in said.values() for block in each["blocks"]]
    return {block["picture"]["id"] for block in blocks if block["kind"] == "image"}


def addresses(session: Session, template: MailTemplate, wanted: Collection[int], *, public_url: str) -> dict[int, str]:
    """Return where the pictures of a template are; those that are gone have no address."""
    kept = templates.pictures(session, template) if wanted else []
    return {each.id: f"{public_url}/m/{token(each)}" for each in kept if each.id in wanted}


def _mark(picture: Attachment) -> str:
    return links.mark(f"picture {picture.id} {picture.sha256}")
