"""Importing counterparties: good rows go in, bad ones come back, nothing is done twice."""

import csv
import io
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db import unit_of_work
from app.errors import Conflict, DomainError
from app.exchange import import_running
from app.exchange.csv_file import open_csv
from app.exchange.party_csv import guess
from app.exchange.party_import import Plan, check, run_import
from app.models.history import FieldChange
from app.models.import_run import ImportProblem, ImportRun, ImportState
from app.models.party import Party, PartyKind
from app.outbox import LEASE, Outbox
from app.services import access
from app.services import attachment as attachments
from app.services import import_run as runs
from app.services.import_rows import Mode

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
HEADER = "Название;ИНН;Телефон\n"
INNS = ["7707083893", "7728168971", "7736050003", "7740000076", "7702070139", "7744001497", "7710140679"]
SEVEN = HEADER + "".join(f"ООО «Ромашка {at}»;{inn};\n" for at, inn in enumerate(INNS))


class Killed(BaseException):
    """The process ends here, as far as the import can tell."""


@pytest.fixture
def files(tmp_path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def importing(session, files, tmp_path):
    """Import text as a file and return its run; `start` False leaves it queued."""

    def imported(text: str | bytes, *, start: bool = True, mapping=None, name: str = "file.csv", **about) -> ImportRun:
        content = text if isinstance(text, bytes) else text.encode()
        path = tmp_path / name
        path.write_bytes(content)
        table = open_csv(path)
        plan = Plan(guess(table.columns) if mapping is None else mapping, **about)
        with unit_of_work(session):
            run = runs.make(session, io.BytesIO(content), files=files, name=name, at=NOON)
            runs.set_up(
                run,
                encoding=table.encoding,
                delimiter=table.delimiter,
                total_rows=table.count(),
                mapping=plan.mapping,
                options=plan.options,
            )
            runs.queue(session, run, at=NOON)
        if start:
            run_import(lambda: session, run.id, files, now=lambda: NOON)
        return run

    return imported


def counts(run: ImportRun) -> tuple[int, int, int, int]:
    return run.created_rows, run.updated_rows, run.duplicate_rows, run.rejected_rows


def parties(session) -> list[Party]:
    session.expire_all()
    return list(session.execute(select(Party).order_by(Party.id)).scalars())


def names(session) -> list[str]:
    return [party.name for party in parties(session)]


def reasons(run: ImportRun) -> list[tuple[int, str, str]]:
    return [(row, column, reason) for row, column, reason in run.report.get("problems", [])]


def error_file(run: ImportRun, files: Path) -> list[list[str]]:
    with attachments.open_file(run.errors, files=files) as stored:
        content = stored.read()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


def test_a_file_as_people_have_it(session, importing, files):
    extra = [f"Поле {at}" for at in range(30)]
    row = '"ООО ""Ромашка""\nфилиал";{inn};8 (495) 123-45-67;{more}\n'
    more = ";".join("x" for _one in extra)
    text = (
        f"Название;ИНН;Телефон;{';'.join(extra)}\n"
        + row.format(inn="7707083893", more=more)
        + f'ИП Иванов;"500100732259;не закрыто;{more}\n'
        + row.format(inn="7728168971", more=more)
        + f"ООО Василёк;7707083894;8 495 1;{more}\n"
    )
    run = importing(text.encode("cp1251"), mapping={"ИНН": "inn", "Название": "name", "Телефон": "phone"})
    assert (run.state, counts(run), run.read_rows, run.message) == (ImportState.done, (2, 0, 0, 2), 4, None)
    first = parties(session)[0]
    assert (first.name, first.tax_number, first.country, first.phone) == (
        'ООО "Ромашка" филиал',
        "7707083893",
        "RU",
        "+74951234567",
    )
    assert (first.name_key, first.language, first.version, first.created_at) == ("ромашка филиал", "ru", 1, NOON)
    assert "  74951234567" in first.search_text
    assert [(row, column) for row, column, _reason in reasons(run)] == [(4, ""), (7, "ИНН, Телефон")]
    assert "quotation mark" in reasons(run)[0][2]
    assert "check digits" in reasons(run)[1][2]
    assert "too short" in reasons(run)[1][2]
    header, broken, wrong = error_file(run, files)
    assert header == ["Название", "ИНН", "Телефон", *extra, "row", "column", "reason"]
    assert broken[:3] == ["ИП Иванов", '"500100732259', "не закрыто"]
    assert wrong[:3] == ["ООО Василёк", "7707083894", "8 495 1"]
    assert wrong[-3:-1] == ["7", "ИНН, Телефон"]
    assert session.execute(select(func.count()).select_from(ImportProblem)).scalar() == 0


def test_rows_below_a_party_are_stored_with_it(session, importing):
    text = (
        "name;country;contact;contact email;street;city;iban;phone\n"
        "Tulpen B.V.;NL;Jan de Vries;JAN@tulpen.nl;Damrak 1;Amsterdam;NL91 ABNA 0417 1643 00;"
        '"020 123 4567, 06 12345678"\n'
    )
    run = importing(text)
    assert counts(run) == (1, 0, 0, 0)
    (party,) = parties(session)
    assert (party.kind, party.phone, party.is_customer) == (PartyKind.company, "+31201234567", False)
    assert [(one.name, one.email) for one in party.contacts] == [("Jan de Vries", "jan@tulpen.nl")]
    assert [(one.usage, one.street, one.city) for one in party.addresses] == [("legal", "Damrak 1", "Amsterdam")]
    assert [one.iban for one in party.bank_accounts] == ["NL91ABNA0417164300"]
    assert [(one.kind, one.value, one.raw) for one in party.channels] == [("phone", "+31612345678", "06 12345678")]


def test_an_import_tells_every_row_under_its_party(session, importing):
    importing("name;iban\nAcme;NL91ABNA0417164300\nBravo;\n")
    acme = next(each for each in parties(session) if each.name == "Acme")
    told = session.execute(select(FieldChange).where(FieldChange.part.is_not(None))).scalars().all()
    assert [(each.record_id, each.part, each.part_id, each.act) for each in told] == [
        (acme.id, "party_bank_account", acme.bank_accounts[0].id, "add")
    ]
    assert told[0].changes["iban"] == [None, "NL91ABNA0417164300"]


def test_an_import_writes_history(session, importing, made):
    ada = made.user("office")
    access.act_as(session, access.actor_of(session, user_id=ada.id, name="office", roles=["Back office"]))
    importing("name;email\nAcme;a@acme.com\n")
    (party,) = parties(session)
    (change,) = session.execute(select(FieldChange).where(FieldChange.entity == "party")).scalars()
    assert (change.record_id, change.act, change.actor_id, change.at) == (party.id, "add", ada.id, NOON)
    assert change.changes["name"] == [None, "Acme"]
    assert change.changes["owner_id"] == [None, ada.id]
    assert set(change.changes) == {
        "kind",
        "name",
        "language",
        "email",
        "owner_id",
        "is_customer",
        "is_supplier",
        "is_partner",
    }


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("name;inn\nA;7707083894\n", "inn", "check digits"),
        ("name;iban\nA;NL91ABNA04171643001\n", "iban", "An IBAN of NL has 18 characters; this has 19"),
        ("name;note\n" + "😀ж\u200f" * 134 + ";x\n", "name", "At most 250 characters are possible here; this has 402"),
        ("name;email\nA;a@b@c\n", "email", "e-mail"),
        ("name;country;phone;contact phone\nA;NL;;12\n", "contact phone", "too short"),
        ("name;x\n;y\n", "name", "needs a name"),
        ("name;note\nA;a\x07b\n", "note", "control characters"),
        ("name;owner\nA;stranger\n", "owner", "no user “stranger”"),
        ("name;bank\nA;ABN\n", "bank", "Give the IBAN"),
        ("name;country\nA;QQ\n", "country", "no country code"),
    ],
)
def test_a_bad_row_comes_back_with_row_column_and_reason_and_is_not_stored(session, importing, text, column, reason):
    run = importing(text)
    ((row, found, why),) = reasons(run)
    assert (row, found) == (2, column)
    assert reason in why
    assert counts(run) == (0, 0, 0, 1)
    assert parties(session) == []


