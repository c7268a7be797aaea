"""Statements as XML: camt.053 of ISO 20022, versions 001.02 to 001.13.

The names of the elements hardly differ between the versions: a party is `Dbtr/Nm` up to 001.07 and `Dbtr/Pty/Nm`
since, a state is a text or has a code, a bank is a BIC or a BICFI. What is not booked yet is left out. An entry that
stands for several transactions becomes several when their amounts come to its own.
Source: ISO 20022, Bank-to-Customer Cash Management, message camt.053.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from lxml import etree  # type: ignore[import-untyped]

from app.services.bank_entry import Entry, Parsed, Unreadable, amount_of, day_of, refuse_many

NAMESPACE: Final = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(0[2-9]|1[0-3])")
SIGNS: Final = {"CRDT": 1, "DBIT": -1}
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T+Z-].*)?", re.ASCII)
_NOTHING = {"NOTPROVIDED", "NONREF", "NOTAVAILABLE"}


def is_xml(content: bytes) -> bool:
    """Say whether a file is XML, as far as its beginning tells."""
    return content.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<") or content[:4] in (
        b"\xff\xfe<\x00",
        b"\xfe\xff\x00<",
    )


def read(content: bytes) -> list[Parsed]:
    """Return the statements of a file. Raises Unreadable for what is none, and for whatever declares entities."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as problem:
        raise Unreadable("xml", line=problem.lineno or 0, value=str(problem.msg)) from None
    except (ValueError, LookupError) as problem:
        raise Unreadable("xml", value=str(problem)) from None
    about = root.getroottree().docinfo
    if about.doctype or about.internalDTD is not None or about.externalDTD is not None:
        raise Unreadable("entities", line=1)
    if NAMESPACE.fullmatch(etree.QName(root).namespace or "") is None:
        raise Unreadable("camt", line=root.sourceline or 0, value=etree.QName(root).namespace or root.tag)
    found, count = [], 0
    for each in root.findall("{*}BkToCstmrStmt/{*}Stmt"):
        found.append(_statement(each, count))
        count += len(found[-1].entries)
        refuse_many(count, line=each.sourceline or 0)
    return found


def _statement(node: Any, before: int) -> Parsed:  # noqa: ANN401 -- an element
    balances = _balances(node)
    parsed = Parsed(
        format="camt",
        account=_text(node, "Acct/Id/IBAN") or _text(node, "Acct/Id/Othr/Id"),
        currency=_text(node, "Acct/Ccy"),
        number=_text(node, "ElctrncSeqNb") or _text(node, "LglSeqNb") or _text(node, "Id"),
    )
    for name, codes in (("opening", ("OPBD", "PRCD")), ("closing", ("CLBD",))):
        there = [balances[code] for code in codes if code in balances]
        if there:
            amount, currency, day = there[0][-1] if name == "closing" else there[0][0]
            setattr(parsed, name, amount)
            parsed.currency = parsed.currency or currency
            if name == "closing":
                parsed.until_on = day
    parsed.from_on = _day(node, "FrToDt/FrDtTm") or _day(node, "FrToDt/FrDt")
    parsed.until_on = _day(node, "FrToDt/ToDtTm") or _day(node, "FrToDt/ToDt") or parsed.until_on
    for at, entry in enumerate(node.findall("{*}Ntry"), 1):
        state = _text(entry, "Sts/Cd") or _text(entry, "Sts")
        if state in {"", "BOOK"}:
            parsed.entries += _entries(entry, parsed, before + at)
    return parsed.complete()


def _balances(node: Any) -> dict[str, list[tuple[Decimal, str, date | None]]]:  # noqa: ANN401
    found: dict[str, list[tuple[Decimal, str, date | None]]] = {}
    for each in node.findall("{*}Bal"):
        code = _text(each, "Tp/CdOrPrtry/Cd")
        amount, currency = _amount(each, "Amt", 0)
        day = _day(each, "Dt/Dt") or _day(each, "Dt/DtTm")
        found.setdefault(code, []).append((amount * _sign(each, 0), currency, day))
    return found


