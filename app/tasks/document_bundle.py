"""Background work of bundles: the files of many documents put together, portion by portion, and thrown away again."""

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from app import clock
from app.documents import labels
from app.documents.binding import Binder
from app.errors import DomainError, NotAllowed
from app.exchange.table import csv_chunks
from app.i18n import gettext as _
from app.i18n import in_language, label_of
from app.models.attachment import Attachment
from app.models.document_bundle import BundleForm, DocumentBundle, Lack
from app.roles import EXPORT
from app.services import access, address_label, bulk_user
from app.services import attachment as attachments
from app.services import document_bundle as bundles
from app.services.bulk_user import Starter
from app.services.document_bundle import Found
from app.tasks.registry import Work, handles

PDF = "application/pdf"
LIST = "list.csv"


@dataclass
class Parcel:
    """What is being put together: the files so far, and what is told of every record."""

    form: BundleForm
    folder: Path
    files: Path
    digits: int
    size: int = 0
    count: int = 0
    told: list[list[Any]] = field(default_factory=list)
    missing: list[list[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.binder = Binder(self.folder, most=bundles.MOST_BYTES[self.form])
        self.place = self.folder / "whole.zip"

    def add(self, rows: Sequence[tuple[int, int, Found | None]]) -> None:
        """Take records: where each stands in the list, its key, and what was found of it (None: it is gone)."""
        wanted = list(self._wanted(rows))
        if self.form is BundleForm.pdf:
            read = self.binder.add([(path, f"{found.name} · {file.name}") for _at, _key, found, file, path in wanted])
        else:
            read = self._packed(wanted)
        for is_in, (at, key, found, file, _path) in zip(read, wanted, strict=True):
            if is_in:
                self.count += 1
                self.told.append([at, found.name, file.name, file.sha256, None])
            else:
                self._lacks(at, key, found.name, Lack.broken)

    def _wanted(
        self, rows: Sequence[tuple[int, int, Found | None]]
    ) -> Iterator[tuple[int, int, Found, Attachment, Path]]:
        for at, key, found in rows:
            if found is None:
                self._lacks(at, key, None, Lack.gone)
                continue
            if not found.files:
                self._lacks(at, key, found.name, Lack.none)
            for file in found.files:
                path = attachments.place_of(file.sha256, files=self.files)
                if not path.is_file():
                    self._lacks(at, key, found.name, Lack.lost)
                elif self.form is BundleForm.pdf and file.media_type != PDF:
                    self._lacks(at, key, found.name, Lack.kind)
                else:
                    self._weigh(file.size)
                    yield at, key, found, file, path

    def _weigh(self, size: int) -> None:
        self.size += size
        most = bundles.MOST_BYTES[self.form]
        if self.size > most:
            raise DomainError(_("These files have more than %(most)s MB together; choose fewer", most=most >> 20))

    def _lacks(self, at: int, key: int, name: str | None, why: Lack) -> None:
        self.missing.append([key, why.value])
        self.told.append([at, name, None, None, label_of(why)])

    def _packed(self, wanted: Sequence[tuple[int, int, Found, Attachment, Path]]) -> list[bool]:
        with zipfile.ZipFile(self.place, "a", zipfile.ZIP_DEFLATED) as packed:
            for number, (_at, _key, _found, file, path) in enumerate(wanted, start=self.count + 1):
                packed.write(path, f"{number:0{self.digits}} {attachments.portable_name(file.name)}")
        return [True] * len(wanted)

    def whole(self, language: str) -> Path:
        """Return the file that comes of it; a ZIP has a list of everything that was asked for."""
        if not self.count:
            raise DomainError(_("None of these records has a file that can be taken along"))
        if self.form is BundleForm.pdf:
            return self.binder.whole()
        heads = [_("Number"), _("Record"), _("File"), "SHA-256", _("Why it is missing")]
        rows = sorted(self.told, key=lambda row: row[0])
        with zipfile.ZipFile(self.place, "a", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(LIST, b"".join(csv_chunks(heads, rows, language=language)))
        return self.place


@handles(bundles.TOPIC, lease=timedelta(minutes=10), limit=timedelta(hours=1))
def run(work: Work) -> None:
    """Put the files of a bundle together, with the rights that whoever asked has now; why not is said at the bundle."""
    with work.step() as session:
        bundle = access.get(session, DocumentBundle, work.record_id)
        if bundle is None or not bundle.begin(at=clock.now()):
            return
        bundle.done_rows = 0  # what a killed worker had put together is lost
        language = bundle.language
    with in_language(language):
        try:
            with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
                _made(work, Path(folder), language)
        except NotAllowed:
            _break_off(work, _("Whoever started this may not do it any more"))
        except DomainError as refusal:
            _break_off(work, str(refusal))


@handles(bundles.FORGET)
def forget(work: Work) -> None:
    """Throw the file of a bundle away whose day is over."""
    with work.storing() as session:
        bundle = access.get(session, DocumentBundle, work.record_id)
        if bundle is not None:
            bundles.forget(session, bundle, at=clock.now())


def _made(work: Work, folder: Path, language: str) -> None:
    with work.reading() as session:
        bundle = session.get_one(DocumentBundle, work.record_id)
        entity, keys, form, owner_id = bundle.entity, list(bundle.keys), bundle.form, bundle.owner_id
        if owner_id is None:
            raise NotAllowed(f"{entity}.{EXPORT}")  # nobody is left for whom it could be made
        by = bulk_user.starter(session, owner_id)
        by.require(session, entity, EXPORT)
    if form is BundleForm.labels:
        _labelled(work, by, folder)
        return
    parcel = Parcel(form, folder, work.settings["CRM_VAR"] / "files", len(str(len(keys))))
    for start in range(0, len(keys), bundles.PORTION):
        portion = list(enumerate(keys[start : start + bundles.PORTION], start=start + 1))
        parcel.add(_found(work, by, entity, portion))
        with work.step() as session:
            bundle = session.get_one(DocumentBundle, work.record_id)
            bundle.done_rows = portion[-1][0]
    _store(work, parcel, parcel.whole(language))


def _labelled(work: Work, by: Starter, folder: Path) -> None:
    """Make sheets of address labels, some sheets at a time; only the first begins in the middle of one."""
    with work.reading() as session:
        bundle = session.get_one(DocumentBundle, work.record_id)
        entity, keys, language, wish = bundle.entity, list(bundle.keys), bundle.language, dict(bundle.settings)
    sheet, start = labels.Sheet(wish["sheet"]), int(wish["start"])
    parcel = Parcel(BundleForm.labels, folder, work.settings["CRM_VAR"] / "files", 1)
    waiting: list[labels.Label] = []
    for begin in range(0, len(keys), bundles.PORTION):
        portion = keys[begin : begin + bundles.PORTION]
        with work.reading() as session, access.acting(session, by.actor):
            there = address_label.found(session, entity, portion, at=clock.now())
        for key in portion:
            one = there.get(key)
            if one is None or one.lack is not None:
                parcel.missing.append([key, (Lack.gone if one is None or one.lack is None else one.lack).value])
            else:
                waiting.append(labels.Label(one.lines, one.language, one.number))
        full = labels.PORTION - (start - 1) if begin + len(portion) < len(keys) else len(waiting)
        while waiting and len(waiting) >= full:
            some, waiting = waiting[:full], waiting[full:]
            place = folder / f"labels-{parcel.count}.pdf"
            made = labels.pdf(sheet, some, start=start, sender=wish.get("sender", ""), language=language)
            place.write_bytes(made)
            parcel.binder.add([(place, f"{parcel.count + 1}-{parcel.count + len(some)}")])
            parcel.count += len(some)
            start, full = 1, labels.PORTION if begin + len(portion) < len(keys) else len(waiting)
        with work.step() as session:
            session.get_one(DocumentBundle, work.record_id).done_rows = begin + len(portion)
    if not parcel.count:
        raise DomainError(_("None of these records has a postal address that letters may be sent to"))
    _store(work, parcel, parcel.binder.whole())


def _found(
    work: Work, by: Starter, entity: str, portion: Sequence[tuple[int, int]]
) -> list[tuple[int, int, Found | None]]:
    """Return what is there of some records, read as whoever asked reads; nothing stays open."""
    with work.reading() as session, access.acting(session, by.actor):
        there = bundles.found(session, entity, [key for _at, key in portion])
        session.expunge_all()
    return [(at, key, there.get(key)) for at, key in portion]


def _store(work: Work, parcel: Parcel, place: Path) -> None:
    with work.storing() as session, place.open("rb") as source:
        bundle = access.get(session, DocumentBundle, work.record_id)
        if bundle is None:
            return
        at = clock.now()
        file = attachments.store(
            session,
            source,
            files=parcel.files,
            name=f"{bundle.entity}-{bundle.id}.{'zip' if bundle.form is BundleForm.zip else 'pdf'}",
            media_type="application/zip" if bundle.form is BundleForm.zip else PDF,
            entity=DocumentBundle.__stem__,
            record_id=bundle.id,
            purpose=bundles.FILE,
            at=at,
            by_id=bundle.owner_id,
        )
        bundle.missing = parcel.missing
        bundles.keep(session, bundle, file, files=parcel.count, at=at)


def _break_off(work: Work, message: str) -> None:
    with work.storing() as session:
        bundle = access.get(session, DocumentBundle, work.record_id)
        if bundle is not None:
            bundle.break_off(at=clock.now(), message=message)
