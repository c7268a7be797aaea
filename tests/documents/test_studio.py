"""Templates of the studio as PDF: forms of values in four languages, ready blocks, pages, archives."""

import io
import re
import time
import zlib
from contextlib import suppress

import pypdfium2
import pytest

from app.documents import declension, studio
from app.documents.engine import DocumentError, Pool
from app.models.document_template import PaperKind
from app.services import document_field, document_papers, document_supplied
from app.services.document_source import BLOCKS, compiled
from tests.attack import attack

document_papers.load()
PAPER = document_field.of(PaperKind.order)
DATA = {
    "number": "SO-1",
    "date": "2026-03-31",
    "made_on": "2026-03-31",
    "currency": "EUR",
    "gross": "1234.56",
    "net": "1020.30",
    "tax": "214.26",
    "note": None,
    "owner": "Смирнова Анна Игоревна",
    "seller.name": "Grachten <Handel>",
    "buyer.name": "Tulpen & Zonen",
    "buyer.contact": "Иванов Пётр Сергеевич",
    "buyer.contact_position": "генеральный директор",
    "buyer.is_company": True,
    "lines": [
        {"position": 1, "text": "Bulbs {{ 7*7 }}", "quantity": "2.5", "unit": "kg", "price": "4", "net": "10.00"}
    ],
}


@pytest.fixture(scope="module")
def pool():
    made = Pool(1)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def speaking(app):
    with app.app_context():
        yield


def layout(body, *, header="", footer="", style="", page_size="a4", margins=(20, 16, 20, 18)):
    parts = {
        "body": compiled(body, PAPER, field="body"),
        "header": compiled(header, PAPER, field="header", in_margin=True),
        "footer": compiled(footer, PAPER, field="footer", in_margin=True),
    }
    return studio.Layout(**parts, style=style, page_size=page_size, margins=margins)


def made(body, pool, *, data=DATA, language="en", is_archival=False, timeout=studio.TIMEOUT, **parts):
    return studio.pdf(
        layout(body, **parts),
        PAPER.fields,
        data,
        language=language,
        title="T",
        made_on="2026-03-31",
        is_archival=is_archival,
        timeout=timeout,
        pool=pool,
    )


def text_of(pdf):
    document = pypdfium2.PdfDocument(io.BytesIO(pdf))
    try:
        return [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document]
    finally:
        document.close()


def inside(pdf):
    """Return the file with its packed parts unpacked."""
    found = [pdf]
    for part in pdf.split(b"stream\n")[1:]:
        with suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(part))
    return b"\n".join(found)


FIELDS = (
    '<p style="font-size: 5pt"><span data-field="gross"></span>|<span data-field="gross.words"></span>|'
    '<span data-field="date"></span>|'
    '<span data-field="date.figures"></span>|<span data-field="buyer.contact.genitive"></span>|'
    '<span data-field="buyer.contact_position.dative"></span></p>'
)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            (
                "€1,234.56|One thousand, two hundred and thirty-four euros and 56 cents|31 March 2026|31.03.2026"
                "|Иванов Пётр Сергеевич|генеральный директор"
            ),
        ),
        (
            "ru",
            (
                "1 234,56 €|Одна тысяча двести тридцать четыре евро 56 центов|31 марта 2026 г.|31.03.2026"
                "|Иванова Петра Сергеевича|генеральному директору"
            ),
        ),
        (
            "hy",
            (
                "1 234,56 €|Հազար երկու հարյուր երեսունչորս եվրո 56 ցենտ|31 մարտի, 2026 թ.|31.03.2026"
                "|Иванов Пётр Сергеевич|генеральный директор"
            ),
        ),
        (
            "nl",
            (
                "€ 1.234,56|Duizend tweehonderdvierendertig euro en 56 cent|31 maart 2026|31.03.2026"
                "|Иванов Пётр Сергеевич|генеральный директор"
            ),
        ),
    ],
)
def test_values_look_as_their_language_writes_them(pool, language, said):
    found = " ".join(" ".join(text_of(made(FIELDS, pool, language=language))).split())
    assert found.replace("\N{NO-BREAK SPACE}", " ") == said


