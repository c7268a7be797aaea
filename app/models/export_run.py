"""What has left as files and over REST: who took which rows, when, why; and the rules of taking them."""

from datetime import date, datetime
from enum import StrEnum

from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice, Instant
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Line, Owned

LONGEST_REASON = 250
PERSONAL = ("letter", "party", "user")  # areas whose rows tell of people


class ExportKind(StrEnum):
    """What was taken."""

    list = "list"
    chart = "chart"
    report = "report"
    rest = "rest"
    person = "person"
    bundle = "bundle"


label(
    ExportKind,
    list=_l("List"),
    chart=_l("Chart"),
    report=_l("Report of a bulk change"),
    rest=_l("Read over REST"),
    person=_l("Everything about a person"),
    bundle=_l("Files of documents"),
)


class ExportFormat(StrEnum):
    """As what it left."""

    xlsx = "xlsx"
    csv = "csv"
    json = "json"
    zip = "zip"
    pdf = "pdf"


label(
    ExportFormat,
    xlsx=_l("Excel workbook (XLSX)"),
    csv=_l("Text file (CSV)"),
    json=_l("JSON"),
    zip=_l("ZIP with files"),
    pdf=_l("PDF"),
)


class ExportState(StrEnum):
    """How far an export came: `begun` stays where a server was killed, `broken` where the reader went away."""

    begun = "begun"
    done = "done"
    broken = "broken"
    failed = "failed"


label(
    ExportState,
    begun=_l("Not finished"),
    done=_l("Finished"),
    broken=_l("Broken off"),
    failed=_l("Failed"),
)


class ExportRun(Entity, Owned):
    """One file that somebody took away; or all rows of an entity that he read over REST on one day.

    Shape: `area` is that of the right that was used, `entity` the stem of the rows; `query` is the address of the list,
    with its filters and columns; `heads` are the names of the columns as they stand in the file. `expected_rows` were
    announced before the first byte, `rows` were written; `size` in bytes. `read_on` is the day (UTC) of what was read
    over REST, None for files. `alarmed_at` says that it was told to a head, `usual_rows` what is usual for this person.
    """

    __tablename__ = "export_run"
    __stem__ = "export_run"
    __unrecorded__ = True  # it is a record of what happened itself
    __is_shared__ = False
    __table_args__ = (
        UniqueConstraint("owner_id", "entity", "read_on"),
        CheckConstraint("(read_on IS NULL) = (kind <> 'rest')", name="day_of_rest"),
        Index("ix_export_run_owner_id_created_at", "owner_id", "created_at"),
        Index("ix_export_run_sha256", "sha256"),
        Index("ix_export_run_created_at", "created_at"),
    )

    kind: Mapped[ExportKind] = mapped_column(Choice(ExportKind))
    area: Mapped[str] = mapped_column(String(60))
    entity: Mapped[str] = mapped_column(String(60))
    state: Mapped[ExportState] = mapped_column(Choice(ExportState), default=ExportState.begun)
    format: Mapped[ExportFormat] = mapped_column(Choice(ExportFormat))
    query: Mapped[str] = mapped_column(Text(), default="")
    heads: Mapped[list[str]] = mapped_column(JSON, default=list)
    expected_rows: Mapped[int] = mapped_column(Integer, default=0)
    rows: Mapped[int] = mapped_column(Integer, default=0)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    sha256: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(LONGEST_REASON))
    address: Mapped[str | None] = mapped_column(String(45))
    request_id: Mapped[str | None] = mapped_column(String(36))
    ended_at: Mapped[datetime | None] = mapped_column(Instant())
    read_on: Mapped[date | None]
    alarmed_at: Mapped[datetime | None] = mapped_column(Instant())
    usual_rows: Mapped[int | None] = mapped_column(Integer)

    def __str__(self) -> str:
        return f"#{self.id}"

    @property
    def taken_rows(self) -> int:
        """Return how many rows count as taken: those announced, as long as nobody knows how far it came."""
        return self.expected_rows if self.state is ExportState.begun else self.rows


class ExportCap(Line):
    """How many rows a role may take in one file; `most_rows` None: as many as there are. Without a row: the default."""

    __tablename__ = "export_cap"
    __table_args__ = (CheckConstraint("most_rows > 0", name="some_rows"),)

    role_id: Mapped[int] = mapped_column(ForeignKey("ab_role.id", ondelete="CASCADE"), unique=True)
    role: Mapped[Role] = relationship("Role")
    most_rows: Mapped[int | None] = mapped_column(Integer)


class ExportRule(Entity):
    """When an export needs a reason, and when a head is told; one row, and none as long as nobody has changed it.

    Units: rows. A reason is needed from `reason_from` rows on, and always for the areas of `reason_areas`. A head is
    told when somebody's rows within 24 hours pass `alarm_times` times his usual day, and `alarm_least`; of somebody who
    has no usual day yet, when they pass `alarm_new`.
    """

    __tablename__ = "export_rule"
    __stem__ = "export_rule"
    __table_args__ = (
        CheckConstraint("reason_from > 0", name="reason_from"),
        CheckConstraint("alarm_times > 0 AND alarm_least > 0 AND alarm_new > 0", name="alarm"),
    )

    reason_from: Mapped[int] = mapped_column(Integer)
    reason_areas: Mapped[list[str]] = mapped_column(JSON)
    alarm_times: Mapped[int] = mapped_column(Integer)
    alarm_least: Mapped[int] = mapped_column(Integer)
    alarm_new: Mapped[int] = mapped_column(Integer)

    def __str__(self) -> str:
        return "export_rule"
