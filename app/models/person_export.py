"""Exports of everything about a person: who asked, how far it is, and the file as long as it is kept."""

from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Key
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Owned
from app.models.job import Job

if TYPE_CHECKING:
    from app.models.attachment import Attachment
    from app.models.party import Party


class PersonExportState(StrEnum):
    """The life of an export of a person; `expired` when its file was deleted again."""

    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    expired = "expired"


label(
    PersonExportState,
    queued=_l("Waiting"),
    running=_l("Running"),
    done=_l("Done"),
    failed=_l("Failed"),
    expired=_l("File deleted"),
)

PERSON_EXPORT_MOVES = {
    PersonExportState.queued: frozenset({PersonExportState.running, PersonExportState.failed}),
    PersonExportState.running: frozenset({PersonExportState.done, PersonExportState.failed}),
    PersonExportState.failed: frozenset({PersonExportState.queued}),
    PersonExportState.done: frozenset({PersonExportState.expired}),
}


class PersonExport(Entity, Owned, Job):
    """One export of a counterparty or of one contact person of it; it belongs to whoever asked for it.

    Units: `total_rows` and `done_rows` count steps of the work: reading, writing, packing.
    """

    __tablename__ = "person_export"
    __stem__ = "person_export"
    __is_shared__ = False
    __done__ = "done_rows"
    __moves__ = PERSON_EXPORT_MOVES

    party_id: Mapped[int] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    party: Mapped["Party"] = relationship("Party")
    contact_id: Mapped[int | None] = mapped_column(Key)
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    state: Mapped[PersonExportState] = mapped_column(Choice(PersonExportState), default=PersonExportState.queued)
    total_rows: Mapped[int] = mapped_column(Integer, default=3)
    done_rows: Mapped[int] = mapped_column(Integer, default=0)
    records: Mapped[int] = mapped_column(Integer, default=0)
    file_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id", ondelete="SET NULL"))
    file: Mapped["Attachment | None"] = relationship("Attachment")

    def __str__(self) -> str:
        return f"#{self.id}"