def test_loops_conditions_and_blocks_print_data_as_text(pool):
    body = (
        '<p data-if="note">with a note</p><p data-unless="note">no note</p><p data-if="buyer.is_company">firm</p>'
        '<table data-each="lines"><tbody><tr><td><span data-field="lines.text"></span></td></tr></tbody></table>'
        + "".join(f'<div data-block="{name}"></div>' for name in BLOCKS)
    )
    [page] = text_of(made(body, pool))
    assert "no note\nfirm\nBulbs {{ 7*7 }}\nGrachten <Handel>" in page
    assert "with a note" not in page
    words = " ".join(page.split())
    assert "Net €1,020.30 VAT amount €214.26 Total €1,234.56" in words
    assert "In words: One thousand, two hundred and thirty-four euros and 56 cents" in words


def test_pages_have_margins_of_their_own_and_count_themselves(pool):
    foot = '<p class="right"><span data-field="page"></span>/<span data-field="pages"></span></p>'
    head = '<p><span data-field="number"></span> of <span data-field="buyer.name"></span></p>'
    pages = text_of(made("<p>a</p><p style='break-before: page'>b</p>", pool, header=head, footer=foot))
    assert [sorted(page.split("\n")) for page in pages] == [
        ["1/2", "SO-1 of Tulpen & Zonen", "a"],
        ["2/2", "SO-1 of Tulpen & Zonen", "b"],
    ]


def test_the_same_document_is_the_same_file_and_an_archival_one_says_so(pool):
    first, again = made(FIELDS, pool), made(FIELDS, pool)
    assert first == again
    archival = made(FIELDS, pool, is_archival=True)
    assert b"pdfaid" not in inside(first)
    assert re.search(rb"pdfaid:part(>|=.)3", inside(archival))


def test_a_label_is_as_large_as_a_label(pool):
    document = pypdfium2.PdfDocument(io.BytesIO(made("<p>a</p>", pool, page_size="label", margins=(4, 4, 4, 4))))
    width, height = document[0].get_size()
    document.close()
    assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (99, 68)


@pytest.mark.parametrize(
    ("name", "genitive", "dative"),
    [
        ("Иванов Пётр Сергеевич", "Иванова Петра Сергеевича", "Иванову Петру Сергеевичу"),
        ("Смирнова Анна Игоревна", "Смирновой Анны Игоревны", "Смирновой Анне Игоревне"),
        ("Петрова-Водкина Мария", "Петровой-Водкиной Марии", "Петровой-Водкиной Марии"),
        ("Anna de Vries", "Anna de Vries", "Anna de Vries"),
        ("Смирнова А. И.", "Смирнова А. И.", "Смирнова А. И."),
    ],
)
def test_russian_names_are_declined(name, genitive, dative):
    assert (declension.name_in(name, "genitive"), declension.name_in(name, "dative")) == (genitive, dative)


@pytest.mark.parametrize(
    ("position", "genitive", "dative"),
    [
        ("генеральный директор", "генерального директора", "генеральному директору"),
        ("Директор по продажам", "Директора по продажам", "Директору по продажам"),
        (
            "исполняющий обязанности директора",
            "исполняющего обязанности директора",
            "исполняющему обязанности директора",
        ),
        ("председатель правления", "председателя правления", "председателю правления"),
        ("заведующая складом", "заведующей складом", "заведующей складом"),
        ("глава представительства", "главы представительства", "главе представительства"),
        ("продавец-консультант", "продавца-консультанта", "продавцу-консультанту"),
        ("управляющий", "управляющего", "управляющему"),
        ("CEO", "CEO", "CEO"),
    ],
)
def test_russian_positions_are_declined(position, genitive, dative):
    assert (declension.position_in(position, "genitive"), declension.position_in(position, "dative")) == (
        genitive,
        dative,
    )


# --- attacks on the renderer, past everything that saving refuses -----------------------------------------------------


