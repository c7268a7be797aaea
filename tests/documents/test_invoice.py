"""The printed invoice: what it says in four languages, how it breaks over pages, and that it looks as it should."""

import io
from decimal import Decimal

import pypdfium2
import pytest
from PIL import Image, ImageChops

from app.documents import engine, invoice, qr
from app.money import TaxCategory
from tests.attack import attack
from tests.documents.samples import content

NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture(autouse=True)
def speaking(app):
    with app.app_context():
        yield


@pytest.fixture(scope="module", autouse=True)
def children():
    yield
    engine._pool.close()


def doc(*args, **options):
    return invoice.printed(content(*args, **options))[0]["doc"]


def pages(pdf):
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document]
    finally:
        document.close()


def picture(pdf, page=0, scale=2.0):
    document = pypdfium2.PdfDocument(pdf)
    try:
        return document[page].render(scale=scale).to_pil().convert("L")
    finally:
        document.close()


# --- what it says ----------------------------------------------------------------------------------------------------


def test_an_english_invoice_to_a_buyer_abroad():
    said = doc("en", other=TaxCategory.reverse_charge)
    assert said["heading"] == "Invoice No. 2026-00042"
    assert said["seller"]["address"] == ["Keizersgracht 12", "1015 CS Amsterdam", "Netherlands"]
    assert said["buyer"]["address"] == ["Hauptstraße 1", "10115 Berlin", "Germany"]
    assert said["buyer"]["numbers"] == [("USt-IdNr.", "DE123456789")]
    assert said["facts"] == [
        ("Date of issue", "31 March 2026"),
        ("Delivery", "31 March 2026"),
        ("Due", "30 April 2026"),
        ("Order", "SO-15, 2 March 2026"),
        ("Your reference", "PO-7781"),
    ]
    assert [(row["quantity"], row["price"], row["tax"], row["amount"]) for row in said["rows"]] == [
        ("2", "12.34", "21%", "24.68"),
        ("1.5", "1,250.00", "0%", "1,875.00"),
        ("10", "0.955", "21%", "9.55"),
    ]
    assert [(tax["name"], tax["base"], tax["tax"], tax["gross"]) for tax in said["taxes"]] == [
        ("VAT 21%", "€34.23", "€7.19", "€41.42"),
        ("VAT reverse charge", "€1,875.00", "€0.00", "€1,875.00"),
    ]
    assert said["totals"] == [("Total without VAT", "€1,909.23"), ("VAT 21%", "€7.19")]
    assert said["total"] == {"label": "Total to pay", "value": "€1,916.42"}
    assert said["words"] == "One thousand, nine hundred and sixteen euros and 42 cents"
    assert said["notes"] == ["Reverse charge: the VAT is to be paid by the customer."]
    assert said["bank"] == [
        ("Beneficiary", "Tulpen & Zonen B.V."),
        ("IBAN", f"NL91{NBSP}ABNA{NBSP}0417{NBSP}1643{NBSP}00"),
        ("Bank", "ABN AMRO"),
        ("BIC", "ABNANL2A"),
        ("Payment reference", "2026-00042"),
    ]
    assert said["pages"] == ["Page ", " of ", ""]


def test_a_russian_invoice_is_a_schyot_na_oplatu_with_the_table_of_the_transfer():
    said = doc("ru")
    assert said["russian"]["heading"] == "Счёт на оплату № 2026-00042 от 31 марта 2026 г."
    assert said["russian"]["tax_number"] == "ИНН 7707083893"
    assert said["russian"]["tax_branch"] == "КПП 770701001"
    assert said["russian"]["bank"]["bik"] == "044525225"
    assert said["russian"]["seller"] == (
        f"ООО «Ромашка», ИНН{NBSP}7707083893, КПП{NBSP}770701001, 125047, г. Москва, ул. Лесная, д. 5, +74951234567"
    )
    assert said["rows"][1]["tax"] == "без НДС"
    assert said["total"]["value"] == f"1{NBSP}916,76{NBSP}₽"
    assert said["words"] == "Одна тысяча девятьсот шестнадцать рублей 76 копеек"
    assert "фактура" not in str(said)


@pytest.mark.parametrize(
    ("language", "day", "total"),
    [
        ("en", "31 March 2026", "€1,916.42"),
        ("nl", "31 maart 2026", f"€{NBSP}1.916,42"),
        ("ru", "31 марта 2026 г.", f"1{NBSP}916,76{NBSP}₽"),
        ("hy", "31 մարտի, 2026 թ.", f"1{NBSP}916,08{NBSP}֏"),
    ],
)
def test_days_and_amounts_are_written_as_the_language_does(language, day, total):
    said = doc(language)
    assert said["facts"][0][1] == day
    assert said["total"]["value"] == total


