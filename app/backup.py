"""One file with all of an installation: database, attachments and keys; and the automatic copies of the database.

The archive is a plain tar, readable by its owner only. Its last member, `manifest.json`, holds size and SHA-256 of
every other one and the revision of the schema: a file that was cut off or changed is refused before anything is
touched.
"""

import hashlib
import json
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sqlalchemy import URL, make_url

from app.dump import appearing, copy_database, is_empty, is_sqlite, member_for, restore_database, revision
from app.errors import DomainError
from app.i18n import gettext as _

FOLDERS = ("files", "keys")
ANCHORS = "anchors"  # of the chains: put back only where there are none, because later ones show what is missing
_MANIFEST = "manifest.json"
_FORMAT = 1
_AUTOMATIC = "auto-"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What an archive says about itself.

    Shape: `members` maps a name to (size in bytes, SHA-256 in hex).
    """

    dialect: str
    revision: str | None
    made_at: datetime
    members: dict[str, tuple[int, str]]

    def to_json(self) -> bytes:
        """Return the manifest as it is stored, with a checksum over itself."""
        body: dict[str, Any] = {
            "format": _FORMAT,
            "dialect": self.dialect,
            "revision": self.revision,
            "made_at": self.made_at.astimezone(UTC).isoformat(),
            "members": {name: {"size": size, "sha256": digest} for name, (size, digest) in self.members.items()},
        }
        return json.dumps(body | {"sha256": _digest_of(body)}, indent=1, sort_keys=True).encode()

    @classmethod
    def from_json(cls, raw: bytes) -> "Manifest":
        """Read a stored manifest.

        Raises DomainError when it is damaged or of a later format.
        """
        try:
            body = json.loads(raw)
            digest = body.pop("sha256")
            if body["format"] != _FORMAT:
                raise DomainError(
                    _(
                        "The archive has format %(found)s, this program reads format %(known)s",
                        found=body["format"],
                        known=_FORMAT,
                    )
                )
            if digest != _digest_of(body):
                raise DomainError(_("The archive is damaged: its manifest was changed"))
            return cls(
                dialect=body["dialect"],
                revision=body["revision"],
                made_at=datetime.fromisoformat(body["made_at"]),
                members={name: (part["size"], part["sha256"]) for name, part in body["members"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise DomainError(_("The archive is damaged: its manifest cannot be read")) from problem


def _digest_of(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def automatic_name(at: datetime, url: str | URL) -> str:
    """Return the name for an automatic copy: "auto-20260331T120000Z.sqlite"; names sort by age."""
    return f"{_AUTOMATIC}{at.astimezone(UTC):%Y%m%dT%H%M%SZ}{Path(member_for(make_url(url))).suffix}"


def keep_last(folder: Path, count: int) -> list[Path]:
    """Remove all automatic copies but the newest `count`; return the removed ones, oldest first."""
    copies = sorted(path for path in folder.glob(f"{_AUTOMATIC}*") if path.is_file())
    old = copies[: max(len(copies) - count, 0)]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def backup(var: Path, url: str | URL, to: Path, *, at: datetime) -> Manifest:
    """Write one archive with a copy of the database, files, keys and anchors; it appears only when complete.

    The database is copied first: files are stored before the rows that name them, so none is missing.
    """
    place = make_url(url)
    member = member_for(place)
    members: dict[str, tuple[int, str]] = {}
    with appearing(to) as fresh:
        copy = fresh.with_name(fresh.name + ".database")
        try:
            copy_database(place, copy)
            with fresh.open("wb") as raw, tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
                members[member] = _add(archive, member, copy, at)
                for name, path in _files(var):
                    with suppress(FileNotFoundError):  # removed while we were reading the others
                        members[name] = _add(archive, name, path, at)
                schema = revision(URL.create("sqlite", database=str(copy)) if is_sqlite(place) else place)
                manifest = Manifest(place.get_backend_name(), schema, at, members)
                text = manifest.to_json()
                archive.addfile(_header(_MANIFEST, len(text), at), BytesIO(text))
        finally:
            copy.unlink(missing_ok=True)
    return manifest


def verify(archive: Path) -> Manifest:
    """Read an archive from end to end and return what it says about itself.

    Raises DomainError when it is damaged, incomplete, or holds a name that leads elsewhere.
    """
    return _read(archive, None)


def restore(archive: Path, var: Path, url: str | URL, *, force: bool = False) -> Manifest:
    """Put an archive in the place of an installation that does not run; on an error everything is as before.

    Raises DomainError when the archive is damaged or of another kind of database, and, unless `force`, when the
    database, var/files or var/keys hold something.
    """
    place = make_url(url)
    if not force:
        _refuse_filled(var, place)
    var.mkdir(parents=True, exist_ok=True)
    staging = var / f".restore-{secrets.token_hex(6)}"
    staging.mkdir(mode=0o700)
    try:
        manifest = _read(archive, staging)
        if manifest.dialect != place.get_backend_name():
            raise DomainError(
                _(
                    "The archive is of %(theirs)s, the database here is %(ours)s",
                    theirs=manifest.dialect,
                    ours=place.get_backend_name(),
                )
            )
        with _swapped(var, staging):
            restore_database(place, staging / member_for(place))
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


def _refuse_filled(var: Path, place: URL) -> None:
    if not is_empty(place):
        raise DomainError(_("The database here is not empty"))
    for name in FOLDERS:
        if (var / name).is_dir() and any((var / name).iterdir()):
            raise DomainError(_("The folder %(name)s here is not empty", name=name))


@contextmanager
def _swapped(var: Path, staging: Path) -> Iterator[None]:
    """Put the staged folders in place; take that back when the block fails."""
    put: list[Path] = []
    set_aside: list[tuple[Path, Path]] = []
    try:
        if (staging / ANCHORS).is_dir() and not (var / ANCHORS).exists():
            (staging / ANCHORS).rename(var / ANCHORS)
            put.append(var / ANCHORS)
        for name in FOLDERS:
            place, aside = var / name, staging / f"{name}.before"
            if place.exists():
                place.rename(aside)
                set_aside.append((aside, place))
            staged = staging / name
            staged.mkdir(mode=0o700, exist_ok=True)
            staged.rename(place)
            put.append(place)
        yield
    except BaseException:
        for place in put:
            shutil.rmtree(place, ignore_errors=True)
        for aside, place in set_aside:
            aside.rename(place)
        raise


def _files(var: Path) -> Iterator[tuple[str, Path]]:
    """Yield member name and path of every regular file below files, keys and anchors, in a fixed order."""
    for folder in (*FOLDERS, ANCHORS):
        for path in sorted((var / folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(var).as_posix(), path


def _header(name: str, size: int, at: datetime) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o600
    info.mtime = int(at.timestamp())
    return info


class _Hashing:
    """A file that remembers the digest of what was read from it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._sha = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        self._sha.update(chunk)
        return chunk

    def hexdigest(self) -> str:
        return self._sha.hexdigest()


