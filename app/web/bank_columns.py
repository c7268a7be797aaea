"""The columns of a bank's table: what they seem to hold, and the form in which one says what they do."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wtforms import IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.exchange.bank_csv import DATES, DELIMITERS, ENCODINGS
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.web.crm_form import CrmForm

MOST_SKIPPED = 30
OUT = "Af, Debit, Debet, D, DBIT, Дебет, Расход, Դեբետ, Ելք"
ENCODED = {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252", "cp1251": "Windows-1251", "utf-16": "UTF-16"}
FIELDS: Mapping[str, Any] = {
    "booked_on": _l("Booked on"),
    "value_on": _l("Value date"),
    "amount": _l("Amount"),
    "credit": _l("Money in"),
    "debit": _l("Money out"),
    "direction": _l("In or out (a word)"),
    "currency": _l("Currency"),
    "own_account": _l("Our account"),
    "name": _l("Name of the other side"),
    "account": _l("Account of the other side"),
    "bank": _l("Bank of the other side"),
    "tax_number": _l("Tax number of the other side"),
    "text": _l("Text"),
    "structured": _l("Structured reference"),
    "end_to_end": _l("Reference of the payer"),
    "reference": _l("Reference of the bank"),
    "code": _l("Code of the bank"),
}
# What usual names of columns hold, in the order in which they are tried.
_GUESSES = (
    ("value_on", r"valuta|value date|rentedatum|валютирован"),
    ("booked_on", r"dat|дата|ամսաթիվ|booked|buchung"),
    ("direction", r"af.?bij|debit/credit|дебет/кредит|\bd/c\b|in/uit|direction"),
    ("credit", r"credit|bij\b|приход|поступ|зачисл|кредит|մուտք|money in|paid in"),
    ("debit", r"debit|\baf\b|расход|списа|дебет|ելք|money out|paid out"),
    ("amount", r"amount|bedrag|сумма|գումար|betrag"),
    ("currency", r"currency|valuta|munt|валюта|արժույթ"),
    ("account", r"tegenrekening|counterparty account|counter account|счет контрагента|iban tegen"),
    ("tax_number", r"инн|tax (number|id)|ՀՎՀՀ|btw"),
    ("name", r"naam|name|контрагент|плательщик|counterparty|անվանում|անուն"),
    ("own_account", r"^(rekening|account|iban|счет|հաշիվ|iban/bban)\b"),
    ("structured", r"betalingskenmerk|structured"),
    ("end_to_end", r"end.?to.?end|kenmerk"),
    ("reference", r"reference|transactiereferentie|volgnr|референс"),
    ("text", r"omschrijving|description|mededeling|назначение|text|details|նպատակ|memo"),
    ("code", r"code|soort|type|вид"),
)


def guess(columns: Sequence[str]) -> dict[str, str]:
    """Return what columns seem to hold: {name: field}; every field but the text stands once."""
    found: dict[str, str] = {}
    for column in columns:
        plain = column.casefold()
        for field, pattern in _GUESSES:
            if re.search(pattern, plain, re.IGNORECASE) and (field == "text" or field not in found.values()):
                found[column] = field
                break
    return found


def guess_day(rows: Sequence[Sequence[str]], columns: Sequence[str], chosen: Mapping[str, str]) -> str:
    """Return the way in which days seem to be written."""
    at = next((at for at, name in enumerate(columns) if chosen.get(name) == "booked_on"), None)
    cells = [row[at] for row in rows if at is not None and at < len(row) and row[at]]
    fitting = (name for name, pattern in DATES.items() if cells and all(re.match(pattern, cell) for cell in cells))
    return next(fitting, "YYYY-MM-DD")


class ColumnsForm(CrmForm):
    """How a table is read."""

    name = StringField(
        _l("Name of this way to read"),
        [InputRequired(), Length(max=120)],
        description=_l("For example the bank’s name."),
    )
    encoding = SelectField(_l("Encoding"), [InputRequired()])
    delimiter = SelectField(_l("Delimiter"), [InputRequired()])
    skip_rows = IntegerField(_l("Rows above the names"), [Optional(), NumberRange(0, MOST_SKIPPED)])
    date_format = SelectField(_l("Days are written as"), [InputRequired()])
    decimal_mark = SelectField(_l("Decimal mark"), [InputRequired()])
    debit_words = StringField(
        _l("Words for money out"),
        [Optional(), Length(max=200)],
        description=_l("Separated by commas, for a column that says in or out."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.encoding.choices = [SelectChoice(each, ENCODED[each]) for each in ENCODINGS]
        self.delimiter.choices = [SelectChoice(each, _("Tab") if each == "\t" else each) for each in DELIMITERS]
        self.date_format.choices = [SelectChoice(each, each) for each in DATES]
        self.decimal_mark.choices = [SelectChoice(each, each) for each in (",", ".")]

    def profile(self, chosen: Mapping[str, str]) -> dict[str, Any]:
        """Return what the reader of tables takes."""
        names = ("encoding", "delimiter", "date_format", "decimal_mark")
        told: dict[str, Any] = {name: self._fields[name].data for name in names}
        return told | {
            "skip_rows": self.skip_rows.data or 0,
            "debit_words": (self.debit_words.data or "").strip() or None,
            "columns": dict(chosen),
        }
