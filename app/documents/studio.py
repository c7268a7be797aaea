"""Documents from templates that staff write: the values of the fields as they look on paper, and the whole as a PDF."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from app import money
from app.documents import declension, engine
from app.documents.words import amount_in_words, number_in_words
from app.documents.writing import Writer
from app.i18n import gettext as _
from app.i18n import in_language
from app.services.document_field import CURRENCY, FORMS, Field

TIMEOUT: Final = 20.0  # seconds: whatever takes longer is wrong in itself
PER_ROW: Final = 0.03  # seconds more for each row of the data, which templates cannot make more
TEMPLATE, STYLE = "studio.html", "studio.css"
_SIZES: Final = {"a4": "A4", "a5": "A5", "letter": "letter", "label": "99mm 68mm"}
_LARGEST_SPOKEN: Final = Decimal(10) ** 12


@dataclass(frozen=True)
class Layout:
    """The compiled parts of a template and its page. Units: margins in millimetres: top, right, bottom, left."""

    body: str
    header: str
    footer: str
    style: str
    page_size: str
    margins: tuple[int, int, int, int]


@dataclass(frozen=True)
class Postal:
    """A letter for an envelope with a window; `number` stands small at its edge, so that it can be named."""

    number: int


def pdf(
    layout: Layout,
    fields: Iterable[Field],
    data: Mapping[str, Any],
    *,
    language: str,
    title: str,
    made_on: str,
    is_archival: bool = False,
    pictures: Mapping[str, bytes] | None = None,
    timeout: float | None = None,
    pool: engine.Pool | None = None,
    postal: Postal | None = None,
) -> bytes:
    """Return the file of a document, made within 20 seconds, and some more for each of its rows.

    With `postal` the block of the recipient stands in the window of an envelope.
    `pictures` of the seller stand in the ready blocks: {"logo", "signature", "stamp": PNG}.

    Raises engine.DocumentError, with line and reason, when it cannot be made.
    """
    with in_language(language):
        content = {
            "f": written(fields, data, language),
            "t": texts(),
            "title": title,
            "author": str(data.get("seller.name") or ""),
            "made_on": made_on,
            "postal": postal is not None,
            "pictures": {name: f"crm:picture-{name}.png" for name in pictures or {}},
            "style": layout.style,
            "page_style": page_style(layout) + (window_style(layout, postal) if postal is not None else ""),
        }
    return engine.render(
        TEMPLATE,
        content,
        language=language,
        timeout=timeout if timeout is not None else TIMEOUT + PER_ROW * _rows_in(fields, data),
        assets={f"picture-{name}.png": content for name, content in (pictures or {}).items()},
        overlay={"body": layout.body, "header": layout.header, "footer": layout.footer},
        styles=(STYLE,),
        variant="pdf/a-3u" if is_archival else "",
        pool=pool,
    )


def _rows_in(fields: Iterable[Field], data: Mapping[str, Any]) -> int:
    return sum(len(data.get(each.name) or []) for each in fields if each.kind == "rows")


def page_style(layout: Layout) -> str:
    """Return the style of the page: its size, its margins, and what runs in them."""
    top, right, bottom, left = layout.margins
    return (
        f"@page {{ size: {_SIZES[layout.page_size]}; margin: {top}mm {right}mm {bottom}mm {left}mm; "
        "@top-left { content: element(studio-header); width: 100%; vertical-align: bottom; padding-bottom: 3mm } "
        "@bottom-left { content: element(studio-footer); width: 100%; vertical-align: top; padding-top: 3mm } }"
    )


def window_style(layout: Layout, postal: Postal) -> str:
    """Return the style that puts the recipient into the window of an envelope, and marks where the sheet is folded.

    Units: millimetres from the edges of the sheet. The text begins under the window, whatever stands above it.
    Source: DIN 5008:2020, form B: a field of 85 by 45 at 20 from the left and 45 from above, folds at 105 and 210.
    """
    top, _right, _bottom, left = layout.margins
    field = f"position: absolute; left: {20 - left}mm; top: {45 - top}mm; width: 85mm; height: 45mm; margin: 0"
    return (
        f".studio-recipient {{ {field}; min-height: 0; overflow: hidden }} main {{ position: relative }} "
        ".studio-letterhead { display: flow-root } "
        f'main::before {{ content: ""; float: left; width: 0; height: {max(98.5 - top, 0):.1f}mm }} '
        ".studio-recipient ~ * { clear: left } "
        f'@page :first {{ @right-bottom {{ content: "{postal.number:d}"; font-size: 6pt; color: #5b6675; '
        "vertical-align: bottom } } "
        f".studio-fold {{ left: {5 - left}mm }} "
        f".studio-fold-1 {{ top: {105 - top}mm }} .studio-fold-2 {{ top: {210 - top}mm }}"
    )


def written(fields: Iterable[Field], data: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return every field as it looks on paper in a language, forms too: {"gross": "€ 60,50", "gross.words": …}."""
    currency = str(data.get(CURRENCY) or "EUR")
    writer = Writer(language, currency)
    found: dict[str, Any] = {}
    for each in fields:
        value = data.get(each.name)
        if each.kind == "rows":
            found[each.name] = [_row(each.fields, row, writer) for row in value or []]
        else:
            found |= _forms(each, value, writer, in_row=False)
    return found


