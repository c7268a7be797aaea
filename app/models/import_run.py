"""Imports of files: what was asked, how far it is, what came of it."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line, Owned
from app.models.job import Job

if TYPE_CHECKING:
    from app.models.attachment import Attachment


class ImportState(StrEnum):
    """The life of an import."""

    draft = "draft"
    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"


label(
    ImportState,
    draft=_l("Being set up"),
    queued=_l("Waiting"),
    running=_l("Running"),
    done=_l("Done"),
    failed=_l("Failed"),
)

IMPORT_MOVES = {
    ImportState.draft: frozenset({ImportState.queued}),
    ImportState.queued: frozenset({ImportState.running, ImportState.failed}),
    ImportState.running: frozenset({ImportState.done, ImportState.failed}),
    ImportState.failed: frozenset({ImportState.queued}),
}


class ImportRun(Entity, Owned, Job):
    """One file being imported; it belongs to whoever started it, since it quotes the rows of his file.

    Shape: `mapping` maps a column of the file to a field ("ИНН" → "inn"); `read_rows` says how far it is. `report`
    keeps the first problems and warnings for the screen: {"problems": [[row, column, reason]], "warnings": [[row,
    text]], "ignored": [column]}; all problems are ImportProblem rows until the file of errors is made.
    """

    __tablename__ = "import_run"
    __stem__ = "import_run"
    __is_shared__ = False
    __done__ = "read_rows"
    __moves__ = IMPORT_MOVES

    entity: Mapped[str] = mapped_column(String(40))
    state: Mapped[ImportState] = mapped_column(Choice(ImportState), default=ImportState.draft)
    file_name: Mapped[str] = mapped_column(String(255))
    file_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id", ondelete="SET NULL"))
    file: Mapped["Attachment | None"] = relationship("Attachment", foreign_keys=[file_id])
    errors_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id", ondelete="SET NULL"))
    errors: Mapped["Attachment | None"] = relationship("Attachment", foreign_keys=[errors_id])
    encoding: Mapped[str | None] = mapped_column(String(20))
    delimiter: Mapped[str | None] = mapped_column(String(4))
    mapping: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    total_rows: Mapped[int | None] = mapped_column(Integer)
    read_rows: Mapped[int] = mapped_column(Integer, default=0)
    created_rows: Mapped[int] = mapped_column(Integer, default=0)
    updated_rows: Mapped[int] = mapped_column(Integer, default=0)
    duplicate_rows: Mapped[int] = mapped_column(Integer, default=0)
    rejected_rows: Mapped[int] = mapped_column(Integer, default=0)
    warned_rows: Mapped[int] = mapped_column(Integer, default=0)
    report: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    def __str__(self) -> str:
        return self.file_name


class ImportProblem(Line):
    """A row that was not imported, with its cells as they stood in the file.

    Units: `row` is the line of the file. `is_duplicate` says that it is known already rather than wrong.
    """

    __tablename__ = "import_problem"
    __table_args__ = (Index("ix_import_problem_run_id_row", "run_id", "row"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("import_run.id", ondelete="CASCADE"))
    row: Mapped[int] = mapped_column(Integer)
    column: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(Text)
    is_duplicate: Mapped[bool] = mapped_column(default=False)
    cells: Mapped[list[Any]] = mapped_column(JSON)
