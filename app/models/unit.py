"""Units in which goods and services are counted, by their codes of UN/ECE Recommendation 20."""

from typing import Any

from sqlalchemy import CheckConstraint, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.i18n import lazy_gettext as _l
from app.models.base import Entity

# Units whose names the product knows in all its languages: code → (name, sign on documents).
# Source: UN/ECE Recommendation 20 (Codes for Units of Measure Used in International Trade); with an X in front, the
# packages of Recommendation 21.
KNOWN_UNITS: dict[str, tuple[Any, Any]] = {
    "C62": (_l("Piece"), _l("pcs")),
    "SET": (_l("Set"), _l("set")),
    "PR": (_l("Pair"), _l("pair")),
    "XPK": (_l("Package"), _l("pkg")),
    "XBX": (_l("Box"), _l("box")),
    "KGM": (_l("Kilogram"), _l("kg")),
    "GRM": (_l("Gram"), _l("g")),
    "TNE": (_l("Tonne"), _l("t")),
    "MTR": (_l("Metre"), _l("m")),
    "CMT": (_l("Centimetre"), _l("cm")),
    "MMT": (_l("Millimetre"), _l("mm")),
    "KMT": (_l("Kilometre"), _l("km")),
    "MTK": (_l("Square metre"), _l("m²")),
    "MTQ": (_l("Cubic metre"), _l("m³")),
    "LTR": (_l("Litre"), _l("l")),
    "MIN": (_l("Minute"), _l("min")),
    "HUR": (_l("Hour"), _l("h")),
    "DAY": (_l("Day"), _l("day")),
    "WEE": (_l("Week"), _l("week")),
    "MON": (_l("Month"), _l("month")),
    "ANN": (_l("Year"), _l("year")),
    "KWH": (_l("Kilowatt hour"), _l("kWh")),
    "E49": (_l("Working day"), _l("working day")),
    "LS": (_l("Lump sum"), _l("lump sum")),
}


class Unit(Entity):
    """A unit of quantities.

    `name` and `sign` are given only where ours should say something else than the known names, or for a code that
    is not among them. Units: `decimals` is how many decimals a quantity may have.
    """

    __tablename__ = "unit"
    __stem__ = "unit"
    __table_args__ = (
        CheckConstraint("length(trim(code)) > 0", name="code_filled"),
        CheckConstraint("decimals BETWEEN 0 AND 6", name="decimals_range"),
    )

    code: Mapped[str] = mapped_column(String(3), unique=True)
    name: Mapped[str | None] = mapped_column(String(60))
    sign: Mapped[str | None] = mapped_column(String(20))
    decimals: Mapped[int] = mapped_column(Integer, default=0)

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """Return the name in the reader's language."""
        return self.name or str(KNOWN_UNITS.get(self.code, (self.code,))[0])

    @property
    def short(self) -> str:
        """Return what stands behind a quantity on documents, in the reader's language."""
        return self.sign or self.name or str(KNOWN_UNITS.get(self.code, (self.code, self.code))[1])
