"""The child process: it renders plain data, refuses the rest, and is killed and replaced when it misbehaves."""

import os
import signal
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path

import pypdfium2
import pytest

from app.documents import engine
from app.documents.engine import DocumentError, Pool, render
from tests.attack import attack


@pytest.fixture(scope="module")
def pool():
    made = Pool(1)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def speaking(app):
    with app.app_context():
        yield


def text_of(pdf):
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def inside(pdf):
    """Return the file with its packed parts unpacked."""
    found = [pdf]
    for part in pdf.split(b"stream\n")[1:]:
        with suppress(zlib.error):
            found.append(zlib.decompressobj().decompress(part))
    return b"\n".join(found)


def made(source, pool, data=None, **options):
    return render("t.html", data or {}, language="en", overlay={"t.html": source}, pool=pool, **options)


def refusal(source, pool, data=None, **options):
    with pytest.raises(DocumentError) as caught:
        made(source, pool, data, **options)
    return caught.value


def test_plain_data_becomes_a_pdf_with_its_language_and_escaped_text(pool):
    source = '<html lang="{{ language }}"><title>T</title><p>{{ name }} {{ lines[1].sum }}'
    pdf = made(source, pool, {"name": "<b>A & B</b>", "lines": [{"sum": 1}, {"sum": 2.5}]})
    assert pdf.startswith(b"%PDF-1.7")
    assert text_of(pdf) == "<b>A & B</b> 2.5"
    assert b"/Lang (en)" in inside(pdf)
    assert b"/MarkInfo" in inside(pdf)  # tagged


def test_the_same_data_give_the_same_bytes_from_another_child_too(pool):
    source = "<html lang=en><meta name=dcterms.created content=2026-03-31><p>Հաշիվ Счёт €1 <b>₽</b>"
    other = Pool(1)
    try:
        assert made(source, pool) == made(source, pool) == made(source, other)
    finally:
        other.close()


def test_all_letters_of_our_languages_and_signs_print_in_our_own_fonts(pool):
    text = "Aé ßĳ Ёё Яя Ѣ Աա Ֆֆ և ֏ ₽ € № « » — 123"
    pdf = made(f"<html lang=en><p>{text}<p><b>{text}</b>", pool)
    assert text_of(pdf).replace("\r\n", "\n").split("\n") == [text, text]
    fonts = {part.split(b"/")[0].split()[0] for part in inside(pdf).split(b"/BaseFont /")[1:]}
    assert len(fonts) == 10, fonts  # five sets of letters in two weights
    assert all(b"Noto-Sans" in font for font in fonts), fonts


@attack(112, "a template that leaves its sandbox")
@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("<p>\n{% if %}\n", 2, "Expected an expression"),
        ("<p>\n\n{{ missing }}", 3, "'missing' is undefined"),
        ("<p>\n{{ 1 / 0 }}", 2, "ZeroDivisionError"),
        ("<p>{{ ''.__class__ }}", 1, "__class__"),
        ("<p>{{ items.append(1) }}", 1, "append"),
        ("{% include '../../web/base.html' %}", 1, "base.html"),
        ("<p>{% for i in range(10**7) %}{% endfor %}", 1, "Range too big"),
    ],
)
def test_a_broken_template_is_refused_with_its_line(pool, source, line, reason):
    problem = refusal(source, pool, {"items": []})
    assert (problem.template, problem.line) == ("t.html", line)
    assert reason in problem.reason
    assert reason in str(problem)


@attack(113, "a document that fetches addresses and files")
@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/x.png",
        "https://example.org/x.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "ftp://127.0.0.1/x.png",
        "crm:font/../../../../config.py",
        "crm:nothing.png",
        "//example.org/x.png",
        "x.png",
    ],
)
def test_a_document_reaches_nothing_outside_of_itself(pool, address):
    for source in (
        f'<p>1<img src="{address}">',
        f'<style>p {{ background: url("{address}") }}</style><p>1',
        f'<link rel=stylesheet href="{address}"><p>1',
    ):
        problem = refusal(source, pool)
        assert "outside" in problem.reason


