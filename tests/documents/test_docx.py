"""DOCX templates: what stands in them is filled in, what is unknown is listed, and what runs is refused."""

import io
import time
import zipfile

import docx as word
import pytest

from app.documents import docx
from app.documents.engine import DocumentError
from app.i18n import in_language
from app.models.document_template import PaperKind
from app.services import document_field, document_papers
from tests.attack import attack

document_papers.load()
PAPER = document_field.of(PaperKind.order)
DATA = {
    "number": "SO-1",
    "currency": "EUR",
    "gross": "1234.56",
    "seller.name": "Grachten <Handel> & Zn",
    "buyer.name": "Tulpen {{ 7*7 }}",
    "lines": [{"text": "Bulbs", "quantity": "2.5"}, {"text": "Spade", "quantity": "1"}],
}


@pytest.fixture(autouse=True)
def speaking(app):
    with app.app_context():
        yield


def template(*paragraphs, head="", table=()):
    made = word.Document()
    for text in paragraphs:
        made.add_paragraph(text)
    if head:
        made.sections[0].header.paragraphs[0].text = head
    if table:
        grid = made.add_table(rows=0, cols=len(table[1]))
        for texts in table:
            for cell, text in zip(grid.add_row().cells, texts, strict=False):
                cell.text = text
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


def with_part(content, name, text):
    source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for each in source.namelist():
            if each != name:
                packed.writestr(each, source.read(each))
        packed.writestr(name, text)
    return target.getvalue()


def test_fields_rows_conditions_and_heads_are_filled():
    content = template(
        "{{ seller_name }} and {{ buyer_name }}",
        "{% if note %}{{ note }}{% else %}no note{% endif %}",
        "{{ gross_words }}",
        head="Order {{ number }}",
        table=[("{%tr for row in lines %}", ""), ("{{ row.text }}", "{{ row.quantity }}"), ("{%tr endfor %}", "")],
    )
    assert docx.check(content, PAPER) == []
    made = word.Document(io.BytesIO(docx.made(content, PAPER, DATA, language="en")))
    assert [each.text for each in made.paragraphs] == [
        "Grachten <Handel> & Zn and Tulpen {{ 7*7 }}",
        "no note",
        "One thousand, two hundred and thirty-four euros and 56 cents",
    ]
    assert [[cell.text for cell in row.cells] for row in made.tables[0].rows] == [["Bulbs", "2.5"], ["Spade", "1"]]
    assert made.sections[0].header.paragraphs[0].text == "Order SO-1"


def test_unknown_names_are_listed():
    content = template(
        "{{ numbr }} {{ seller_nam }}",
        "{% for row in lines %}{{ row.tekst }}{% endfor %}",
        "{% for x in parts %}{% endfor %}",
        head="{{ heading }}",
    )
    assert docx.check(content, PAPER) == ["heading", "numbr", "parts", "row.tekst", "seller_nam"]


@attack(214, "a DOCX template that runs something, or looks beyond its data")
@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ number.__class__ }}",
        "{{ number.upper() }}",
        "{{ number|attr('__class__') }}",
        "{{ number['__class__'] }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% for a in lines %}{% for b in lines %}{{ b.text }}{% endfor %}{% endfor %}",
        "{% for a in 'aaaa' %}x{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% set number = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{{ number",
    ],
)
def test_whatever_is_more_than_printing_is_refused_before_it_runs(text):
    content, began = template(text), time.monotonic()
    with pytest.raises(DocumentError, match="This DOCX cannot be used"):
        docx.check(content, PAPER)
    with pytest.raises(DocumentError, match="This DOCX cannot be used"):
        docx.made(content, PAPER, DATA, language="en")
    assert time.monotonic() - began < docx.TIMEOUT


RELS = "word/_rels/document.xml.rels"
FOREIGN = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r9" Type="http://'
    'schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate" Target="http://127.0.0.1/x" '
    'TargetMode="External"/></Relationships>'
)


@attack(215, "a DOCX with a program, a foreign template, entities, or one that unpacks into gigabytes")
def test_what_would_act_when_it_is_opened_and_bombs_are_refused():
    plain = template("{{ number }}")
    bomb = with_part(plain, "word/media/big.xml", b"0" * (70 << 20))
    entity = with_part(plain, "word/document.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    wrong = {
        "program": with_part(plain, "word/vbaProject.bin", b"x"),
        "fetches": with_part(plain, RELS, FOREIGN),
        "entities": entity,
        "unpacks into too much": bomb,
        "no DOCX": b"PK\x03\x04 nothing",
        "more than 5 MB": b"x" * (docx.MOST_BYTES + 1),
    }
    for reason, content in wrong.items():
        with pytest.raises(DocumentError, match=reason):
            docx.check(content, PAPER)


def test_a_refusal_is_told_in_the_readers_language():
    with in_language("ru"), pytest.raises(DocumentError, match="«Filter» — это больше, чем разрешено шаблону"):
        docx.check(template("{{ number|upper }}"), PAPER)
