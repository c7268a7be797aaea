"""Is there anything to prepare? A stamp answers without building the application, so that a second start is quick."""

import hashlib
from pathlib import Path

from sqlalchemy.engine import make_url

ROOT = Path(__file__).resolve().parent.parent


def mark(url: str) -> str:
    """Return a hash over the program's files and the database's address."""
    digest = hashlib.sha256(url.encode())
    for folder in ("app", "migrations"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            about = path.stat()
            digest.update(f"{path.relative_to(ROOT)} {about.st_mtime_ns} {about.st_size}\n".encode())
    return digest.hexdigest()


def _stamp(var: Path, url: str) -> Path:
    return var / f".ready-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def is_ready(var: Path, url: str) -> bool:
    """Say whether this very program has prepared this very database before."""
    place = make_url(url)
    if place.get_backend_name() == "sqlite" and not Path(place.database or "").is_file():
        return False
    stamp = _stamp(var, url)
    return stamp.is_file() and stamp.read_text() == mark(url)


def note(var: Path, url: str) -> None:
    """Leave the stamp."""
    var.mkdir(parents=True, exist_ok=True)
    _stamp(var, url).write_text(mark(url))


def forget(var: Path) -> None:
    """Remove the stamps: what lies in the database now was not prepared by this program."""
    for stamp in var.glob(".ready-*"):
        stamp.unlink(missing_ok=True)