def test_a_discount_and_a_charge_stand_between_the_lines_and_the_total():
    said = doc("en", discount="10", charge="5", discounted=True)
    assert said["has_discount"] is True
    assert [row["discount"] for row in said["rows"]] == ["5%", "", ""]
    assert said["totals"][:4] == [
        ("Sum of the lines", "€1,908.00"),
        ("Discount", "\N{MINUS SIGN}€10.00"),
        ("Surcharge", "€5.00"),
        ("Total without VAT", "€1,903.00"),
    ]
    assert len(said["widths"]) == 8
    assert len(doc("en")["widths"]) == 7


def test_prices_with_tax_are_printed_with_tax_and_add_up_to_the_total():
    said = doc("nl", prices_include_tax=True, discount="1.00")
    assert [row["amount"] for row in said["rows"]] == ["24,68", "1.875,00", "9,55"]
    assert said["columns"]["amount"].endswith(", EUR")
    assert said["columns"]["amount"] != doc("nl")["columns"]["amount"]
    assert said["totals"][:2] == [
        (said["totals"][0][0], f"€{NBSP}1.909,23"),
        (said["totals"][1][0], f"€{NBSP}\N{MINUS SIGN}1,00"),
    ]
    assert said["total"]["value"] == f"€{NBSP}1.908,23"


def test_a_period_of_delivery_terms_and_a_note_are_said():
    frozen = content("en", delivery_on="2026-03-01", delivery_until="2026-03-31", note="Thank you!\nSee you.")
    frozen["terms"] = {
        "text": "in 30 days",
        "early": {"until": "2026-04-07", "percent": "2", "early": "1878.09", "late": "1916.42"},
    }
    said = invoice.printed(frozen)[0]["doc"]
    assert said["facts"][1] == ("Delivery", "1 March 2026 – 31 March 2026")
    assert said["notes"] == [
        "Exempt from VAT.",
        "Payment terms: in 30 days",
        "2% discount when paid by 7 April 2026: €1,878.09 instead of €1,916.42",
        "Thank you!\nSee you.",
    ]


def test_the_text_of_the_tax_itself_goes_before_the_usual_one():
    frozen = content("en")
    frozen["taxes"][1]["exemption_text"] = "Article 11 of the law"
    assert invoice.printed(frozen)[0]["doc"]["notes"] == ["Article 11 of the law"]


def test_a_foreign_currency_states_the_tax_in_our_own():
    frozen = content("en", exchange_rate="420.5")
    frozen["home"] = {"currency": "AMD", "tax": "3023.40"}
    frozen["taxes"][0]["tax_home"] = "3023.40"
    said = invoice.printed(frozen)[0]["doc"]
    assert said["taxes"][0]["home"] == f"AMD{NBSP}3,023.40"
    assert f"VAT in AMD: AMD{NBSP}3,023.40 (1 EUR = 420.5 AMD)" in said["notes"]


def test_a_credit_note_names_its_invoice_and_asks_for_no_money():
    frozen = content("nl", kind="credit_note", credit_reason="Verkeerde prijs")
    data, assets = invoice.printed(frozen)
    said = data["doc"]
    assert said["title"] != doc("nl")["title"]
    assert ("2026-00040, 20 maart 2026") in [value for _label, value in said["facts"]]
    assert "Verkeerde prijs" in [value for _label, value in said["facts"]]
    assert (said["bank"], assets) == ([], {})


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("en", "BCD\n002\n1\nSCT\nABNANL2A\nTulpen & Zonen B.V.\nNL91ABNA0417164300\nEUR1916.42\n\n\n2026-00042"),
        (
            "ru",
            (
                "ST00012|Name=ООО «Ромашка»|PersonalAcc=40702810900000000001|BankName=ПАО СБЕРБАНК|BIC=044525225"
                "|CorrespAcc=30101810400000000225|Sum=191676|Purpose=Оплата по счёту № 2026-00042 от 31.03.2026"
                "|PayeeINN=7707083893|KPP=770701001"
            ),
        ),
        ("hy", None),
    ],
)
def test_the_payment_code_is_that_of_the_currency(language, code):
    _data, assets = invoice.printed(content(language))
    assert assets == ({} if code is None else {"qr.png": qr.png(code)})


@attack(116, "a logo that is a drawing with scripts")
def test_pictures_are_png_or_jpeg():
    data, assets = invoice.printed(content("hy"), pictures={"logo": qr.png("x"), "stamp": b"\xff\xd8\xff\xe0"})
    assert sorted(assets) == ["logo.png", "stamp.jpg"]
    assert data["doc"]["pictures"] == {
        "logo": "crm:logo.png",
        "stamp": "crm:stamp.jpg",
        "signature": "",
        "qr": "",
    }
    with pytest.raises(ValueError, match="PNG or JPEG"):
        invoice.printed(content("hy"), pictures={"logo": b"<svg/>"})


