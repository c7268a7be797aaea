"""What a mailing on paper says: which templates fit, and what each letter says of its recipient, taken once."""

from typing import Any

from babel import Locale
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.document_template import DocumentTemplate, PageSize, PaperKind
from app.models.mailing import Mailing
from app.models.party import Party
from app.services import document_kinds
from app.services import document_template as templates
from app.services import gate_address as addresses

_WINDOW = 'data-block="recipient"'  # the block that a window of an envelope shows


def wrong(letter: DocumentTemplate | None) -> str:
    """Return why a template makes no letters to many, "" when it does."""
    if letter is None:
        return _("This is needed")
    if letter.kind is not PaperKind.letter:
        return _("A template of the kind “Letter” is needed")
    return ""


def unfit(session: Session, letter: DocumentTemplate | None) -> str:
    """Return why no letters can be made of what a template says now, "" when they can."""
    if letter is None or wrong(letter):
        return wrong(letter)
    version = templates.published(session, letter)
    if version is None or not letter.is_active:
        return _("This template is not in use: publish it first")
    if version.docx_sha256 is not None:
        return _("A template of a word processor makes no letters to many; choose one that is written here")
    if version.page_size is not PageSize.a4:
        return _("Letters for window envelopes are printed on A4; choose that page in the template")
    if _WINDOW not in version.body:
        return _("Put the block “Recipient” into this template: it stands in the window of the envelope")
    return ""


def published(session: Session, mailing: Mailing) -> int:
    """Return the version of a mailing's template that holds now. Raises DomainError at "letter" when there is none."""
    version = templates.published(session, mailing.letter) if mailing.letter is not None else None
    if version is None:
        raise DomainError(_("This template is not in use: publish it first"), field="letter")
    return version.id


def said_of(session: Session, party: Party, *, ours: str, code: str) -> dict[str, str]:
    """Return what the fields of a letter say of its recipient, as far as the actor sees it, at his postal address.

    The country is named, in the language `code` of the sender, where it is another than `ours`: for the post.
    """
    found = document_kinds.buyer_data(session, party)
    place = addresses.place_of(party)
    if place is not None:
        town = " ".join(filter(None, (place.postal_code, place.city)))
        country = place.country or party.country or ours
        abroad = str(Locale.parse(code).territories.get(country, country)).upper() if country != ours else None
        found |= {"buyer.street": place.street, "buyer.town": town, "buyer.country": abroad}
        found["buyer.address"] = ", ".join(filter(None, (place.street, town, place.region)))
    return {name: _plain(value) for name, value in found.items() if value not in (None, "", False)}


def _plain(value: Any) -> str:  # noqa: ANN401 -- text, or whether something is so
    return "1" if value is True else str(value)
