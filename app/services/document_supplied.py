"""The templates that come with the program: one for each kind and language, installed once and never overwritten.

They are ordinary templates from then on: staff change them, take them out of use, or make others the default.
"""

import re
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.i18n import LANGUAGES, in_language, label_of
from app.models.document_template import DocumentTemplate, PageSize, PaperKind
from app.services import document_contract
from app.services import document_template as templates
from app.services import document_words as words

KINDS: Final = tuple(PaperKind)
FOOT: Final = (
    '<p class="right"><span data-field="seller.name"></span> · <span data-field="page"></span>'
    ' / <span data-field="pages"></span></p>'
)
_LINES: Final = re.compile(r"(</(?:p|h1|h3|div|thead|tr|table)>)(?=<)")  # a line for each part, to be read
_LABEL: Final = '<div data-block="recipient"></div>'
_SALES: Final = frozenset({PaperKind.quote, PaperKind.order, PaperKind.invoice, PaperKind.credit_note, PaperKind.act})
_HEAD: Final = '<div data-block="letterhead"></div>'
_TO: Final = f'{_HEAD}<div data-block="recipient"></div>'


def missing(session: Session) -> list[str]:
    """Return which of them are not installed yet: "quote.nl"."""
    there = set(session.scalars(select(DocumentTemplate.supplied).where(DocumentTemplate.supplied.is_not(None))))
    return [name for kind in KINDS for language in LANGUAGES if (name := f"{kind}.{language}") not in there]


def install(session: Session, *, at: datetime) -> int:
    """Install and publish what is not there yet; what is there stays as it is. Return how many were installed."""
    names = missing(session)
    for name in names:
        kind, _dot, language = name.partition(".")
        template = made(PaperKind(kind), language)
        template.name = _free_name(session, template)
        template.is_default = not _has_default(session, template)
        templates.save(session, template)
        session.flush()
        templates.publish(session, template, by=None, at=at)
    return len(names)


def _free_name(session: Session, template: DocumentTemplate) -> str:
    same = select(DocumentTemplate.id).where(
        DocumentTemplate.name == template.name, DocumentTemplate.language == template.language
    )
    return template.name if session.scalar(same) is None else f"{template.name} ({template.supplied})"


def _has_default(session: Session, template: DocumentTemplate) -> bool:
    same = select(DocumentTemplate.id).where(
        DocumentTemplate.kind == template.kind,
        DocumentTemplate.language == template.language,
        DocumentTemplate.organisation_id.is_(None),
        DocumentTemplate.is_default,
    )
    return session.scalar(same) is not None


def made(kind: PaperKind, language: str) -> DocumentTemplate:
    """Return the template of a kind in a language, not stored yet."""
    with in_language(language):
        name = label_of(kind)
    is_label = kind == PaperKind.label
    return DocumentTemplate(
        name=name,
        kind=kind,
        language=language,
        supplied=f"{kind}.{language}",
        is_active=True,
        page_size=PageSize.label if is_label else PageSize.a4,
        **dict.fromkeys(("margin_top", "margin_right", "margin_bottom", "margin_left"), 6 if is_label else 20),
        body=_LINES.sub(r"\1\n", _body(kind, language, name)),
        header="",
        footer="" if kind in {PaperKind.label, PaperKind.mail} else FOOT,
        style="",
    )


def _body(kind: PaperKind, language: str, name: str) -> str:
    said = words.of(language)
    if kind in _SALES:
        return _sale(kind, said, name)
    return {
        PaperKind.contract: document_contract.body(language, letterhead=_HEAD, name=name),
        PaperKind.label: _LABEL,
        PaperKind.delivery_note: (
            f'{_HEAD}{_title(name)}<div data-block="parties"></div>{_fact(said["date"], "date")}'
            f'{_fact(said["order"], "order")}{_fact(said["carrier"], "carrier")}<div data-block="lines"></div>'
            f'{_note()}<p>{said["received"]}</p><div data-block="signatures"></div>'
        ),
        PaperKind.reminder: (
            f"{_TO}{_title(name)}<p>{said['dear']}</p><p>{said['overdue']}</p>{_paying(said)}{_close(said)}"
        ),
        PaperKind.statement: f"{_TO}<h1>{name}</h1><p>{said['stated']}</p>{_items(said)}{_paying(said)}",
        PaperKind.mail: f"<p>{said['dear']}</p><p></p>{_close(said)}",
        PaperKind.letter: f'{_TO}<p class="right">{_field("made_on")}</p><p>{said["dear"]}</p><p></p>{_close(said)}',
    }[kind]


def _sale(kind: PaperKind, said: dict[str, str], name: str) -> str:
    facts = _fact(said["date"], "date") + _fact(said["reference"], "reference")
    if kind == PaperKind.quote:
        facts += _fact(said["valid_until"], "valid_until")
    if kind == PaperKind.invoice:
        facts += _fact(said["due"], "due")
    after = {
        PaperKind.invoice: _paying(said),
        PaperKind.act: f'<p>{said["accepted"]}</p><div data-block="signatures"></div>',
        PaperKind.order: '<div data-block="signatures"></div>',
    }.get(kind, "")
    return (
        f'{_HEAD}{_title(name)}<div data-block="parties"></div>{facts}<div data-block="lines"></div>'
        f'<div data-block="totals"></div>{_note()}{after}'
    )


def _field(name: str) -> str:
    return f'<span data-field="{name}"></span>'


def _title(name: str) -> str:
    return f"<h1>{name} {_field('number')}</h1>"


def _fact(label: str, name: str) -> str:
    return f'<p data-if="{name}"><span class="muted">{label}:</span> {_field(name)}</p>'


def _note() -> str:
    return f'<p data-if="note">{_field("note")}</p>'


def _paying(said: dict[str, str]) -> str:
    return f'<h3 data-if="seller.bank.account">{said["pay"]}</h3><div data-block="bank"></div>'


def _close(said: dict[str, str]) -> str:
    return f"<p>{said['regards']}<br>{_field('seller.name')}</p>"


def _items(said: dict[str, str]) -> str:
    return (
        f'<table data-each="items"><thead><tr><th>{said["date"]}</th><th>{said["document"]}</th>'
        f'<th class="num">{said["open"]}</th></tr></thead><tbody><tr><td>{_field("items.date")}</td>'
        f'<td>{_field("items.text")}</td><td class="num">{_field("items.rest")}</td></tr></tbody></table>'
        f'<p class="right"><b>{said["balance"]}: {_field("balance")}</b><br>'
        f'<span class="muted">{_field("balance.words")}</span></p>'
    )