def _row(fields: Iterable[Field], row: Mapping[str, Any], writer: Writer) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in fields:
        found |= _forms(each, row.get(each.name), writer, in_row=True)
    return found


def _forms(of: Field, value: Any, writer: Writer, *, in_row: bool) -> dict[str, Any]:  # noqa: ANN401
    """Return a value as it looks, and its other forms; amounts in rows are without their currency."""
    names = [of.name, *(f"{of.name}.{form}" for form in FORMS.get(of.kind, ()))]
    if of.kind == "yesno":
        return {of.name: _("Yes") if value else ""}
    if value in (None, ""):
        return dict.fromkeys(names, "")
    return dict(zip(names, _said(of, str(value), writer, in_row=in_row), strict=True))


def _said(of: Field, value: str, writer: Writer, *, in_row: bool) -> tuple[str, ...]:
    try:
        if of.kind == "amount":
            amount = Decimal(value)
            shown = writer.figure(amount) if in_row else writer.money(amount)
            return shown, _amount_words(amount, writer)
        if of.kind == "number":
            number = Decimal(value)
            return money.format_decimal(number, writer.language), _number_words(number, writer.language)
        if of.kind == "date":
            return writer.day(value), f"{date.fromisoformat(value):%d.%m.%Y}"
    except (InvalidOperation, ValueError):  # a kind that is registered for the wrong values: shown as it is
        return (value, *[value for _form in FORMS.get(of.kind, ())])
    if of.kind in {"person", "position"}:
        decline = declension.name_in if of.kind == "person" else declension.position_in
        cases = (declension.GENITIVE, declension.DATIVE)
        return (value, *(decline(value, case) if writer.language == "ru" else value for case in cases))
    return (value,)


def _amount_words(amount: Decimal, writer: Writer) -> str:
    return amount_in_words(amount, writer.currency, writer.language) if 0 <= amount < _LARGEST_SPOKEN else ""


def _number_words(number: Decimal, language: str) -> str:
    whole = number == number.to_integral_value()
    return number_in_words(int(number), language) if whole and 0 <= number < _LARGEST_SPOKEN else ""


def texts() -> dict[str, str]:
    """Return the words of our ready blocks in the language that is spoken."""
    return {
        "sku": _("Article"),
        "text": _("Description"),
        "quantity": _("Quantity"),
        "unit": _("Unit"),
        "price": _("Price"),
        "amount": _("Amount"),
        "net": _("Net"),
        "tax": _("VAT amount"),
        "total": _("Total"),
        "in_words": _("In words:"),
        "seller": _("Seller"),
        "buyer": _("Buyer"),
        "tax_number": _("Tax number"),
        "registration_number": _("Registration number"),
        "account": _("Account number"),
        "bank": _("Bank"),
        "bank_code": _("Bank code"),
        "signature": _("Signature"),
        "stamp": _("Stamp"),
        "day": _("Date"),
    }