def test_names_with_emoji_right_to_left_marks_and_formulas_go_in_as_they_are(session, importing):
    run = importing("name;note\n😀 שלום\u200f;=1+1\n=1+1;@x\n")
    assert counts(run) == (2, 0, 0, 0)
    assert [(party.name, party.note) for party in parties(session)] == [("😀 שלום\u200f", "=1+1"), ("=1+1", "@x")]


def test_the_error_file_keeps_cells_as_they_were_and_is_imported_once_mended(session, importing, files):
    run = importing("name;inn;note;x\n=1+1;7707083894;+7;a\nGood;7728168971;;b\n")
    header, row = error_file(run, files)
    assert (header, row[:4]) == (
        ["name", "inn", "note", "x", "row", "column", "reason"],
        ["=1+1", "7707083894", "+7", "a"],
    )
    with attachments.open_file(run.errors, files=files) as stored:
        mended = stored.read().replace(b"7707083894", b"7707083893")
    again = importing(mended, name="mended.csv")
    assert counts(again) == (1, 0, 0, 0)
    assert names(session) == ["Good", "=1+1"]
    assert again.errors is None


def test_the_columns_of_an_error_file_are_not_doubled_when_a_row_is_still_wrong(importing, files):
    run = importing("name;inn;row;column;reason\nA;1;2;inn;bad\n")
    assert error_file(run, files)[0] == ["name", "inn", "row", "column", "reason"]


