"""The attacks that are tried have numbers, and docs/attacks.md names them all."""

from pathlib import Path

from tools.attacks import TABLE, Attack, attacks, table

LEAST = 60


def test_every_attack_has_one_number_without_a_gap_and_words_of_its_own():
    found = attacks()
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert len(found) >= LEAST
    assert len({one.what for one in found}) == len({one.test for one in found}) == len(found)
    assert [one for one in found if "|" in one.what or one.what != one.what.strip()] == []


def test_the_page_names_them_as_the_tests_do(root: Path):
    assert root / "docs" / "attacks.md" == TABLE
    assert TABLE.read_text(encoding="utf-8") == table(attacks()), "python tools/attacks.py writes it anew"


def test_an_attack_is_found_wherever_its_test_stands(tmp_path: Path):
    place = tmp_path / "tests" / "web"
    place.mkdir(parents=True)
    (place / "test_x.py").write_text(
        '@attack(2, "b")\n@other\ndef test_b(): ...\n\n@attack(1, "a")\ndef test_a(): ...\n'
    )
    assert attacks(tmp_path) == [
        Attack(1, "a", "tests/web/test_x.py::test_a"),
        Attack(2, "b", "tests/web/test_x.py::test_b"),
    ]
