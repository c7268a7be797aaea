"""Payment codes for documents: what a banking app reads to fill in a transfer."""

import io
import re
from collections.abc import Mapping
from decimal import Decimal

import segno

MOST_EUROS = Decimal("999999999.99")
_ST_SEPARATORS = "|~#^;"


def epc(*, name: str, iban: str, bic: str | None, amount: Decimal, text: str) -> str | None:
    """Return the text of a European payment code; None when the amount is none that it can say.

    Source: European Payments Council, EPC069-12 version 2.1 (service tag BCD, version 002, UTF-8).
    """
    if not Decimal("0.01") <= amount <= MOST_EUROS:
        return None
    fields = ["BCD", "002", "1", "SCT", bic or "", _cut(name, 70), iban.replace(" ", ""), f"EUR{amount:.2f}"]
    return "\n".join([*fields, "", "", _cut(text, 140)])


def st00012(
    *,
    name: str,
    account: str,
    bank: str,
    bik: str,
    correspondent: str | None,
    amount: Decimal,
    purpose: str,
    inn: str | None,
    kpp: str | None,
) -> str | None:
    """Return the text of a Russian payment code in UTF-8; None without a positive amount.

    Units: `amount` in roubles; the code says kopecks. Source: ГОСТ Р 56042-2014. The sign after the version is the
    separator; it may be any that occurs in no value.
    """
    if amount <= 0:
        return None
    fields: Mapping[str, str] = {
        "Name": _cut(name, 160),
        "PersonalAcc": account,
        "BankName": _cut(bank, 45),
        "BIC": bik,
        "CorrespAcc": correspondent or "0",
        "Sum": str(int(amount.scaleb(2))),
        "Purpose": _cut(purpose, 210),
        "PayeeINN": inn or "",
        "KPP": kpp or "",
    }
    said = [f"{key}={value}" for key, value in fields.items() if value]
    separator = next((sign for sign in _ST_SEPARATORS if not any(sign in one for one in said)), None)
    if separator is None:
        said = [one.replace("|", "/") for one in said]
        separator = "|"
    return separator.join(["ST00012", *said])


def matrix(text: str) -> tuple[tuple[int, ...], ...]:
    """Return the modules of the code, 1 for black, without the quiet zone; error correction M as both norms ask."""
    return tuple(tuple(row) for row in _made(text).matrix)


def png(text: str, *, scale: int = 8) -> bytes:
    """Return the code as a picture, with its quiet zone."""
    target = io.BytesIO()
    _made(text).save(target, kind="png", scale=scale, border=4)
    return target.getvalue()


def svg(text: str) -> str:
    """Return the code as a picture to be put into a page, black on white whatever the page's colours are."""
    return str(_made(text).svg_inline(border=4, omitsize=True, light="#fff", svgclass="qr", lineclass=None))


def _made(text: str) -> segno.QRCode:
    return segno.make_qr(text.encode(), mode="byte", error="m", boost_error=False)


def _cut(text: str, length: int) -> str:
    """Return a text on one line, cut to the length of its field."""
    return re.sub(r"\s+", " ", text).strip()[:length]