def _add(archive: tarfile.TarFile, name: str, path: Path, at: datetime) -> tuple[int, str]:
    with path.open("rb") as source:
        size = os.fstat(source.fileno()).st_size
        hashing = _Hashing(source)
        archive.addfile(_header(name, size, at), hashing)
    return size, hashing.hexdigest()


def _read(archive: Path, staging: Path | None) -> Manifest:
    """Check every member against the manifest; with `staging`, leave the members there."""
    seen: dict[str, tuple[int, str]] = {}
    manifest: Manifest | None = None
    try:
        with tarfile.open(archive, mode="r:") as tar:
            for info in tar:
                if manifest is not None:
                    raise DomainError(_("The archive is damaged: something follows its manifest"))
                source = tar.extractfile(info) if info.isreg() else None
                if source is None or info.name in seen or not _is_ours(info.name):
                    raise DomainError(_("The archive holds what does not belong there: %(name)s", name=repr(info.name)))
                if info.name == _MANIFEST:
                    manifest = Manifest.from_json(source.read())
                else:
                    seen[info.name] = _take(source, None if staging is None else staging / info.name)
    except FileNotFoundError as problem:
        raise DomainError(_("There is no archive %(path)s", path=archive)) from problem
    except (tarfile.TarError, EOFError, FileExistsError, NotADirectoryError) as problem:
        raise DomainError(_("The archive is damaged: %(what)s", what=problem)) from problem
    if manifest is None:
        raise DomainError(_("The archive is damaged: it has no manifest, its end is missing"))
    wrong = sorted(name for name in seen.keys() | manifest.members if seen.get(name) != manifest.members.get(name))
    if wrong:
        raise DomainError(_("The archive is damaged: %(what)s", what=", ".join(wrong[:3])))
    return manifest


def _is_ours(name: str) -> bool:
    """Say whether a member's name is one that `backup` writes and leads nowhere else."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or path.as_posix() != name:
        return False
    if name in {_MANIFEST, "database.sqlite", "database.dump"}:
        return True
    return len(path.parts) > 1 and path.parts[0] in {*FOLDERS, ANCHORS}


def _take(source: IO[bytes], to: Path | None) -> tuple[int, str]:
    sha, size = hashlib.sha256(), 0
    target = None
    if to is not None:
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        while chunk := source.read(_CHUNK):
            sha.update(chunk)
            size += len(chunk)
            if target is not None:
                target.write(chunk)
    finally:
        if target is not None:
            target.close()
    return size, sha.hexdigest()
