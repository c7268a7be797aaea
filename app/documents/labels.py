"""Address labels on sheets that are sold for it, as PDF."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.documents import engine
from app.i18n import gettext as _
from app.i18n import in_language, label
from app.i18n import lazy_gettext as _l

TEMPLATE, STYLE = "labels.html", "labels.css"
PORTION: Final = 480  # labels of one piece of a file
_A4: Final = (210.0, 297.0)


class Sheet(StrEnum):
    """A sheet of labels, as it is sold: columns by rows, and the size of a label in millimetres."""

    three_by_seven = "3x7"
    three_by_eight = "3x8"
    two_by_seven = "2x7"
    two_by_four = "2x4"


label(
    Sheet,
    three_by_seven=_l("21 on a sheet, 3 × 7, 63.5 × 38.1 mm"),
    three_by_eight=_l("24 on a sheet, 3 × 8, 70 × 37 mm"),
    two_by_seven=_l("14 on a sheet, 2 × 7, 99.1 × 38.1 mm"),
    two_by_four=_l("8 on a sheet, 2 × 4, 99.1 × 67.7 mm"),
)


@dataclass(frozen=True)
class Shape:
    """How a sheet of A4 is cut. Units: millimetres; `gap` is between the columns, `pitch` from label to label."""

    columns: int
    rows: int
    width: float
    height: float
    gap: float = 0.0

    @property
    def count(self) -> int:
        """Return how many labels a sheet has."""
        return self.columns * self.rows

    def place(self, position: int) -> tuple[float, float]:
        """Return where a label lies, from the left and from above; positions begin at 0 and go row by row."""
        row, column = divmod(position, self.columns)
        left = (_A4[0] - self.columns * self.width - (self.columns - 1) * self.gap) / 2
        return left + column * (self.width + self.gap), (_A4[1] - self.rows * self.height) / 2 + row * self.height


SHAPES: Final = {
    Sheet.three_by_seven: Shape(3, 7, 63.5, 38.1, 2.5),
    Sheet.three_by_eight: Shape(3, 8, 70.0, 37.0),
    Sheet.two_by_seven: Shape(2, 7, 99.1, 38.1, 2.5),
    Sheet.two_by_four: Shape(2, 4, 99.1, 67.7, 2.5),
}


@dataclass(frozen=True)
class Label:
    """What stands on one label: the lines of the address, and the number of the letter that it belongs to."""

    lines: Sequence[str]
    language: str = "en"
    number: int | None = None


def pdf(sheet: Sheet, labels: Sequence[Label], *, start: int, sender: str, language: str) -> bytes:
    """Return sheets of labels; the first label is put at the position `start`, counted from 1.

    Raises engine.DocumentError when they cannot be made, ValueError for a position that the sheet has not.
    """
    shape = SHAPES[sheet]
    if not 1 <= start <= shape.count:
        raise ValueError("the sheet has no such position")
    told = [
        {"lines": list(one.lines), "language": one.language, "number": one.number, "sender": sender} for one in labels
    ]
    cells = [None] * (start - 1) + told
    with in_language(language):
        title = _("Address labels")
    sheets = [cells[first : first + shape.count] for first in range(0, len(cells), shape.count)]
    data = {"title": title, "sheets": sheets, "sheet_style": _style(shape)}
    return engine.render(TEMPLATE, data, language=language, styles=(STYLE,))


def _style(shape: Shape) -> str:
    places = (shape.place(position) for position in range(shape.count))
    return (
        "@page { size: A4; margin: 0 } "
        f".sheet {{ width: {_A4[0]}mm; height: {_A4[1] - 0.5}mm }} "
        f".label {{ width: {shape.width}mm; height: {shape.height}mm }} "
        + " ".join(
            f".label:nth-child({number}) {{ left: {left:.2f}mm; top: {top:.2f}mm }}"
            for number, (left, top) in enumerate(places, 1)
        )
    )