def test_the_same_file_twice_creates_nothing_the_second_time(session, importing):
    assert counts(importing(SEVEN)) == (7, 0, 0, 0)
    again = importing(SEVEN)
    assert counts(again) == (0, 0, 7, 0)
    assert len(parties(session)) == 7
    first = parties(session)[0]
    assert reasons(again)[0] == (2, "ИНН", f"“{first.name}” ({first.id}) has the same")
    assert again.errors is not None


def test_duplicates_within_a_file_are_found_in_one_chunk_and_across_chunks(session, importing, monkeypatch):
    text = HEADER + f"A;{INNS[0]};\nB;{INNS[1]};\nC;{INNS[0]};\n"
    assert [row for row, _column, _reason in reasons(importing(text))] == [4]
    session.execute(Party.__table__.delete())
    monkeypatch.setattr(import_running, "CHUNK", 2)
    assert [row for row, _column, _reason in reasons(importing(text))] == [4]
    assert names(session) == ["A", "B"]


def test_branches_of_one_company_are_no_duplicates(session, importing):
    run = importing(f"name;inn;kpp\nA;{INNS[0]};770701001\nB;{INNS[0]};770702002\nC;{INNS[0]};770701001\n")
    assert counts(run) == (2, 0, 1, 0)
    assert names(session) == ["A", "B"]


def test_what_two_parties_may_share_only_warns(session, importing, made):
    made.party("Acme", email="info@acme.com")
    session.commit()
    run = importing("name;email\nBolt;INFO@acme.com\nCoil;info@acme.com\n")
    assert (counts(run), run.warned_rows) == ((2, 0, 0, 0), 2)
    assert "“Acme”" in run.report["warnings"][0][1]
    assert run.report["warnings"][1][0] == 3


def test_an_external_number_makes_a_duplicate(session, importing):
    importing("name;external id\nAcme;K-1\n")
    run = importing("name;external id\nSomebody;K-1\nOther;K-2\nOther again;K-2\n")
    assert counts(run) == (1, 0, 2, 0)
    assert names(session) == ["Acme", "Other"]


def test_updating_changes_what_is_stated_and_leaves_the_rest(session, importing, made):
    party = made.party("Ромашка", country="RU", tax_number=INNS[0], email="old@firma.ru", note="keep")
    session.commit()
    header = "Название;ИНН;E-mail;Город;Примечание\n"
    text = f"{header}Ромашка Плюс;{INNS[0]};new@firma.ru;Тула;\n;{INNS[0]};;Омск;\nНовый;{INNS[1]};;;\n"
    run = importing(text, mode=Mode.update)
    assert counts(run) == (0, 2, 0, 1)
    assert reasons(run)[0][0] == 4
    (kept,) = parties(session)
    assert (kept.id, kept.name, kept.email, kept.note) == (party.id, "Ромашка Плюс", "new@firma.ru", "keep")
    assert [address.city for address in kept.addresses] == ["Омск"]
    assert "  омск" in kept.search_text
    change = session.execute(select(FieldChange).where(FieldChange.act == "change", FieldChange.entity == "party"))
    assert {key for row in change.scalars() for key in row.changes} == {"name", "email"}
    assert counts(importing(text, mode=Mode.both)) == (1, 2, 0, 0)
    assert names(session) == ["Ромашка Плюс", "Новый"]


def test_an_update_that_breaks_a_rule_changes_nothing(session, importing, made):
    made.party("Ромашка", country="RU", tax_number=INNS[0], email="old@firma.ru")
    session.commit()
    run = importing(f"Название;ИНН;IBAN;Город\nНовое имя;{INNS[0]};NL00;Тула\n", mode=Mode.both)
    assert counts(run) == (0, 0, 0, 1)
    (kept,) = parties(session)
    assert (kept.name, kept.addresses, kept.bank_accounts) == ("Ромашка", [], [])


