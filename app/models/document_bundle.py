"""Bundles: the files of many documents as one, made by the worker, and kept for a day."""

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Choice
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Owned
from app.models.job import Job

if TYPE_CHECKING:
    from app.models.attachment import Attachment
    from app.models.mailing import Mailing


class BundleForm(StrEnum):
    """As what the files leave; labels and letters are made of the records themselves."""

    zip = "zip"
    pdf = "pdf"
    labels = "labels"
    letters = "letters"


label(
    BundleForm,
    zip=_l("ZIP with all files"),
    pdf=_l("One PDF with all pages"),
    labels=_l("Address labels"),
    letters=_l("Letters on paper"),
)


class BundleState(StrEnum):
    """The life of a bundle; `expired` when its file was deleted again."""

    queued = "queued"
    running = "running"
    done = "done"
    failed = "failed"
    expired = "expired"


label(
    BundleState,
    queued=_l("Waiting"),
    running=_l("Running"),
    done=_l("Done"),
    failed=_l("Failed"),
    expired=_l("File deleted"),
)

BUNDLE_MOVES = {
    BundleState.queued: frozenset({BundleState.running, BundleState.failed}),
    BundleState.running: frozenset({BundleState.done, BundleState.failed}),
    BundleState.failed: frozenset({BundleState.queued}),
    BundleState.done: frozenset({BundleState.expired}),
}


class Lack(StrEnum):
    """Why a file of a record is not in its bundle."""

    gone = "gone"
    none = "none"
    address = "address"
    stopped = "stopped"
    lost = "lost"
    kind = "kind"
    broken = "broken"


label(
    Lack,
    gone=_l("Deleted, or not within your reach any more"),
    none=_l("No file was made of it"),
    address=_l("There is no postal address"),
    stopped=_l("Letters on paper are not wished there, or come back"),
    lost=_l("Its file is not in the store any more"),
    kind=_l("Its file is no PDF"),
    broken=_l("Its file cannot be read"),
)


class DocumentBundle(Entity, Owned, Job):
    """The files of chosen records of one kind, in the order of their list; it belongs to whoever asked for it.

    Shape: `keys` are those of the records; `missing` is what is not in it: [[key, a `Lack`]]. `files` are in it.
    `settings` of labels are {"sheet": name, "start": position of the first}. The letters of a mailing on paper name
    `mailing`, and in `settings` the {"token"} of their claim.
    """

    __tablename__ = "document_bundle"
    __stem__ = "document_bundle"
    __is_shared__ = False
    __done__ = "done_rows"
    __moves__ = BUNDLE_MOVES
    __unrecorded__ = True  # the log of exports says who took what

    entity: Mapped[str] = mapped_column(String(40))
    form: Mapped[BundleForm] = mapped_column(Choice(BundleForm))
    language: Mapped[str] = mapped_column(String(5), info={"of": "language"})
    state: Mapped[BundleState] = mapped_column(Choice(BundleState), default=BundleState.queued)
    mailing_id: Mapped[int | None] = mapped_column(ForeignKey("mailing.id", ondelete="SET NULL"), index=True)
    mailing: Mapped["Mailing | None"] = relationship("Mailing")
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    keys: Mapped[list[int]] = mapped_column(JSON)
    missing: Mapped[list[Any]] = mapped_column(JSON, default=list)
    total_rows: Mapped[int] = mapped_column(Integer)
    done_rows: Mapped[int] = mapped_column(Integer, default=0)
    files: Mapped[int] = mapped_column(Integer, default=0)
    file_id: Mapped[int | None] = mapped_column(
        ForeignKey("attachment.id", ondelete="SET NULL"), index=True, info={"internal": True}
    )
    file: Mapped["Attachment | None"] = relationship("Attachment")

    def __str__(self) -> str:
        return f"#{self.id}"

    @property
    def found_keys(self) -> list[int]:
        """Return the keys of the records that were there when it was made."""
        gone = {key for key, why in self.missing if why == Lack.gone}
        return [key for key in self.keys if key not in gone]
