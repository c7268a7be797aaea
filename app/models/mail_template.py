"""Templates of mailings: what is said in each language, block by block, and every version that was ever saved."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Choice, Instant
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line

if TYPE_CHECKING:
    from app.models.product import Product


class MailingChannel(StrEnum):
    """By which way a mailing goes."""

    email = "email"
    sms = "sms"
    paper = "paper"


class BlockKind(StrEnum):
    """What a block of a mail is."""

    heading = "heading"
    text = "text"
    image = "image"
    button = "button"
    columns = "columns"
    product = "product"
    divider = "divider"
    footer = "footer"


label(MailingChannel, email=_l("E-mail"), sms=_l("Text message"), paper=_l("Letter on paper"))
label(
    BlockKind,
    heading=_l("Heading"),
    text=_l("Text"),
    image=_l("Picture"),
    button=_l("Button"),
    columns=_l("Two columns"),
    product=_l("Product"),
    divider=_l("Line between blocks"),
    footer=_l("Small print"),
)


class MailTemplate(Entity):
    """What a mailing says. `number` is that of the latest version; a mailing keeps the version that was checked."""

    __tablename__ = "mail_template"
    __stem__ = "mail_template"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("number >= 0", name="number_positive"),
    )

    name: Mapped[str] = mapped_column(String(120), unique=True)
    channel: Mapped[MailingChannel] = mapped_column(Choice(MailingChannel), default=MailingChannel.email)
    is_active: Mapped[bool] = mapped_column(default=True)
    number: Mapped[int] = mapped_column(Integer, default=0, info={"internal": True})
    texts: Mapped[list["MailTemplateText"]] = relationship(
        back_populates="template", cascade="all, delete-orphan", passive_deletes=True, order_by="MailTemplateText.id"
    )
    blocks: Mapped[list["MailTemplateBlock"]] = relationship(
        back_populates="template",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="MailTemplateBlock.position",
    )

    def __str__(self) -> str:
        return self.name


class MailTemplateText(Line):
    """What a template says in one language before its blocks; `message` is all that a text message says."""

    __tablename__ = "mail_template_text"
    __table_args__ = (UniqueConstraint("template_id", "language"),)

    template_id: Mapped[int] = mapped_column(ForeignKey("mail_template.id", ondelete="CASCADE"))
    template: Mapped[MailTemplate] = relationship(back_populates="texts")
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    subject: Mapped[str | None] = mapped_column(String(250))
    preheader: Mapped[str | None] = mapped_column(String(250))
    message: Mapped[str | None] = mapped_column(Text())


class MailTemplateBlock(Line):
    """One block of a mail in one language.

    Shape: `text` of two columns is parted by a line of three hyphens; `address` is where a button or picture leads;
    `file` is the name of a picture among the files of the template.
    """

    __tablename__ = "mail_template_block"
    __table_args__ = (UniqueConstraint("template_id", "position"),)

    template_id: Mapped[int] = mapped_column(ForeignKey("mail_template.id", ondelete="CASCADE"))
    template: Mapped[MailTemplate] = relationship(back_populates="blocks")
    position: Mapped[int] = mapped_column(Integer)
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    kind: Mapped[BlockKind] = mapped_column(Choice(BlockKind), default=BlockKind.text)
    text: Mapped[str | None] = mapped_column(Text())
    address: Mapped[str | None] = mapped_column(String(500))
    file: Mapped[str | None] = mapped_column(String(250))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id", ondelete="SET NULL"), index=True)
    product: Mapped["Product | None"] = relationship("Product")


class MailTemplateVersion(Line):
    """A template as it was saved, for good. Shape of `content`: see services.mail_template.content_of."""

    __tablename__ = "mail_template_version"
    __table_args__ = (UniqueConstraint("template_id", "number"),)

    template_id: Mapped[int] = mapped_column(ForeignKey("mail_template.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    made_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)

    def __str__(self) -> str:
        return str(self.number)
