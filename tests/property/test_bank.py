"""Property tests of banks' files: what is written comes back, and whatever else there is never passes for a booking."""

import json
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape

from hypothesis import given, settings
from hypothesis import strategies as st

from app.exchange import bank_child
from app.services.bank_entry import Entry, Parsed, Unreadable

DATA = Path(__file__).resolve().parent.parent / "data" / "bank"
SAMPLES = {path.name: path.read_bytes() for path in sorted(DATA.iterdir())}
IBAN = "NL91ABNA0417164300"
PROFILE = {
    "delimiter": ";",
    "encoding": "utf-8-sig",
    "date_format": "YYYY-MM-DD",
    "decimal_mark": ",",
    "skip_rows": 0,
    "debit_words": "out",
    "columns": {"day": "booked_on", "sum": "amount", "who": "name", "text": "text", "from": "account"},
}
CENTS = st.integers(-(10**9), 10**9).filter(bool).map(lambda each: Decimal(each).scaleb(-2))
WORDS = st.text("abcXYZабвАБЖևֆԱ 0123456789-", max_size=30).map(lambda text: " ".join(text.split()))
ENTRIES = st.lists(
    st.builds(
        Entry,
        booked_on=st.dates(date(2000, 1, 1), date(2079, 12, 31)),
        amount=CENTS,
        name=WORDS,
        text=WORDS,
        account=st.sampled_from(["", "NL20INGB0001234567", "40702810900000000001"]),
    ),
    min_size=1,
    max_size=6,
)


def camt(entries: list[Entry], opening: Decimal) -> bytes:
    def amount(value: Decimal) -> str:
        sign = "CRDT" if value >= 0 else "DBIT"
        return f'<Amt Ccy="EUR">{abs(value):.2f}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'

    def balance(code: str, value: Decimal) -> str:
        return f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{amount(value)}</Bal>"

    rows = ""
    for each in entries:
        side = "Dbtr" if each.amount > 0 else "Cdtr"
        rows += (
            f"<Ntry>{amount(each.amount)}<Sts>BOOK</Sts><BookgDt><Dt>{each.booked_on}</Dt></BookgDt><NtryDtls><TxDtls>"
            f"<RltdPties><{side}><Nm>{escape(each.name)}</Nm></{side}><{side}Acct><Id><Othr><Id>{each.account}</Id></Othr>"
            f"</Id></{side}Acct></RltdPties><RmtInf><Ustrd>{escape(each.text)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        )
    closing = opening + sum(each.amount for each in entries)
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt><Id>1</Id>'
        f"<Acct><Id><IBAN>{IBAN}</IBAN></Id></Acct>{balance('OPBD', opening)}{balance('CLBD', closing)}{rows}"
        "</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def mt940(entries: list[Entry], opening: Decimal) -> bytes:
    def mark(value: Decimal) -> tuple[str, str]:
        return "C" if value >= 0 else "D", f"{abs(value):.2f}".replace(".", ",")

    def balance(tag: str, value: Decimal) -> str:
        sign, number = mark(value)
        return f":{tag}:{sign}260401EUR{number}"

    lines = [":20:X", f":25:{IBAN}", ":28C:1", balance("60F", opening)]
    for each in entries:
        sign, number = mark(each.amount)
        lines += [f":61:{each.booked_on:%y%m%d%m%d}{sign}{number}NTRFNONREF"]
        lines += [f":86:/CNTP/{each.account}//{each.name}///REMI/USTD//{each.text}/"]
    lines += [balance("62F", opening + sum(each.amount for each in entries)), "-"]
    return "\r\n".join(lines).encode()


def onec(entries: list[Entry]) -> bytes:
    lines = ["1CClientBankExchange", "Кодировка=UTF-8", "РасчСчет=40702810500000000009"]
    for each in entries:
        ours, theirs = ("Получатель", "Плательщик") if each.amount > 0 else ("Плательщик", "Получатель")
        lines += ["СекцияДокумент=Платежное поручение", f"Дата={each.booked_on:%d.%m.%Y}", f"Сумма={abs(each.amount)}"]
        lines += [f"{ours}Счет=40702810500000000009", f"{theirs}Счет={each.account}", f"{theirs}1={each.name}"]
        lines += [f"НазначениеПлатежа={each.text}", "КонецДокумента"]
    return "\n".join([*lines, "КонецФайла"]).encode()


def table(entries: list[Entry]) -> bytes:
    rows = [f"{e.booked_on};{e.amount:.2f};{e.name};{e.text};{e.account}".replace(".", ",") for e in entries]
    return "\n".join(["day;sum;who;text;from", *rows]).encode()


def facts(entries: list[Entry]) -> list[tuple[object, ...]]:
    return [(e.booked_on, e.amount, e.name, e.text, e.account) for e in entries]


@settings(max_examples=60, deadline=None)
@given(ENTRIES, CENTS)
def test_what_is_written_comes_back(entries: list[Entry], opening: Decimal):
    for content in (camt(entries, opening), onec(entries), table(entries), mt940(entries, opening)):
        found = bank_child.read(content, PROFILE)
        assert found is not None
        (parsed,) = found
        assert facts(parsed.entries) == facts(entries)
        if parsed.opening is not None:
            assert (parsed.opening, parsed.closing) == (opening, opening + sum(e.amount for e in entries))
        assert Parsed.of(json.loads(json.dumps(parsed.told()))) == parsed


def read_or_refused(content: bytes) -> None:
    """A file is read, refused with a reason, or a table: nothing else may happen."""
    found: list[Parsed] | None = []
    with suppress(Unreadable):
        found = bank_child.read(content, PROFILE)
    for parsed in found or []:
        for each in parsed.entries:
            assert each.amount.is_finite()
            assert 1990 <= each.booked_on.year <= 2100
            assert "\x00" not in each.text + each.name


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"<", b":20:X\n:60F:", b"1CClientBankExchange\n", b"day;sum\n"]))
def test_random_bytes_never_crash(content: bytes, head: bytes):
    read_or_refused(head + content)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_mutations_of_real_files_never_crash(name: str, data: st.DataObject):
    content = bytearray(SAMPLES[name])
    for _turn in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        what = data.draw(st.sampled_from(["flip", "cut", "double", "drop"]))
        if what == "flip":
            content[at] = data.draw(st.integers(0, 255))
        elif what == "cut" and at:
            del content[at:]
        elif what == "double":
            content[at:at] = content[max(0, at - 40) : at]
        else:
            del content[at : at + 20]
        if not content:
            break
    read_or_refused(bytes(content))