def raw(pool, body="", *, style="", timeout=studio.TIMEOUT):
    """Render parts that no save would let through."""
    parts = studio.Layout(body=body, header="", footer="", style=style, page_size="a4", margins=(20, 16, 20, 18))
    options = {"language": "en", "title": "T", "made_on": "2026-03-31", "timeout": timeout, "pool": pool}
    with pytest.raises(DocumentError) as caught:
        studio.pdf(parts, PAPER.fields, DATA, **options)
    return caught.value


@attack(161, "statements in a template's text leave the sandbox")
@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ f.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ self._TemplateReference__context }}",
        "{% set x = f.update({'a': 1}) %}",
    ],
)
def test_the_sandbox_holds(pool, body):
    refusal = raw(pool, body)
    assert refusal.template in {"body", "studio.html"}
    assert refusal.line >= 1


@attack(162, "a template fetches a file or an address")
@pytest.mark.parametrize(
    "body",
    [
        '<img src="file:///etc/passwd">',
        '<img src="http://127.0.0.1:9/canary.png">',
        '<link rel="attachment" href="file:///etc/passwd">',
        '<a rel="attachment" href="http://127.0.0.1:9/canary">x</a>',
        '<object data="file:///etc/passwd"></object>',
    ],
)
def test_nothing_is_fetched(pool, body):
    assert "outside of the document" in raw(pool, body).reason


@attack(163, "a style fetches an address")
@pytest.mark.parametrize(
    "style",
    [
        "body { background: url(http://127.0.0.1:9/canary) }",
        "@import url(file:///etc/passwd);",
        "@font-face { font-family: x; src: url(http://127.0.0.1:9/canary) } body { font-family: x }",
    ],
)
def test_a_style_fetches_nothing(pool, style):
    assert "outside of the document" in raw(pool, "<p>a</p>", style=style).reason


@attack(164, "an endless loop and a text of two gigabytes")
@pytest.mark.parametrize(
    "body",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ 'x' * 2147483648 }}",
        "{{ 'x'.ljust(2147483648) }}",
        "{{ '%2147483648d' % 1 }}",
    ],
)
def test_loops_and_giants_end(body):
    pool = Pool(1)
    try:
        refusal = raw(pool, body, timeout=4)
    finally:
        pool.close()
    assert refusal.reason


@attack(166, "a layout that takes for ever")
@pytest.mark.parametrize(
    "body",
    [
        "<div style='display: inline-block'>a b " * 50 + "</div>" * 50,
        "<p style='width: 1mm'>" + "<span>a </span>" * 400_000 + "</p>",
    ],
)
def test_a_pathological_layout_ends_and_harms_nobody(body):
    pool = Pool(1)
    try:
        began = time.monotonic()
        refusal = raw(pool, body, timeout=4)
        assert time.monotonic() - began < studio.TIMEOUT
        assert text_of(made("<p>well</p>", pool)) == ["well"]  # the next one has a child of its own
    finally:
        pool.close()
    assert refusal.reason


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            ["Contract C-2026-00017", "represented by Иванов Пётр Сергеевич, генеральный", "by months: 12"],
        ),
        ("ru", ["в лице генерального директора Иванова Петра Сергеевича", "Действует с", "1 200,00"]),
        ("nl", ["tot en met 31 december 2026", "KvK-nummer 34215678", "Prijs"]),
        ("hy", ["Ուժի մեջ է", "Պայմանները"]),
    ],
)
def test_the_supplied_contract_says_all_of_it_in_each_language(pool, language, told):
    contract = document_field.of(PaperKind.contract)
    said = {each.name: each.sample for each in contract.fields} | {"amends": None, "amendment": None}
    said |= {"terms": "First.\nSecond.", "is_renewable": False}
    template = document_supplied.made(PaperKind.contract, language)
    parts = {
        "body": compiled(template.body, contract, field="body"),
        "header": "",
        "footer": compiled(template.footer, contract, field="footer", in_margin=True),
    }
    shape = studio.Layout(**parts, style="", page_size="a4", margins=(20, 16, 20, 18))
    file = studio.pdf(
        shape, contract.fields, said, language=language, title="C", made_on="2026-03-31", timeout=60, pool=pool
    )
    shown = "\n".join(text_of(file))
    assert [each for each in told if each not in " ".join(shown.split())] == []
    assert "First.\nSecond." in shown  # its lines stay
