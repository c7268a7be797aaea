"""The pages of a PDF of ours as pictures."""

import io
import threading
from dataclasses import dataclass
from typing import Final

import pypdfium2

WIDTH: Final = 1000  # pixels of a page
_ONE_AT_A_TIME: Final = threading.Lock()  # the library does not stand two threads


@dataclass(frozen=True)
class Pages:
    """The first pages as PNG, and how many the document has."""

    pictures: tuple[bytes, ...]
    count: int


def pages_of(pdf: bytes, *, most: int, width: int = WIDTH) -> Pages:
    """Return at most so many pages of a document, each so many pixels wide."""
    with _ONE_AT_A_TIME:
        document = pypdfium2.PdfDocument(pdf)
        try:
            count = len(document)
            return Pages(tuple(_picture(document[at], width) for at in range(min(count, most))), count)
        finally:
            document.close()


def _picture(page: pypdfium2.PdfPage, width: int) -> bytes:
    bitmap = page.render(scale=(width - 0.5) / page.get_width())  # it is rounded up
    try:
        target = io.BytesIO()
        bitmap.to_pil().save(target, format="PNG")
    finally:
        bitmap.close()
        page.close()
    return target.getvalue()
