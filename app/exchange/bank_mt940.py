"""Statements as SWIFT messages: MT940, with the field :86: as ING, Rabobank, ABN AMRO and German banks fill it.

Written here although a well-kept library reads the same: it passes over a line that it does not understand, takes a day
that is none for another one and names no line of the file; of a company's money nothing may be passed over.
Source: SWIFT Standards MT, category 9; for :86: the format descriptions of the Dutch banks and of the German ones.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from app.services.bank_entry import Entry, Parsed, Unreadable, amount_of, day_of, refuse_many

KNOWN: Final = frozenset(
    {"20", "21", "13D", "25", "25P", "28", "28C", "60F", "60M", "61", "86", "62F", "62M", "64", "65", "NS"}
)
_TAG = re.compile(r":(\d\d[A-Z]?|NS):(.*)", re.DOTALL)
_LINE = re.compile(r"(\d{6})(\d{4})?(R?[CD])([A-Z])?(\d{1,14},\d{0,4})([A-Z][A-Z0-9]{3})(.*?)(?://(.*))?", re.ASCII)
_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})(\d{1,14},\d{0,4})", re.ASCII)
_ACCOUNT = re.compile(r"(?:[A-Z0-9]{8,11}/)?([A-Z0-9 .-]{5,34}?)(?:\s?([A-Z]{3}))?", re.ASCII)
_KEYS = (
    "ACCW|ADDR|BENM|BIC|BO1|BUSP|CDTRREF|CDTRREFTP|CHGS|CNTP|CREF|CSID|DACC|EREF|EXCH|IBAN|ID|IREF|ISDT|KREF|MARF|NAME"
    "|NRTX|OAMT|ORDP|PREF|PURP|REMI|RTRN|SUM|SVCL|SVWZ|TRCD|TRTP|ULTB|ULTC|ULTD|USTD|STRD"
)
_SLASHED = re.compile(rf"/({_KEYS})(?=/)")
FULL: Final = 27  # characters of a part that goes on in the next one
_GERMAN = re.compile(r"\d{3}\?")
_NOTHING = {"NONREF", "NOTPROVIDED", "NOTAVAILABLE"}


@dataclass
class Tag:
    """One field of a message with the line on which it begins."""

    name: str
    lines: list[str]
    line: int


def is_mt940(text: str) -> bool:
    """Say whether a file is such a message, as far as its beginning tells."""
    return bool(re.search(r"(?m)^\s*:20:", text[:2000])) and bool(re.search(r"(?m)^:60[FM]:", text[:20_000]))


def read(text: str) -> list[Parsed]:
    """Return the statements of a file. Raises Unreadable."""
    found: list[Parsed] = []
    parsed, entry, count = None, None, 0
    for tag in _tags(text):
        if tag.name == "20":
            parsed, entry = Parsed(format="mt940"), None
            found.append(parsed)
            continue
        if parsed is None:
            raise Unreadable("order", line=tag.line, field=f":{tag.name}:")
        if tag.name == "61":
            count += 1
            refuse_many(count, line=tag.line)
            entry = _entry(tag, count)
            parsed.entries.append(entry)
        elif tag.name == "86" and entry is not None:
            parsed.entries[-1] = entry = _told(entry, tag.lines)
        else:
            entry = None if tag.name.startswith("62") else entry
            _head(parsed, tag)
    for each in found:
        if not each.account or each.opening is None or each.closing is None:
            missing = ":25:" if not each.account else ":60F:" if each.opening is None else ":62F:"
            raise Unreadable("missing", field=missing)
    return [each.complete() for each in found]


def _tags(text: str) -> Iterator[Tag]:
    """Yield the fields; blocks around a message and its end are passed over."""
    tag: Tag | None = None
    for number, raw in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        line = re.sub(r"^(?:\{[1235]:[^}]*\})*\{4:", "", raw).removesuffix("-}") if "{" in raw or "}" in raw else raw
        began = _TAG.fullmatch(line.strip("\x01\x03"))
        if began is not None:
            if tag is not None:
                yield tag
            if began.group(1) not in KNOWN:
                raise Unreadable("tag", line=number, field=f":{began.group(1)}:", value=began.group(2))
            tag = Tag(began.group(1), [began.group(2).rstrip()], number)
        elif line.strip() in {"", "-"} or line.startswith("{"):
            continue
        elif tag is None:
            if number > 20:  # noqa: PLR2004 -- lines of a bank's own before the first message
                raise Unreadable("order", line=number, value=line)
        else:
            tag.lines.append(line.rstrip())
    if tag is not None:
        yield tag


def _head(parsed: Parsed, tag: Tag) -> None:
    told = tag.lines[0].strip()
    if tag.name in {"25", "25P"}:
        found = _ACCOUNT.fullmatch(told)
        if found is None:
            raise Unreadable("account", line=tag.line, field=":25:", value=told)
        parsed.account = re.sub(r"[ .-]", "", found.group(1))
    elif tag.name in {"28", "28C"}:
        parsed.number = told
    elif tag.name in {"60F", "60M", "62F", "62M"}:
        amount, currency, day = _balance(tag)
        if parsed.currency and currency != parsed.currency:
            raise Unreadable("currency", line=tag.line, field=f":{tag.name}:", value=currency)
        parsed.currency = currency
        if tag.name.startswith("60"):
            parsed.opening = amount
        else:
            parsed.closing, parsed.until_on = amount, day


def _balance(tag: Tag) -> tuple[Decimal, str, date]:
    field = f":{tag.name}:"
    found = _BALANCE.fullmatch(tag.lines[0].strip())
    if found is None:
        raise Unreadable("balance", line=tag.line, field=field, value=tag.lines[0])
    sign, day, currency, number = found.groups()
    amount = amount_of(number.replace(",", "."), line=tag.line, field=field)
    when = _day(day, tag)
    return amount if sign == "C" else -amount, currency, when


def _entry(tag: Tag, at: int) -> Entry:
    found = _LINE.fullmatch(tag.lines[0].strip())
    if found is None:
        raise Unreadable("entry", line=tag.line, entry=at, field=":61:", value=tag.lines[0])
    day, booked, mark, _funds, number, code, customer, bank = found.groups()
    amount = amount_of(number.replace(",", "."), line=tag.line, entry=at, field=":61:")
    value_on = _day(day, tag, at=at)
    booked_on = value_on
    if booked:
        # the day of booking has no year: the one that is nearest to the day of value
        years = [value_on.year + step for step in (0, -1, 1)]
        tried = [_day(f"{each % 100:02}{booked}", tag, at=at, strict=False) for each in years]
        booked_on = min(tried, key=lambda each: abs((each - value_on).days))
        if booked_on == date.max:
            raise Unreadable("date", line=tag.line, entry=at, field=":61:", value=booked)
    extra = tag.lines[1].strip() if len(tag.lines) > 1 else ""
    is_account = re.fullmatch(r"[A-Z]{2}\d\d[A-Z0-9]{10,30}|P?0*\d{5,20}", extra, re.ASCII)
    return Entry(
        booked_on=booked_on,
        value_on=value_on,
        amount=amount if mark in {"C", "RD"} else -amount,
        line=tag.line,
        code=code,
        reference="" if (bank or "").strip().upper() in _NOTHING else (bank or ""),
        end_to_end="" if customer.strip().upper() in _NOTHING | {"EREF", "PREF", "MARF"} else customer,
        account=extra if is_account else "",
        text="" if is_account or extra.startswith("/TRCD/") else extra,
    )


def _day(told: str, tag: Tag, *, at: int = 0, strict: bool = True) -> date:
    """Return the day of six digits, year first; a day that there is not in its year is far away unless `strict`."""
    year, month, day = told[:2], told[2:4], told[4:]
    century = 1900 if int(year) >= 90 else 2000  # noqa: PLR2004 -- statements before 1990 are not on computers
    try:
        return day_of(
            century + int(year), int(month), int(day), value=told, line=tag.line, entry=at, field=f":{tag.name}:"
        )
    except Unreadable:
        if strict:
            raise
        return date.max  # the 29th of February of a year without one


def _told(entry: Entry, lines: list[str]) -> Entry:
    """Return an entry with what its field :86: says."""
    first = lines[0]
    if _GERMAN.match(first):
        return _with(entry, **_german("".join(lines)))
    if _SLASHED.search("".join(lines)):
        return _with(entry, **_slashed("".join(lines)))
    return _with(entry, text=" ".join(lines))


def _with(entry: Entry, **told: str) -> Entry:
    """Return an entry with what is told put in; words of both places stay."""
    kept = {name: value for name, value in told.items() if value.strip()}
    if entry.text and kept.get("text"):
        kept["text"] = f"{entry.text} {kept['text']}"
    return Entry(**{**vars(entry), **kept})


def _slashed(text: str) -> dict[str, str]:
    """Read /EREF/…/CNTP/account/bank/name/city/REMI/…: the way of the Dutch banks."""
    parts = _SLASHED.split(text)
    found: dict[str, str] = {}
    for key, value in zip(parts[1::2], parts[2::2], strict=True):
        told = value.removeprefix("/") if key == "CNTP" else value.strip("/ ")
        found[key] = f"{found[key]} {told}" if key in found else told
    said = {
        "end_to_end": found.get("EREF", ""),
        "account": found.get("IBAN", ""),
        "bank": found.get("BIC", ""),
        "name": found.get("NAME", ""),
        "text": " ".join(filter(None, (found.get("REMI", ""), found.get("USTD", ""), found.get("SVWZ", "")))),
        "structured": found.get("CDTRREF", ""),
    }
    if "CNTP" in found:
        account, bank, name = [*found["CNTP"].split("/"), "", "", ""][:3]
        said |= {"account": account, "bank": bank, "name": name}
    if "STRD" in found:
        said["structured"] = found["STRD"].strip("/").rpartition("/")[2] or said["structured"]
    if said["end_to_end"].upper() in _NOTHING:
        said["end_to_end"] = ""
    said["text"] = said["text"] or found.get("TRTP", "")
    return said


def _german(text: str) -> dict[str, str]:
    """Read 166?00…?20…?30bank?31account?32name: the way of German banks."""
    words: dict[str, list[str]] = {"text": [], "name": [], "bank": [], "account": []}
    for part in text.split("?")[1:]:
        number, value = part[:2], part[2:]
        if "20" <= number <= "29" or "60" <= number <= "63":
            words["text"].append(value if len(value) == FULL else f"{value} ")
        elif number in {"30", "31"}:
            words["bank" if number == "30" else "account"].append(value)
        elif number in {"32", "33"}:
            words["name"].append(value)
    told = {name: "".join(each) for name, each in words.items()}
    found = re.search(r"EREF\+(\S+)", told["text"])
    return told | {"end_to_end": found.group(1) if found else ""}
