"""Payment codes: the text is exactly what the norms ask for, the picture is that text."""

import io
from decimal import Decimal

import pytest
import segno
from PIL import Image

from app.documents import qr

EPC = {"name": "Tulpen & Zonen B.V.", "iban": "NL91 ABNA 0417 1643 00", "bic": "ABNANL2A", "text": "2026-00042"}
ST = {
    "name": "ООО «Ромашка»",
    "account": "40702810900000000001",
    "bank": "ПАО СБЕРБАНК",
    "bik": "044525225",
    "correspondent": "30101810400000000225",
    "purpose": "Оплата по счёту № 7",
    "inn": "7707083893",
    "kpp": "770701001",
}


def test_the_european_code_says_what_the_norm_asks():
    assert qr.epc(amount=Decimal("12.3"), **EPC) == (
        "BCD\n002\n1\nSCT\nABNANL2A\nTulpen & Zonen B.V.\nNL91ABNA0417164300\nEUR12.30\n\n\n2026-00042"
    )
    assert qr.epc(amount=Decimal(1), **EPC | {"bic": None}).split("\n")[4] == ""


def test_the_european_code_keeps_to_the_lengths_of_the_norm():
    said = qr.epc(amount=Decimal(1), **EPC | {"name": "N" * 90 + "\nX", "text": "t\n" * 200})
    fields = said.split("\n")
    assert (len(fields), fields[5], len(fields[10])) == (11, "N" * 70, 140)


@pytest.mark.parametrize("amount", ["0", "0.00", "-1", "1000000000"])
def test_the_european_code_is_left_out_for_amounts_that_it_cannot_say(amount):
    assert qr.epc(amount=Decimal(amount), **EPC) is None


def test_the_russian_code_says_what_the_norm_asks():
    assert qr.st00012(amount=Decimal("1234.50"), **ST) == (
        "ST00012|Name=ООО «Ромашка»|PersonalAcc=40702810900000000001|BankName=ПАО СБЕРБАНК|BIC=044525225"
        "|CorrespAcc=30101810400000000225|Sum=123450|Purpose=Оплата по счёту № 7|PayeeINN=7707083893|KPP=770701001"
    )


def test_the_russian_code_leaves_out_what_is_not_there_and_nothing_for_nothing():
    said = qr.st00012(amount=Decimal(1), **ST | {"kpp": None, "inn": None, "correspondent": None})
    assert said.endswith("|CorrespAcc=0|Sum=100|Purpose=Оплата по счёту № 7")
    assert qr.st00012(amount=Decimal(0), **ST) is None


def test_the_russian_code_takes_another_separator_when_a_value_holds_the_usual_one():
    said = qr.st00012(amount=Decimal(1), **ST | {"name": "A|B"})
    assert said.startswith("ST00012~Name=A|B~PersonalAcc=")
    said = qr.st00012(amount=Decimal(1), **ST | {"name": "A|~#^;B"})
    assert said.startswith("ST00012|Name=A/~#^;B|PersonalAcc=")


@pytest.mark.parametrize("text", [qr.epc(amount=Decimal("12.30"), **EPC), qr.st00012(amount=Decimal(9), **ST)])
def test_the_picture_holds_the_modules_of_the_text(text):
    expected = segno.make_qr(text, mode="byte", error="m", boost_error=False, encoding="utf-8")
    assert expected.error == "M"
    picture = Image.open(io.BytesIO(qr.png(text, scale=4))).convert("L")
    size = len(expected.matrix)
    assert picture.size == (4 * (size + 8), 4 * (size + 8))
    seen = [[picture.getpixel((4 * (x + 4) + 2, 4 * (y + 4) + 2)) < 128 for x in range(size)] for y in range(size)]
    assert seen == [[bool(module) for module in row] for row in expected.matrix]
    assert qr.matrix(text) == tuple(tuple(row) for row in expected.matrix)
