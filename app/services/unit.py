"""Units: the known ones by code, and what a quantity in a unit may look like."""

from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.unit import KNOWN_UNITS, Unit
from app.money import within
from app.services.text import is_blank, line

PIECE = "C62"
_CODE_LENGTH = 3
_MOST_DECIMALS = 6
# Units that are not cut: of these nobody sells a half. All others may have three decimals.
_WHOLE = frozenset({PIECE, "SET", "PR", "XPK", "XBX", "LS"})
_USUAL_DECIMALS = 3


def save(session: Session, unit: Unit) -> None:
    """Bring a unit into its normal form and add it to the session. Raises DomainError at its field."""
    code = line(unit.code or "", limit=_CODE_LENGTH, field="code").upper()
    if not code.isalnum() or not code.isascii():
        raise DomainError(_("A unit needs its code of the list UN/ECE Rec 20, such as C62, KGM or HUR"), field="code")
    name = line(unit.name or "", limit=60, field="name")
    sign = line(unit.sign or "", limit=20, field="sign")
    if is_blank(name) and code not in KNOWN_UNITS:
        raise DomainError(_("This unit needs a name"), field="name")
    decimals = unit.decimals or 0
    if not 0 <= decimals <= _MOST_DECIMALS:
        raise DomainError(_("From 0 to %(most)s decimals are possible", most=_MOST_DECIMALS), field="decimals")
    unit.code, unit.name, unit.sign, unit.decimals = code, name or None, sign or None, decimals
    session.add(unit)


def known(session: Session, code: str = PIECE) -> Unit:
    """Return the unit with a code of the known ones, making it when it is not there yet."""
    unit = session.scalar(select(Unit).where(Unit.code == code))
    if unit is None:
        if code not in KNOWN_UNITS:
            raise ValueError(f"no known unit: {code}")
        unit = Unit(code=code, decimals=0 if code in _WHOLE else _USUAL_DECIMALS)
        session.add(unit)
        session.flush()
    return unit


def make_known(session: Session) -> list[Unit]:
    """Make all known units that are not there yet, and return all of them."""
    standing = {unit.code: unit for unit in session.scalars(select(Unit))}
    for code in KNOWN_UNITS:
        if code not in standing:
            standing[code] = Unit(code=code, decimals=0 if code in _WHOLE else _USUAL_DECIMALS)
            session.add(standing[code])
    session.flush()
    return [standing[code] for code in KNOWN_UNITS]


def refuse_parts(unit: Unit, quantity: Decimal, field: str | None = None) -> None:
    """Raise DomainError when a quantity has more decimals than its unit allows."""
    if not unit.decimals and quantity != quantity.to_integral_value():
        raise DomainError(_("“%(unit)s” is counted in whole numbers", unit=unit.label), field=field)
    within(quantity, (12, unit.decimals), field)
