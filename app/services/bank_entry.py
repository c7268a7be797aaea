"""What a bank's file says, whatever its format: statements with their entries, and why a file cannot be read.

It knows nothing of the product, so that the program that reads files can use it alone.
"""

import re
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

MOST_ENTRIES: Final = 5_000  # of one file
LONGEST: Final = {
    "name": 250,
    "account": 34,
    "bank": 120,
    "tax_number": 32,
    "text": 1_000,
    "end_to_end": 64,
    "reference": 64,
    "structured": 64,
    "code": 60,
}
_AMOUNT = re.compile(r"([+-]?)(\d{1,14})(?:\.(\d{0,4})0*)?", re.ASCII)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff\ud800-\udfff\ufffe\uffff]+")


class Unreadable(Exception):
    """A file cannot be read: `code` says why, `line` and `entry` count from one, `field` is the file's own name."""

    def __init__(self, code: str, *, line: int = 0, entry: int = 0, field: str = "", value: str = "") -> None:
        super().__init__(code)
        self.about: dict[str, Any] = {
            "code": code,
            "line": line,
            "entry": entry,
            "field": field[:40],
            "value": tidy(value, 60),
        }


@dataclass(kw_only=True)
class Entry:
    """One booking on an account.

    Units: `amount` in the statement's currency, below zero where money went out. `line` is where it begins in the file.
    """

    booked_on: date
    amount: Decimal
    line: int = 0
    value_on: date | None = None
    name: str = ""
    account: str = ""
    bank: str = ""
    tax_number: str = ""
    text: str = ""
    end_to_end: str = ""
    reference: str = ""
    structured: str = ""
    code: str = ""

    def __post_init__(self) -> None:
        for name, longest in LONGEST.items():
            setattr(self, name, tidy(getattr(self, name), longest))


@dataclass(kw_only=True)
class Parsed:
    """One statement of one account; what its file does not say is empty or None."""

    format: str
    account: str = ""
    currency: str = ""
    number: str = ""
    opening: Decimal | None = None
    closing: Decimal | None = None
    from_on: date | None = None
    until_on: date | None = None
    entries: list[Entry] = field(default_factory=list)

    def complete(self) -> "Parsed":
        """Return itself with its days, from its entries where the file names none."""
        days = [each.booked_on for each in self.entries]
        self.from_on = self.from_on or (min(days) if days else self.until_on)
        self.until_on = self.until_on or (max(days) if days else self.from_on)
        self.number, self.account = tidy(self.number, 60), tidy(self.account, 34)
        return self

    def told(self) -> dict[str, Any]:
        """Return it as JSON can carry it."""
        found: dict[str, Any] = _plain(asdict(self))
        return found

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Parsed":
        """Return it from what `told` made."""
        entries = [
            Entry(**{**each, "amount": Decimal(each["amount"]), **_days(each, "booked_on", "value_on")})
            for each in told["entries"]
        ]
        numbers = {name: None if told[name] is None else Decimal(told[name]) for name in ("opening", "closing")}
        return cls(**{**told, **numbers, **_days(told, "from_on", "until_on"), "entries": entries})


def tidy(text: str, longest: int) -> str:
    """Return a text on one line, without what cannot be seen, cut to a length."""
    return " ".join(_UNSEEN.sub(" ", text).split())[:longest].rstrip()


def amount_of(text: str, **place: Any) -> Decimal:  # noqa: ANN401 -- where it stands: line, entry, field
    """Return an amount written with a point and without groups. Raises Unreadable for anything else."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise Unreadable("amount", value=text, **place)
    sign, whole, cents = found.groups()
    return Decimal(f"{sign}{whole}.{cents or '0'}").quantize(Decimal("0.0001"))


def day_of(year: int, month: int, day: int, *, value: str, **place: Any) -> date:  # noqa: ANN401
    """Return a day between 1990 and 2100. Raises Unreadable for one that is none."""
    try:
        found = date(year, month, day)
    except ValueError:
        raise Unreadable("date", value=value, **place) from None
    if not 1990 <= found.year <= 2100:  # noqa: PLR2004 -- said above
        raise Unreadable("date", value=value, **place)
    return found


def refuse_many(entries: int, **place: Any) -> None:  # noqa: ANN401
    """Raise Unreadable for more entries than one file may have."""
    if entries > MOST_ENTRIES:
        raise Unreadable("many", value=str(MOST_ENTRIES), **place)


def _plain(value: Any) -> Any:  # noqa: ANN401 -- what JSON carries
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, date | Decimal) else value


def _days(told: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: None if told[name] is None else date.fromisoformat(told[name]) for name in names}
