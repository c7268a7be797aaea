"""Taxes on sales: category, rate and the days on which they are law."""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, Date, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Choice, Rate
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.base import Entity
from app.money import TaxCategory

label(
    TaxCategory,
    standard=_l("Taxed"),
    zero_rated=_l("Zero rate"),
    exempt=_l("Exempt from tax"),
    reverse_charge=_l("Reverse charge"),
    intra_community=_l("Supply within the EU"),
    export=_l("Export"),
    outside_scope=_l("Outside the scope of tax"),
)

# Categories whose documents must say why no tax is charged. Source: EN 16931, BR-E-10, BR-AE-10, BR-IC-10, BR-G-10,
# BR-O-10.
EXPLAINED = frozenset(
    {
        TaxCategory.exempt,
        TaxCategory.reverse_charge,
        TaxCategory.intra_community,
        TaxCategory.export,
        TaxCategory.outside_scope,
    }
)


class Tax(Entity):
    """One tax as a line of a document names it.

    `code` joins the successive rates of the same tax in a country ("standard": 20 % until a day, 22 % from the
    next). Units: the rate is a fraction, 21 % is 0.21; both days are included.
    """

    __tablename__ = "tax"
    __stem__ = "tax"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("valid_until IS NULL OR valid_from IS NULL OR valid_until >= valid_from", name="days_in_order"),
        CheckConstraint("(category = 'S') = (rate > 0)", name="rate_fits_category"),
    )

    name: Mapped[str] = mapped_column(String(120))
    country: Mapped[str] = mapped_column(String(2), index=True, info={"of": "country"})
    code: Mapped[str] = mapped_column(String(30))
    category: Mapped[TaxCategory] = mapped_column(Choice(TaxCategory, 2), default=TaxCategory.standard)
    rate: Mapped[Decimal] = mapped_column(Rate(), default=Decimal(0))
    valid_from: Mapped[date | None] = mapped_column(Date())
    valid_until: Mapped[date | None] = mapped_column(Date())
    exemption_text: Mapped[str | None] = mapped_column(Text())

    def __str__(self) -> str:
        return self.name

    def is_valid_on(self, day: date) -> bool:
        """Say whether the tax is law on a day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )
