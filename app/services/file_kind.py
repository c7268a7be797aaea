"""What a file is by how it begins, and which files are not kept, by whatever door they come."""

from pathlib import PurePosixPath

_SIGNS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
SHOWN = frozenset({*_SIGNS.values(), "image/webp"})  # what a browser may show; everything else is kept as a file
PROGRAMS = frozenset(
    {
        *(".bat", ".cmd", ".com", ".cpl", ".dll", ".exe", ".hta", ".jar", ".js", ".jse", ".lnk", ".msi", ".pif"),
        *(".ps1", ".reg", ".scr", ".url", ".vb", ".vbe", ".vbs", ".wsf"),
    }
)


def media_type_of(head: bytes) -> str:
    """Return what a file is by its first sixteen bytes, whatever its sender says of it."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for sign, kind in _SIGNS.items() if head.startswith(sign)), "application/octet-stream")


def is_program(name: str) -> bool:
    """Say whether a file's name is that of a program; blanks and dots at its end hide nothing."""
    return PurePosixPath(name.rstrip(" .")).suffix.lower() in PROGRAMS
