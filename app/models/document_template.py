"""Templates of documents: words, fields and layout that staff write; what is published stays as it is."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Instant
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line, index_where

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.organisation import Organisation


class PaperKind(StrEnum):
    """What a template is for; `services.document_field` knows the fields of each."""

    contract = "contract"
    quote = "quote"
    order = "order"
    invoice = "invoice"
    credit_note = "credit_note"
    delivery_note = "delivery_note"
    act = "act"
    reminder = "reminder"
    statement = "statement"
    letter = "letter"
    label = "label"
    mail = "mail"


label(
    PaperKind,
    contract=_l("Contract"),
    quote=_l("Quote"),
    order=_l("Order"),
    invoice=_l("Invoice"),
    credit_note=_l("Credit note"),
    delivery_note=_l("Delivery note"),
    act=_l("Act of acceptance"),
    reminder=_l("Reminder"),
    statement=_l("Statement of account"),
    letter=_l("Letter"),
    label=_l("Address label"),
    mail=_l("E-mail"),
)


class PageSize(StrEnum):
    """The paper: sheets, or one label of 99 by 68 millimetres."""

    a4 = "a4"
    a5 = "a5"
    letter = "letter"
    label = "label"


label(PageSize, a4=_l("A4"), a5=_l("A5"), letter=_l("US Letter"), label=_l("Label, 99 × 68 mm"))

WORDS = ("body", "header", "footer", "style")  # what staff write
WORD = ("docx_sha256",)  # a file of a word processor, instead of words
PAGE = ("page_size", "margin_top", "margin_right", "margin_bottom", "margin_left")
_MARGINS = " AND ".join(f"{name} BETWEEN 0 AND 80" for name in PAGE[1:])


class DocumentTemplate(Entity):
    """One template as it is being written; documents are made from its last published version.

    Units: margins in millimetres. `body`, `header` and `footer` are safe HTML with our markers, `style` is a subset of
    CSS (services.document_markup). `organisation` is None for all of ours. With `docx_sha256` documents are made of
    that file of the store, as DOCX.
    """

    __tablename__ = "document_template"
    __stem__ = "document_template"
    __table_args__ = (
        UniqueConstraint("name", "language"),
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint(_MARGINS, name="margins_possible"),
        index_where(
            "uq_document_template_default",
            "kind",
            "language",
            "organisation_id",
            unique=True,
            where="is_default AND organisation_id IS NOT NULL",
        ),
        index_where(
            "uq_document_template_default_of_all",
            "kind",
            "language",
            unique=True,
            where="is_default AND organisation_id IS NULL",
        ),
    )

    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[PaperKind] = mapped_column(Choice(PaperKind), default=PaperKind.letter)
    language: Mapped[str] = mapped_column(String(5), default="en", info={"of": "language"})
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation | None"] = relationship("Organisation")
    is_active: Mapped[bool] = mapped_column(default=True)
    is_default: Mapped[bool] = mapped_column(default=False)
    needs_approval: Mapped[bool] = mapped_column(default=False)
    page_size: Mapped[PageSize] = mapped_column(Choice(PageSize), default=PageSize.a4)
    margin_top: Mapped[int] = mapped_column(Integer, default=20)
    margin_right: Mapped[int] = mapped_column(Integer, default=16)
    margin_bottom: Mapped[int] = mapped_column(Integer, default=20)
    margin_left: Mapped[int] = mapped_column(Integer, default=18)
    body: Mapped[str] = mapped_column(Text(), default="")
    header: Mapped[str] = mapped_column(Text(), default="")
    footer: Mapped[str] = mapped_column(Text(), default="")
    style: Mapped[str] = mapped_column(Text(), default="")
    docx_sha256: Mapped[str | None] = mapped_column(String(64), info={"internal": True})
    supplied: Mapped[str | None] = mapped_column(String(40), unique=True, info={"internal": True})
    versions: Mapped[list["DocumentTemplateVersion"]] = relationship(
        back_populates="template", order_by="DocumentTemplateVersion.number.desc()"
    )

    def __str__(self) -> str:
        return self.name


class DocumentTemplateVersion(Line):
    """A template as it was published: rows are added and never changed, the database refuses it."""

    __tablename__ = "document_template_version"
    __table_args__ = (
        UniqueConstraint("template_id", "number"),
        CheckConstraint("number >= 1", name="number_positive"),
        Index("ix_document_template_version_published_by_id", "published_by_id"),
    )

    template_id: Mapped[int] = mapped_column(ForeignKey("document_template.id"))
    template: Mapped[DocumentTemplate] = relationship(back_populates="versions")
    number: Mapped[int] = mapped_column(Integer)
    page_size: Mapped[PageSize] = mapped_column(Choice(PageSize))
    margin_top: Mapped[int] = mapped_column(Integer)
    margin_right: Mapped[int] = mapped_column(Integer)
    margin_bottom: Mapped[int] = mapped_column(Integer)
    margin_left: Mapped[int] = mapped_column(Integer)
    body: Mapped[str] = mapped_column(Text())
    header: Mapped[str] = mapped_column(Text())
    footer: Mapped[str] = mapped_column(Text())
    style: Mapped[str] = mapped_column(Text())
    docx_sha256: Mapped[str | None] = mapped_column(String(64), info={"internal": True})
    published_at: Mapped[datetime] = mapped_column(Instant())
    published_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    published_by: Mapped["User | None"] = relationship("User")

    def __str__(self) -> str:
        return f"{self.template} {self.number}"