def _entries(node: Any, parsed: Parsed, at: int) -> list[Entry]:  # noqa: ANN401
    line = node.sourceline or 0
    amount, currency = _amount(node, "Amt", at)
    parsed.currency = parsed.currency or currency
    if currency and currency != parsed.currency:
        raise Unreadable("currency", line=line, entry=at, field="Amt", value=currency)
    sign = _sign(node, at)
    value_on = _day(node, "ValDt/Dt") or _day(node, "ValDt/DtTm")
    booked = _day(node, "BookgDt/Dt") or _day(node, "BookgDt/DtTm") or value_on
    if booked is None:
        raise Unreadable("missing", line=line, entry=at, field="BookgDt")
    base: dict[str, Any] = {
        "booked_on": booked,
        "value_on": value_on,
        "line": line,
        "code": _code(node),
    }
    reference, more = _text(node, "AcctSvcrRef"), _text(node, "AddtlNtryInf")
    details = node.findall("{*}NtryDtls/{*}TxDtls")
    parts = [_part(each, sign, at) for each in details]
    if len(details) > 1 and None not in parts and sum(filter(None, parts)) == amount * sign:
        return [
            Entry(amount=part, **base | _details(each, part, f"{reference}/{number}" if reference else "", ""))
            for number, (each, part) in enumerate(zip(details, parts, strict=True), 1)
            if part
        ]
    told = _details(details[0] if details else node, sign, reference, more) if len(details) < 2 else {}  # noqa: PLR2004
    told = told or {"reference": reference, "text": more}
    return [Entry(amount=amount * sign, **base | told | ({"reference": reference} if reference else {}))]


def _part(node: Any, sign: int, at: int) -> Decimal | None:  # noqa: ANN401
    """Return the signed amount of one transaction of an entry, None where it names none."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        if _find(node, path) is not None:
            own = _text(node, "CdtDbtInd")
            return _amount(node, path, at)[0] * SIGNS.get(own, sign)
    return None


def _details(node: Any, sign: Decimal | int, reference: str, more: str) -> dict[str, str]:  # noqa: ANN401
    """Return what a transaction says of the other side, and the words that came with it."""
    side = "Dbtr" if sign > 0 else "Cdtr"
    account = f"RltdPties/{side}Acct/Id"
    bank = f"RltdAgts/{side}Agt/FinInstnId"
    texts = [each.text or "" for each in node.findall("{*}RmtInf/{*}Ustrd")]
    texts += [each.text or "" for each in node.findall("{*}RmtInf/{*}Strd/{*}RfrdDocInf/{*}Nb")]
    texts += [each.text or "" for each in node.findall("{*}RmtInf/{*}Strd/{*}AddtlRmtInf")]
    texts = [each for each in texts if each.strip()] or [_text(node, "AddtlTxInf") or more]
    end_to_end = _text(node, "Refs/EndToEndId")
    return {
        "name": _text(node, f"RltdPties/{side}/Nm") or _text(node, f"RltdPties/{side}/Pty/Nm"),
        "account": _text(node, f"{account}/IBAN") or _text(node, f"{account}/Othr/Id"),
        "bank": _text(node, f"{bank}/BICFI") or _text(node, f"{bank}/BIC") or _text(node, f"{bank}/Nm"),
        "tax_number": _text(node, f"RltdPties/{side}/Id/OrgId/Othr/Id")
        or _text(node, f"RltdPties/{side}/Pty/Id/OrgId/Othr/Id"),
        "text": " ".join(texts),
        "end_to_end": "" if end_to_end.upper() in _NOTHING else end_to_end,
        "reference": _text(node, "Refs/AcctSvcrRef") or reference,
        "structured": _text(node, "RmtInf/Strd/CdtrRefInf/Ref"),
    }


def _code(node: Any) -> str:  # noqa: ANN401
    names = ("Domn/Cd", "Domn/Fmly/Cd", "Domn/Fmly/SubFmlyCd")
    told = [_text(node, f"BkTxCd/{name}") for name in names]
    return "/".join(filter(None, told)) or _text(node, "BkTxCd/Prtry/Cd")


def _find(node: Any, path: str) -> Any:  # noqa: ANN401
    return node.find("/".join(f"{{*}}{part}" for part in path.split("/")))


def _text(node: Any, path: str) -> str:  # noqa: ANN401
    found = _find(node, path)
    return (found.text or "").strip() if found is not None else ""


def _amount(node: Any, path: str, at: int) -> tuple[Decimal, str]:  # noqa: ANN401
    found = _find(node, path)
    if found is None:
        raise Unreadable("missing", line=node.sourceline or 0, entry=at, field=path)
    amount = amount_of(found.text or "", line=found.sourceline or 0, entry=at, field=path)
    if amount < 0:
        raise Unreadable("amount", line=found.sourceline or 0, entry=at, field=path, value=found.text or "")
    return amount, found.get("Ccy", "")


def _sign(node: Any, at: int) -> int:  # noqa: ANN401
    told = _text(node, "CdtDbtInd")
    if told not in SIGNS:
        raise Unreadable("sign", line=node.sourceline or 0, entry=at, field="CdtDbtInd", value=told)
    return SIGNS[told]


def _day(node: Any, path: str) -> date | None:  # noqa: ANN401
    text = _text(node, path)
    if not text:
        return None
    line = _find(node, path).sourceline or 0
    found = _DAY.fullmatch(text)
    if found is None:
        raise Unreadable("date", line=line, field=path, value=text)
    year, month, day = map(int, found.groups())
    return day_of(year, month, day, value=text, line=line, field=path)
