"""Many PDF files as one: their order and marks, what cannot be read, and what must not come along."""

from pathlib import Path

import pikepdf
import pytest

from app.documents.binding import Binder
from app.documents.engine import DocumentError
from tests.attack import attack

MOST = 50 << 20


def paper(place: Path, width: int, pages: int = 1) -> Path:
    with pikepdf.new() as made:
        for _page in range(pages):
            made.add_blank_page(page_size=(width, 300))
        made.save(place)
    return place


def widths(place: Path) -> list[int]:
    with pikepdf.open(place) as whole:
        return [int(page.mediabox[2]) for page in whole.pages]


def marks(place: Path) -> list[str]:
    with pikepdf.open(place) as whole, whole.open_outline() as outline:
        return [str(item.title) for item in outline.root]


def test_pages_keep_the_order_over_portions_and_each_file_has_its_mark(tmp_path):
    binder = Binder(tmp_path, most=MOST)
    first = [(paper(tmp_path / "a", 101), "A"), (paper(tmp_path / "b", 102, pages=2), "Б")]
    assert binder.add(first) == [True, True]
    assert binder.add([(paper(tmp_path / "c", 103), "Գ")]) == [True]
    whole = binder.whole()
    assert widths(whole) == [101, 102, 102, 103]
    assert marks(whole) == ["A", "Б", "Գ"]
    assert whole.read_bytes().startswith(b"%PDF-")


def test_a_file_that_is_none_is_told_and_the_others_stay(tmp_path):
    (tmp_path / "broken").write_bytes(b"%PDF-1.7\nnothing")
    (tmp_path / "empty").write_bytes(b"")
    locked = tmp_path / "locked"
    with pikepdf.open(paper(tmp_path / "open", 104)) as source:
        source.save(locked, encryption=pikepdf.Encryption(owner="o", user="u"))
    files = [(tmp_path / name, name) for name in ("broken", "empty", "locked", "missing")]
    binder = Binder(tmp_path, most=MOST)
    assert binder.add([*files, (paper(tmp_path / "good", 105), "good")]) == [False, False, False, False, True]
    assert widths(binder.whole()) == [105]


@attack(210, "a PDF with programs in it, bound into the file that somebody takes away")
def test_nothing_that_runs_comes_along(tmp_path):
    place = paper(tmp_path / "evil", 106)
    with pikepdf.open(place, allow_overwriting_input=True) as evil:
        run = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        link = pikepdf.Dictionary(S=pikepdf.Name.URI, URI="https://example.org")
        both = pikepdf.Dictionary(S=pikepdf.Name.URI, URI="https://example.org", Next=run)
        notes = [pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9], A=each)
                 for each in (run, link, both)]  # fmt: skip
        evil.Root.OpenAction = run
        evil.pages[0].obj.AA = pikepdf.Dictionary(O=run)
        evil.pages[0].obj.Annots = evil.make_indirect(pikepdf.Array([evil.make_indirect(each) for each in notes]))
        evil.save(place)
    binder = Binder(tmp_path, most=MOST)
    assert binder.add([(place, "E")]) == [True]
    with pikepdf.open(binder.whole()) as whole:
        page = whole.pages[0].obj
        assert "/OpenAction" not in whole.Root
        assert "/AA" not in page
        assert [str(note["/A"]["/S"]) if "/A" in note else None for note in page["/Annots"]] == [None, "/URI", None]
        assert b"JavaScript" not in b"".join(obj.unparse() for obj in whole.objects if obj is not None)


def test_more_bytes_than_are_allowed_are_refused(tmp_path):
    binder = Binder(tmp_path, most=1_500)
    for name in "abcdefghijkl":
        assert binder.add([(paper(tmp_path / name, 101), name * 100)]) == [True]
    with pytest.raises(DocumentError, match="too large for one PDF"):
        binder.whole()