# --- how it looks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ru", "hy", "nl"])
def test_the_file_says_what_was_asked(language):
    frozen = content(language)
    said = invoice.printed(frozen)[0]["doc"]
    [text] = pages(invoice.pdf(frozen))
    flat = " ".join(text.replace(NBSP, " ").split())
    wanted = [said["heading"], said["words"], said["total"]["value"], said["seller"]["name"], said["buyer"]["name"]]
    wanted += [row["text"] for row in said["rows"]] + [row["amount"] for row in said["rows"]]
    wanted += [tax["base"] for tax in said["taxes"]] + said["notes"] + ["2026-00042"]
    wanted.append("1".join([*said["pages"][:2], ""]) + said["pages"][2])
    for one in wanted:
        assert " ".join(one.replace(NBSP, " ").split()) in flat, one


def test_many_lines_repeat_the_head_and_carry_the_sum_from_page_to_page():
    frozen = content("en", 60)
    said = invoice.printed(frozen)[0]["doc"]
    texts = pages(invoice.pdf(frozen))
    assert len(texts) == 3
    running = Decimal(0)
    for number, text in enumerate(texts, start=1):
        assert f"Page {number} of 3" in text
        assert text.count("Description") == 1
        brought = said_after(text, "Brought forward: ")
        assert brought == (None if number == 1 else f"€{running:,.2f}")
        running += sum(
            Decimal(line["net"]) for line, row in zip(frozen["lines"], said["rows"], strict=True) if row["text"] in text
        )
        carried = said_after(text, "Carried forward: ")
        assert carried == (None if number == 3 else f"€{running:,.2f}")
    assert f"€{running:,.2f}" == said["totals"][0][1]
    assert "Total to pay" in texts[2]


def said_after(text, label):
    return text.partition(label)[2].split("\n")[0].strip() if label in text else None


def test_two_hundred_lines_are_all_there_and_in_order():
    frozen = content("ru", 200)
    text = " ".join(" ".join(pages(invoice.pdf(frozen))).split())
    found = [text.index(f"({number})") for number in range(1, 201)]
    assert found == sorted(found)


def test_the_payment_code_on_the_page_is_the_code():
    frozen = content("en")
    code = invoice.printed(frozen)[0]["doc"]["pictures"]["qr"]
    assert code == "crm:qr.png"
    page = picture(invoice.pdf(frozen), scale=6)
    matrix = qr.matrix(
        "BCD\n002\n1\nSCT\nABNANL2A\nTulpen & Zonen B.V.\nNL91ABNA0417164300\nEUR1916.42\n\n\n2026-00042"
    )
    module = 32 / 25.4 * 72 * 6 / (len(matrix) + 8)  # the picture is 32 mm wide, four modules of it are its rim
    left, top = finder(page, module)
    seen = tuple(
        tuple(
            int(page.getpixel((round(left + (x + 0.5) * module), round(top + (y + 0.5) * module))) < 128)
            for x in range(len(matrix))
        )
        for y in range(len(matrix))
    )
    assert seen == matrix


def finder(page, module):
    """Return where the code begins: the first row of the page with a black run of seven modules, and its start."""
    width, height = page.size
    black = page.point(lambda value: 255 if value < 128 else 0)
    for y in range(height // 3, height):
        row = black.crop((width // 2, y, width, y + 1)).tobytes()
        start = row.find(b"\xff" * round(module * 6.7))
        if start >= 0 and row[start : start + round(module * 9)].count(0) > module:
            return width // 2 + start, y
    raise AssertionError("there is no code on the page")


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("latin", "Invoice 1,916.42 € é ß"),
        ("cyrillic", "ЁёЯящЩжъ№"),
        ("armenian", "ՀաշիվՎճարմանև֏"),
        ("latin-ext", "₽ĳŒőž"),
    ],
)
def test_letters_are_painted_by_the_font_that_has_them(family, text):
    """Painting them by the one font alone must give the same picture: a wrong font paints other letters."""
    source = '<html lang="en"><style>p { font-size: 30pt%s }</style><p>{{ text }}'
    alone = f'; font-family: "Noto Sans {family}"'
    both = [
        picture(engine.render("t.html", {"text": text}, language="en", overlay={"t.html": source % style}))
        for style in ("", alone)
    ]
    ink = ImageChops.invert(both[0]).getbbox()
    assert ink is not None
    assert ImageChops.difference(*both).getbbox() is None


def test_the_file_is_the_same_when_it_is_made_again():
    frozen = content("hy", 5)
    assert invoice.pdf(frozen) == invoice.pdf(frozen)


def test_logo_signature_and_stamp_are_on_the_page():
    target = io.BytesIO()
    Image.new("RGB", (60, 30), "black").save(target, "PNG")
    plain_page = picture(invoice.pdf(content("ru")))
    drawn = picture(
        invoice.pdf(content("ru"), pictures=dict.fromkeys(("logo", "signature", "stamp"), target.getvalue()))
    )
    dark = [sum(page.point(lambda value: int(value < 64)).tobytes()) for page in (plain_page, drawn)]
    assert dark[1] - dark[0] > 3 * 20 * 20
