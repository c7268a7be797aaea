"""Made documents: a version of a template, the data that it was filled with, and the file that came of both."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import PERSONAL, Choice, Instant, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.lifecycle import Moves
from app.models.base import Entity, Owned
from app.models.document_template import PaperKind

if TYPE_CHECKING:
    from flask_appbuilder.security.sqla.models import User

    from app.models.attachment import Attachment
    from app.models.document_template import DocumentTemplateVersion
    from app.models.organisation import Organisation
    from app.models.party import Party


class MadeState(StrEnum):
    """How far a document has come: what is issued or sent stays as it is."""

    draft = "draft"
    approval = "approval"
    approved = "approved"
    issued = "issued"
    sent = "sent"
    cancelled = "cancelled"


label(
    MadeState,
    draft=_l("Draft"),
    approval=_l("Waits for approval"),
    approved=_l("Approved"),
    issued=_l("Issued"),
    sent=_l("Sent"),
    cancelled=_l("Cancelled"),
)

MADE_MOVES: Moves[MadeState] = {
    MadeState.draft: frozenset({MadeState.approval, MadeState.issued, MadeState.cancelled}),
    MadeState.approval: frozenset({MadeState.draft, MadeState.approved, MadeState.cancelled}),
    MadeState.approved: frozenset({MadeState.issued, MadeState.cancelled}),
    MadeState.issued: frozenset({MadeState.sent, MadeState.cancelled}),
    MadeState.sent: frozenset({MadeState.cancelled}),
}


class MadeDocument(Entity, Owned):
    """One document made from a record; its row rule is that of the record's owner and team.

    Shape: `data` is {"fields": {name: value}, "pictures": {"logo": SHA-256}} as `services.document_make` took it when
    the document was made; with the version and the file's `sha256` it says what was printed. Nothing of these changes.
    """

    __tablename__ = "made_document"
    __stem__ = "made_document"
    __is_shared__ = False
    __table_args__ = (
        CheckConstraint("(file_id IS NULL) OR (sha256 IS NOT NULL)", name="file_known"),
        CheckConstraint(
            "state NOT IN ('issued', 'sent') OR (sha256 IS NOT NULL AND issued_at IS NOT NULL)", name="issued_complete"
        ),
        CheckConstraint("state <> 'approved' OR approved_at IS NOT NULL", name="approved_complete"),
        Index("ix_made_document_entity_record_id", "entity", "record_id"),
        Index("ix_made_document_state_id", "state", "id"),
        Index("ix_made_document_kind_id", "kind", "id"),
    )

    state: Mapped[MadeState] = mapped_column(Choice(MadeState), default=MadeState.draft)
    kind: Mapped[PaperKind] = mapped_column(Choice(PaperKind))
    title: Mapped[str] = mapped_column(String(250), info=PERSONAL)
    number: Mapped[str | None] = mapped_column(String(60))
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    organisation: Mapped["Organisation"] = relationship("Organisation")
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)
    party: Mapped["Party | None"] = relationship("Party")
    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    template_version_id: Mapped[int] = mapped_column(ForeignKey("document_template_version.id"), index=True)
    template_version: Mapped["DocumentTemplateVersion"] = relationship("DocumentTemplateVersion")
    data: Mapped[dict[str, Any]] = mapped_column(JSON, deferred=True, info=PERSONAL)
    is_archival: Mapped[bool] = mapped_column(default=False)
    file_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"), index=True, info={"internal": True})
    file: Mapped["Attachment | None"] = relationship("Attachment")
    sha256: Mapped[str | None] = mapped_column(String(64))
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"), index=True)
    approved_by: Mapped["User | None"] = relationship("User", foreign_keys=[approved_by_id])
    approved_at: Mapped[datetime | None] = mapped_column(Instant())
    rejected_reason: Mapped[str | None] = mapped_column(String(500), info=PERSONAL)
    issued_at: Mapped[datetime | None] = mapped_column(Instant())
    search_text: Mapped[str] = mapped_column(Text(), default="")

    def __str__(self) -> str:
        return self.title