def test_a_picture_comes_with_the_data(pool):
    from app.documents import qr

    source = '<p>1<img src="crm:logo.png" alt="x">'
    assert b"/Subtype /Image" in inside(made(source, pool, assets={"logo.png": qr.png("x")}))
    assert "outside" in refusal(source, pool).reason  # the next document does not see it


@attack(114, "a document that never ends")
def test_a_hanging_document_is_killed_in_time_and_the_next_one_is_made(pool):
    made("<p>1", pool)
    [before] = pool.children()
    began = time.monotonic()
    problem = refusal("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", pool, timeout=1)
    assert time.monotonic() - began < 4
    assert problem.reason == "it takes longer than 1 seconds"
    assert pool.children() == []
    assert not Path(f"/proc/{before}").exists()
    assert text_of(made("<p>after", pool)) == "after"


@attack(115, "a document that takes all memory")
def test_a_hungry_document_is_refused_and_the_next_one_is_made(pool):
    problem = refusal("<p>{{ 'a' * 10**10 }}", pool)
    assert "memory" in problem.reason or "MemoryError" in problem.reason
    assert "8 million characters" in refusal("<p>{{ 'a' * 10**7 }}", pool).reason
    assert text_of(made("<p>after", pool)) == "after"


def test_a_child_that_died_between_two_documents_is_replaced(pool):
    made("<p>1", pool)
    [child] = pool.children()
    os.kill(child, signal.SIGKILL)
    assert text_of(made("<p>after", pool)) == "after"
    assert child not in pool.children()


def test_children_are_kept_warm_and_replaced_after_so_many(monkeypatch):
    pool = Pool(1)
    try:
        made("<p>1", pool)
        first = pool.children()
        made("<p>2", pool)
        assert pool.children() == first
        monkeypatch.setattr(engine, "DOCUMENTS_PER_CHILD", 3)
        made("<p>3", pool)
        assert pool.children() == []
        made("<p>4", pool)
        assert pool.children() != first
    finally:
        pool.close()


def test_nothing_that_a_child_unpacked_is_left_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(engine.tempfile, "tempdir", str(tmp_path))
    pool = Pool(1)
    render("warm.html", {}, language="en", pool=pool)
    (folder,) = tmp_path.iterdir()
    assert [each.name[:10] for each in folder.iterdir()] == ["weasyprint"]
    pool.close()
    assert not list(tmp_path.iterdir())


def test_a_child_whose_parent_was_killed_clears_up_behind_itself(tmp_path):
    told = "from app.documents import engine; engine.warm(); print('warm', flush=True); import time; time.sleep(60)"
    parent = subprocess.Popen(
        [sys.executable, "-c", told], env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE
    )
    assert parent.stdout.readline() == b"warm\n"
    assert len(list(tmp_path.iterdir())) == 1
    parent.kill()
    parent.communicate()
    until = time.monotonic() + 10
    while list(tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list(tmp_path.iterdir())


def test_the_child_knows_nothing_of_the_installation(pool, monkeypatch):
    monkeypatch.setenv("CRM_SECRET_KEY", "secret")
    monkeypatch.setenv("CRM_DATABASE_URL", "secret")
    fresh = Pool(1)
    try:
        made("<p>1", fresh)
        [child] = fresh.children()
        environment = Path(f"/proc/{child}/environ").read_bytes()
    finally:
        fresh.close()
    assert b"PYTHONHASHSEED=0" in environment
    assert b"CRM_" not in environment


def test_the_renderer_is_never_loaded_here():
    code = (
        "import sys, app.documents.invoice, app.documents.engine, app.tasks.dispatch;"
        "sys.exit(any(name in sys.modules for name in ('weasyprint', 'pandas', 'celery')))"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60, check=False).returncode == 0