def test_a_second_row_of_the_file_may_change_what_the_first_has_brought(session, importing):
    run = importing(f"Название;ИНН;E-mail;Город\nA;{INNS[0]};a@firma.ru;\nB;{INNS[0]};;Тула\n", mode=Mode.both)
    assert counts(run) == (1, 1, 0, 0)
    (party,) = parties(session)
    assert (party.name, party.email, party.addresses[0].city) == ("B", "a@firma.ru", "Тула")


def test_rows_may_name_their_owner_and_others_go_to_the_one_who_is_told(session, importing, made):
    importing("name;owner\nA;Manager\nB;\n", owner="manager2")
    assert [(party.owner.username, party.team.name) for party in parties(session)] == [
        ("manager", "north"),
        ("manager2", "south"),
    ]


def test_a_counterparty_of_somebody_else_is_neither_changed_nor_named(session, importing, made):
    made.party("Secret", owner="manager2", country="RU", tax_number=INNS[0])
    session.commit()
    manager = made.user("manager")
    actor = access.actor_of(session, user_id=manager.id, name="manager", roles=["Sales manager"])
    access.act_as(session, actor)
    for mode, found in ((Mode.create, (0, 0, 1, 0)), (Mode.both, (0, 0, 0, 1))):
        run = importing(f"Название;ИНН\nMine;{INNS[0]}\n", mode=mode)
        assert counts(run) == found
        assert reasons(run) == [(2, "ИНН", "It is known already, and belongs to somebody else")]
    access.act_as(session, access.SYSTEM)
    assert names(session) == ["Secret"]


# --- killed and resumed -----------------------------------------------------------------------------------------------


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(import_running, "CHUNK", 3)


def test_an_import_killed_between_chunks_goes_on_and_does_no_row_twice(session, importing, files, small_chunks):
    text = SEVEN.replace(INNS[1], "7728168972")
    run = importing(text, start=False)
    seen = []

    def die_after_the_first_chunk(count: int) -> None:
        seen.append(count)
        if len(seen) == 2:
            raise Killed

    with pytest.raises(Killed):
        run_import(lambda: session, run.id, files, now=lambda: NOON, watch=die_after_the_first_chunk)
    session.expire_all()
    assert (run.state, run.read_rows, counts(run)) == (ImportState.running, 3, (2, 0, 0, 1))
    assert len(parties(session)) == 2
    run_import(lambda: session, run.id, files, now=lambda: NOON)
    session.expire_all()
    assert (run.state, run.read_rows, counts(run)) == (ImportState.done, 7, (6, 0, 0, 1))
    assert len(parties(session)) == 6
    assert [row[1] for row in error_file(run, files)[1:]] == ["7728168972"]
    run_import(lambda: session, run.id, files, now=lambda: NOON)
    assert len(parties(session)) == 6


def test_nobody_waits_while_the_file_is_read(session, importing, files, small_chunks, monkeypatch):
    """On SQLite a transaction of a session that writes holds up everybody else."""
    run, busy = importing(SEVEN, start=False), []
    genuine = import_running.open_csv

    def watched(*given, **told):
        busy.append(session.in_transaction())
        return genuine(*given, **told)

    monkeypatch.setattr(import_running, "open_csv", watched)
    run_import(
        lambda: session, run.id, files, now=lambda: NOON, watch=lambda _count: busy.append(session.in_transaction())
    )
    assert busy == [False] * 5  # when it is opened, before the first chunk and after each of three
    session.expire_all()
    assert (run.state, counts(run)) == (ImportState.done, (7, 0, 0, 0))


def test_an_import_killed_inside_a_chunk_keeps_nothing_of_it(session, importing, files, small_chunks, monkeypatch):
    text = "name\n" + "".join(f"Party {at}\n" for at in range(7))
    run = importing(text, start=False)
    true_progress = runs.progress

    def die_in_the_second_chunk(*args, **options):
        if options["done"] == 3:
            raise Killed
        return true_progress(*args, **options)

    monkeypatch.setattr(runs, "progress", die_in_the_second_chunk)
    with pytest.raises(Killed):
        run_import(lambda: session, run.id, files, now=lambda: NOON)
    assert len(parties(session)) == 3
    monkeypatch.setattr(runs, "progress", true_progress)
    run_import(lambda: session, run.id, files, now=lambda: NOON)
    assert names(session) == [f"Party {at}" for at in range(7)]
    assert counts(run) == (7, 0, 0, 0)


