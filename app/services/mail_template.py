"""Templates of mailings: their rules, and the version that every change makes."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.models.mail_template import (
    BlockKind,
    MailingChannel,
    MailTemplate,
    MailTemplateBlock,
    MailTemplateText,
    MailTemplateVersion,
)
from app.money import plain
from app.services import mail_place
from app.services.channel import normalise_website
from app.services.letter_writing import head_line
from app.services.text import is_blank, line, lines

LONGEST_TEXT = 5_000
LONGEST_MESSAGE = 1_000
MOST_BLOCKS = 40
_WORDED = frozenset({BlockKind.heading, BlockKind.text, BlockKind.button, BlockKind.columns, BlockKind.footer})
LARGEST_PICTURE = 1_000_000  # bytes
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif"})
PARTING = "---"  # the line between two columns


def save(session: Session, template: MailTemplate) -> None:
    """Bring a template into its normal form, add it, and keep what it says as a version. Raises Refusals by field."""
    errors: dict[str, list[str]] = {}
    with session.no_autoflush:
        template.name = _tidy(errors, "name", template.name, lambda text: line(text, limit=120)) or ""
        if not template.name and "name" not in errors:
            errors["name"] = [_("A template needs a name")]
        template.channel = template.channel or MailingChannel.email
        if template.channel is MailingChannel.paper:
            errors["channel"] = [_("Letters on paper are written as templates of documents, of the kind “Letter”")]
        template.number = template.number or 0
        for number, text in enumerate(template.texts):
            _check_text(template.channel, text, f"texts-{number}", errors)
        for number, block in enumerate(template.blocks):
            block.position = number + 1
            _check_block(block, f"blocks-{number}", errors)
        _check_languages(template, errors)
        if errors:
            raise Refusals(errors)
        session.add(template)
    _place(session, template)
    _refuse_pictures(session, template)
    _keep_version(session, template)


def _tidy(errors: dict[str, list[str]], field: str, text: str | None, rule: Callable[[str], str]) -> str | None:
    """Return a text in its normal form, None when it is empty; what is wrong with it or its places is noted."""
    try:
        tidy = rule(text or "")
    except DomainError as refusal:
        errors[field] = [refusal.text]
        return text
    problem = mail_place.wrong(tidy)
    if problem is not None:
        errors[field] = [problem]
    return None if is_blank(tidy) else tidy


def _check_text(channel: MailingChannel, text: MailTemplateText, field: str, errors: dict[str, list[str]]) -> None:
    if text.language not in LANGUAGES:
        errors[f"{field}-language"] = [_("This is needed")]
    for name in ("subject", "preheader"):
        tidy = _tidy(errors, f"{field}-{name}", getattr(text, name), lambda typed: head_line(typed, limit=250))
        setattr(text, name, tidy)
    text.message = _tidy(errors, f"{field}-message", text.message, lambda typed: lines(typed, limit=LONGEST_MESSAGE))
    needed = "subject" if channel is MailingChannel.email else "message"
    if getattr(text, needed) is None:
        errors.setdefault(f"{field}-{needed}", [_("This is needed")])


def _check_block(block: MailTemplateBlock, field: str, errors: dict[str, list[str]]) -> None:
    block.kind = block.kind or BlockKind.text
    block.text = _tidy(errors, f"{field}-text", block.text, lambda typed: lines(typed, limit=LONGEST_TEXT))
    if block.kind in _WORDED and block.text is None:
        errors.setdefault(f"{field}-text", [_("This is needed")])
    if block.address and not is_blank(block.address):
        try:
            block.address = normalise_website(block.address)
        except DomainError as refusal:
            errors[f"{field}-address"] = [refusal.text]
    else:
        block.address = None
    if block.kind is BlockKind.button and block.address is None:
        errors.setdefault(f"{field}-address", [_("Say where the button leads")])
    block.file = _tidy(errors, f"{field}-file", block.file, lambda typed: line(typed, limit=250))
    if block.kind is BlockKind.image and block.file is None:
        errors.setdefault(f"{field}-file", [_("Name a picture among the files of this template")])
    if block.kind is BlockKind.product and block.product_id is None and block.product is None:
        errors[f"{field}-product"] = [_("This is needed")]


def _check_languages(template: MailTemplate, errors: dict[str, list[str]]) -> None:
    told = [text.language for text in template.texts]
    if not told:
        errors["texts"] = [_("A template says something in one language at least")]
    elif len(told) != len(set(told)):
        errors["texts"] = [_("Each language stands here once")]
    shown = [block.language for block in template.blocks]
    if template.channel is MailingChannel.sms and shown:
        errors["blocks"] = [_("A text message has no blocks")]
    elif template.channel is MailingChannel.email and set(shown) != set(told) and told:
        odd = ", ".join(sorted(str(each) for each in set(shown) ^ set(told)))
        errors["blocks"] = [_("Each language has a subject and blocks; one of both is missing: %(codes)s", codes=odd)]
    elif any(shown.count(each) > MOST_BLOCKS for each in set(shown)):
        errors["blocks"] = [_("At most %(most)s blocks in one language", most=MOST_BLOCKS)]


def _place(session: Session, template: MailTemplate) -> None:
    """Give each block its place, in two steps: no two have the same one in between."""
    with session.no_autoflush:
        wanted = list(template.blocks)
        moved = [block for block in wanted if block.id is not None]
        for block in moved:
            block.position = -(wanted.index(block) + 1)
    session.flush()
    for number, block in enumerate(wanted, 1):
        block.position = number
    session.flush()


def _refuse_pictures(session: Session, template: MailTemplate) -> None:
    known = {each.name: each for each in pictures(session, template)}
    errors: dict[str, list[str]] = {}
    for number, block in enumerate(template.blocks):
        picture = known.get(block.file or "")
        if block.kind is not BlockKind.image:
            continue
        if picture is None:
            text = _("There is no picture of this name among the files of this template")
            errors[f"blocks-{number}-file"] = [text]
        elif picture.size > LARGEST_PICTURE:
            text = _("This picture has more than %(most)s KB: make it smaller", most=LARGEST_PICTURE // 1000)
            errors[f"blocks-{number}-file"] = [text]
    if errors:
        raise Refusals(errors)


def pictures(session: Session, template: MailTemplate) -> list[Attachment]:
    """Return the pictures among the files of a template."""
    found = select(Attachment).where(
        Attachment.entity == MailTemplate.__stem__,
        Attachment.record_id == template.id,
        Attachment.media_type.in_(PICTURES),
    )
    return list(session.scalars(found.order_by(Attachment.id)))


# --- versions ---------------------------------------------------------------------------------------------------------


def content_of(session: Session, template: MailTemplate) -> dict[str, Any]:
    """Return what a template says, as plain data.

    Shape: {"channel": "email", "languages": {"en": {"subject": …, "preheader": …, "message": …, "blocks": [{"kind": …,
    "text": …, "address": …, "picture": {"id": …, "name": …}, "product": {"name": …, "price": …}}]}}}.
    """
    known = {each.name: each.id for each in pictures(session, template)}
    said: dict[str, Any] = {}
    for text in template.texts:
        blocks = [_block(block, known) for block in template.blocks if block.language == text.language]
        said[text.language] = {
            "subject": text.subject,
            "preheader": text.preheader,
            "message": text.message,
            "blocks": blocks,
        }
    return {"channel": str(template.channel.value), "languages": said}


def _block(block: MailTemplateBlock, known: dict[str, int]) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": str(block.kind.value), "text": block.text, "address": block.address}
    if block.kind is BlockKind.image and block.file is not None:
        told["picture"] = {"id": known[block.file], "name": block.file}
    if block.kind is BlockKind.product and block.product is not None:
        product = block.product
        price = f"{plain(product.price, product.currency)} {product.currency}" if product.price is not None else None
        told["product"] = {"name": product.name, "price": price}
    return told


def latest(session: Session, template: MailTemplate) -> MailTemplateVersion:
    """Return the version of a template that holds now."""
    found = select(MailTemplateVersion).where(
        MailTemplateVersion.template_id == template.id, MailTemplateVersion.number == template.number
    )
    return session.scalars(found).one()


def _keep_version(session: Session, template: MailTemplate) -> None:
    session.refresh(template, ["texts", "blocks"])
    content = content_of(session, template)
    if template.number and latest(session, template).content == content:
        return
    template.number += 1
    session.flush()
    session.add(MailTemplateVersion(template_id=template.id, number=template.number, content=content))
    session.flush()
