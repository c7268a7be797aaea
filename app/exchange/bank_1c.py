"""Statements as Russian programs exchange them: 1CClientBankExchange, lines of «Ключ=Значение» in sections.

A document is booked on the account that the file is about: out where that account pays, in where it receives. One that
is not booked yet (no ДатаСписано and no ДатаПоступило) is taken by its own date, as older programs write them.
Source: 1С, "Формат обмена 1CClientBankExchange", versions 1.01 to 1.03.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from app.services.bank_entry import Entry, Parsed, Unreadable, amount_of, day_of, refuse_many

HEAD: Final = "1CClientBankExchange"
BEGINS: Final = {"СекцияРасчСчет": "account", "СекцияДокумент": "document"}
ENDS: Final = {"account": "КонецРасчСчет", "document": "КонецДокумента"}
_DAY = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})", re.ASCII)
Section = tuple[str, int, dict[str, str]]


def is_1c(content: bytes) -> bool:
    """Say whether a file is such an exchange."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(HEAD.encode())


def decoded(content: bytes) -> str:
    """Return the text of a file, which names its alphabet; UTF-8 is tried first."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        is_dos = re.search("Кодировка=DOS".encode("cp866"), content[:400], re.IGNORECASE)
        return content.decode("cp866" if is_dos else "cp1251", "replace")


def read(content: bytes) -> list[Parsed]:
    """Return the statements of a file, one for each account that it is about. Raises Unreadable."""
    found: dict[str, Parsed] = {}
    count = 0
    documents: list[Section] = []
    for kind, line, told in _sections(decoded(content)):
        if kind == "account":
            account = told.get("РасчСчет", "")
            if not account:
                raise Unreadable("missing", line=line, field="РасчСчет")
            _account(found.setdefault(account, Parsed(format="onec", account=account)), told, line)
        elif kind == "document":
            count += 1
            refuse_many(count, line=line)
            documents.append((kind, line, told))
        else:
            for account in told.get("РасчСчет", "").split("\n"):
                if account:
                    found.setdefault(account, Parsed(format="onec", account=account))
    if not found:
        raise Unreadable("missing", field="РасчСчет")
    for at, (_kind, line, told) in enumerate(documents, 1):
        _document(found, told, line, at)
    return [each.complete() for each in found.values()]


def _sections(text: str) -> Iterator[Section]:
    """Yield the head, the accounts and the documents, each with the line on which it begins."""
    kind, begun, told = "head", 1, dict[str, str]()
    for number, raw in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        line = raw.strip()
        key, _equals, value = line.partition("=")
        if key in BEGINS:
            if kind in ENDS:
                raise Unreadable("order", line=number, field=key)
            if kind == "head":
                yield kind, begun, told
            kind, begun, told = BEGINS[key], number, {}
        elif line in ENDS.values():
            if ENDS.get(kind) != line:
                raise Unreadable("order", line=number, field=line)
            yield kind, begun, told
            kind, told = "between", {}
        elif line == "КонецФайла" and kind not in ENDS:
            if kind == "head":
                yield kind, begun, told
            return
        elif line:
            _tell(told, kind, key.strip(), value.strip())
    raise Unreadable("cut", field="КонецФайла")


def _tell(told: dict[str, str], kind: str, key: str, value: str) -> None:
    """Take a value; a head may name several accounts."""
    again = key == "РасчСчет" and kind == "head" and key in told
    told[key] = f"{told[key]}\n{value}" if again else value


def _account(parsed: Parsed, told: dict[str, str], line: int) -> None:
    """Take balances and days of an account; several sections of one account follow each other."""
    first, last = told.get("НачальныйОстаток"), told.get("КонечныйОстаток")
    if first and parsed.opening is None:
        parsed.opening = amount_of(first.replace(",", "."), line=line, field="НачальныйОстаток")
    if last:
        parsed.closing = amount_of(last.replace(",", "."), line=line, field="КонечныйОстаток")
    begins, ends = _day(told, "ДатаНачала", line, 0), _day(told, "ДатаКонца", line, 0)
    parsed.from_on = min(filter(None, (parsed.from_on, begins)), default=None)
    parsed.until_on = max(filter(None, (parsed.until_on, ends)), default=None)


def _document(found: dict[str, Parsed], told: dict[str, str], line: int, at: int) -> None:
    payer, receiver = told.get("ПлательщикСчет", ""), told.get("ПолучательСчет", "")
    amount = amount_of(told.get("Сумма", "").replace(",", "."), line=line, entry=at, field="Сумма")
    if amount < 0:
        raise Unreadable("amount", line=line, entry=at, field="Сумма", value=told["Сумма"])
    if payer not in found and receiver not in found:
        raise Unreadable("account", line=line, entry=at, field="ПлательщикСчет", value=payer)
    for own, sign, booked, side in (
        (payer, -1, "ДатаСписано", "Получатель"),
        (receiver, 1, "ДатаПоступило", "Плательщик"),
    ):
        if own not in found:
            continue
        on = _day(told, booked, line, at) or _day(told, "Дата", line, at)
        if on is None:
            raise Unreadable("missing", line=line, entry=at, field=booked)
        name = told.get(f"{side}1") or told.get(side, "")
        found[own].entries.append(
            Entry(
                booked_on=on,
                value_on=_day(told, "Дата", line, at),
                amount=amount * sign,
                line=line,
                name=re.sub(r"^ИНН\s*\d{10,12}\s*", "", name),
                account=told.get(f"{side}Счет", ""),
                bank=told.get(f"{side}БИК") or told.get(f"{side}Банк1", ""),
                tax_number=told.get(f"{side}ИНН", ""),
                text=told.get("НазначениеПлатежа", ""),
                structured="" if told.get("Код", "") in {"", "0"} else told["Код"],
                end_to_end=told.get("Номер", ""),
                code=told.get("ВидОплаты", ""),
            )
        )


def _day(told: dict[str, str], field: str, line: int, at: int) -> date | None:
    text = told.get(field, "")
    if not text:
        return None
    found = _DAY.fullmatch(text)
    if found is None:
        raise Unreadable("date", line=line, entry=at, field=field, value=text)
    day, month, year = map(int, found.groups())
    return day_of(year, month, day, value=text, line=line, entry=at, field=field)