def test_two_workers_on_one_run_do_no_row_twice(session, importing):
    run = importing(SEVEN, start=False)
    with unit_of_work(session):
        runs.start(run, at=NOON)
    chunk = runs.Chunk(read=3, created=3)
    with unit_of_work(session):
        runs.progress(session, run.id, done=0, chunk=chunk, report={})
    with pytest.raises(Conflict), unit_of_work(session):
        runs.progress(session, run.id, done=0, chunk=chunk, report={})
    session.expire_all()
    assert (run.read_rows, run.created_rows) == (3, 3)


def test_an_import_whose_file_is_gone_fails_says_so_and_can_be_queued_again(session, importing, files):
    run = importing(SEVEN, start=False)
    path = attachments.path_of(run.file, files=files)
    content = path.read_bytes()
    path.unlink()
    run_import(lambda: session, run.id, files, now=lambda: NOON)
    session.expire_all()
    assert (run.state, run.message) == (ImportState.failed, "The file is gone")
    path.write_bytes(content)
    with unit_of_work(session):
        runs.queue(session, run, at=NOON)
    run_import(lambda: session, run.id, files, now=lambda: NOON)
    session.expire_all()
    assert (run.state, run.message, counts(run)) == (ImportState.done, None, (7, 0, 0, 0))


def test_a_killed_import_of_the_same_file_with_the_same_settings_is_found(session, importing, made):
    run = importing(SEVEN, start=False)
    about = {"sha256": run.file.sha256, "mapping": run.mapping, "options": run.options}
    assert runs.unfinished(session, **about) is run
    assert runs.unfinished(session, **about | {"mapping": {"Название": "name"}}) is None
    assert runs.unfinished(session, **about | {"sha256": "0" * 64}) is None


def test_a_run_is_handed_to_the_worker_at_once_or_later(session, importing):
    run = importing(SEVEN, start=False)
    row = session.execute(select(Outbox)).scalar_one()
    assert (row.topic, row.record_id, row.due_at) == ("import.run", run.id, NOON)
    run.state = ImportState.draft
    runs.queue(session, run, at=NOON, later=True)
    assert [one.due_at for one in session.execute(select(Outbox).order_by(Outbox.id)).scalars()] == [NOON, NOON + LEASE]


def test_a_run_that_has_begun_keeps_its_settings_and_a_header_alone_is_refused(session, importing):
    run = importing(SEVEN)
    about = {"encoding": "utf-8", "delimiter": ";", "mapping": {}, "options": {}}
    with pytest.raises(DomainError, match="has begun"):
        runs.set_up(run, total_rows=7, **about)
    with pytest.raises(DomainError, match="no rows below"):
        importing(HEADER)
    assert counts(run) == (7, 0, 0, 0)


# --- dry run and files ------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_happen_and_stores_nothing(session, made, tmp_path, monkeypatch):
    monkeypatch.setattr(import_running, "CHUNK", 2)
    made.party("Known", country="RU", tax_number=INNS[0])
    session.commit()
    path = tmp_path / "file.csv"
    path.write_text(HEADER + f"A;{INNS[0]};\nB;{INNS[1]};\nC;7707083894;\nD;{INNS[1]};\n")
    table = open_csv(path)
    kept = []
    found = check(session, table, Plan(guess(table.columns)), at=NOON, keep=kept.append)
    assert (found.read, found.created, found.duplicate, found.rejected) == (4, 1, 2, 1)
    assert [(one["row"], one["reason"]) for one in found.problems if one["is_duplicate"]][1] == (
        5,
        "Row 3 of this file is the same",
    )
    assert [one.cells[0] for one in kept] == ["A", "C", "D"]
    assert names(session) == ["Known"]
    assert check(session, table, Plan(guess(table.columns)), at=NOON, most=1).read == 1


def test_files_are_kept_once_by_their_content_and_for_the_program_alone(session, files):
    about = {
        "files": files,
        "media_type": "text/csv",
        "entity": "import_run",
        "record_id": 1,
        "at": NOON,
        "by_id": None,
    }
    one = attachments.store(session, io.BytesIO(b"abc"), name="a.csv", **about)
    two = attachments.store(session, io.BytesIO(b"abc"), name="C:\\Users\\x\\..\\b\u202e.csv", **about)
    assert one.sha256 == two.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (one.size, one.name, two.name) == (3, "a.csv", "b.csv")
    place = attachments.path_of(one, files=files)
    assert place == files / "ba" / one.sha256
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [path for path in files.rglob("*") if path.is_file()] == [place]
    with attachments.open_file(two, files=files) as stored:
        assert stored.read() == b"abc"


def test_a_long_file_name_is_cut_and_keeps_its_ending():
    assert attachments.plain_name("x" * 300 + ".csv") == "x" * 251 + ".csv"
    assert attachments.plain_name("/") == "file"
