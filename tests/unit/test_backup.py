"""Archives of an installation: what goes in comes out, and what is damaged is refused before anything is touched."""

import io
import os
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from app.backup import Manifest, automatic_name, backup, keep_last, restore, verify
from app.dump import copy_database, is_empty, restore_database, revision
from app.errors import DomainError
from tests import servers

AT = datetime(2026, 3, 31, 12, 30, 15, tzinfo=UTC)
SECRET = b"0123456789"


def fill(file: Path, names: list[str], *, schema: str = "0003") -> str:
    """Make a small database in WAL mode, as ours are; return its URL."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE party (id INTEGER PRIMARY KEY, name TEXT)")
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES (?)", [schema])
        database.executemany("INSERT INTO party (name) VALUES (?)", [[name] for name in names])
    return f"sqlite:///{file}"


def names_in(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return [name for (name,) in database.execute("SELECT name FROM party ORDER BY id")]


def tree(var: Path) -> dict[str, bytes]:
    return {
        path.relative_to(var).as_posix(): path.read_bytes()
        for path in sorted(var.rglob("*"))
        if path.is_file() and not path.name.startswith("crm.db")
    }


@pytest.fixture
def house(tmp_path: Path) -> tuple[Path, str]:
    """An installation with two parties, two attachments and a key."""
    var = tmp_path / "var"
    url = fill(var / "crm.db", ["Ромашка", "Երևան"])
    for name, content in {"files/ab/1.pdf": b"%PDF", "files/0": b"", "keys/secret": SECRET, "broker/x": b"no"}.items():
        (var / name).parent.mkdir(parents=True, exist_ok=True)
        (var / name).write_bytes(content)
    return var, url


def test_an_installation_comes_back_as_it_was(house: tuple[Path, str], tmp_path: Path) -> None:
    var, url = house
    made = backup(var, url, tmp_path / "out" / "crm.tar", at=AT)
    there = tmp_path / "there"
    read = restore(tmp_path / "out" / "crm.tar", there, f"sqlite:///{there}/crm.db")
    assert read == made
    assert (read.dialect, read.revision, read.made_at) == ("sqlite", "0003", AT)
    assert sorted(read.members) == ["database.sqlite", "files/0", "files/ab/1.pdf", "keys/secret"]
    assert names_in(there / "crm.db") == ["Ромашка", "Երևան"]
    assert tree(there) == {"files/0": b"", "files/ab/1.pdf": b"%PDF", "keys/secret": SECRET}
    assert sorted(path.name for path in there.iterdir()) == ["crm.db", "files", "keys"]


def test_archive_and_restored_secrets_are_for_their_owner_only(house: tuple[Path, str], tmp_path: Path) -> None:
    var, url = house
    out = tmp_path / "out"
    before = os.umask(0)
    try:
        backup(var, url, out / "crm.tar", at=AT)
        there = tmp_path / "there"
        restore(out / "crm.tar", there, f"sqlite:///{there}/crm.db")
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in (out / "crm.tar", there / "crm.db", there / "keys/secret")}
    assert set(modes.values()) == {0o600}
    assert (there / "keys").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in out.iterdir()] == ["crm.tar"]


def test_anchors_come_back_only_where_there_are_none(house: tuple[Path, str], tmp_path: Path) -> None:
    var, url = house
    (var / "anchors").mkdir()
    (var / "anchors/crm.jsonl").write_bytes(b"old\n")
    backup(var, url, tmp_path / "crm.tar", at=AT)
    there = tmp_path / "there"
    restore(tmp_path / "crm.tar", there, f"sqlite:///{there}/crm.db")
    assert (there / "anchors/crm.jsonl").read_bytes() == b"old\n"
    (there / "anchors/crm.jsonl").write_bytes(b"old\nlater: what an old archive lacks\n")
    restore(tmp_path / "crm.tar", there, f"sqlite:///{there}/crm.db", force=True)
    assert (there / "anchors/crm.jsonl").read_bytes() == b"old\nlater: what an old archive lacks\n"


def test_the_archive_is_a_plain_tar(house: tuple[Path, str], tmp_path: Path) -> None:
    var, url = house
    backup(var, url, tmp_path / "crm.tar", at=AT)
    with tarfile.open(tmp_path / "crm.tar", "r:") as archive:
        names = archive.getnames()
    assert names == ["database.sqlite", "files/0", "files/ab/1.pdf", "keys/secret", "manifest.json"]


def test_a_copy_of_a_database_that_is_being_written_is_of_one_moment(tmp_path: Path) -> None:
    """A writer adds pairs, each in one transaction, while copies are made: no copy may hold half a pair."""
    url = fill(tmp_path / "crm.db", [])
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(tmp_path / "crm.db", isolation_level=None, timeout=30)) as database:
            while not stop.is_set():
                database.execute("BEGIN IMMEDIATE")
                database.execute("INSERT INTO party (name) VALUES (?)", ["x" * 3000])
                database.execute("INSERT INTO party (name) VALUES (?)", ["y" * 3000])
                database.execute("COMMIT")

    writer = threading.Thread(target=write)
    writer.start()
    counts = []
    try:
        for number in range(10):
            copy_database(url, tmp_path / f"copy-{number}")
            counts.append(len(names_in(tmp_path / f"copy-{number}")))
    finally:
        stop.set()
        writer.join()
    assert [count % 2 for count in counts] == [0] * 10
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


def test_every_changed_byte_of_a_member_is_noticed(house: tuple[Path, str], tmp_path: Path) -> None:
    var, url = house
    good = tmp_path / "crm.tar"
    backup(var, url, good, at=AT)
    whole = good.read_bytes()
    with tarfile.open(good, "r:") as archive:
        places = {
            info.name: [info.offset_data, info.offset_data + info.size // 2, info.offset_data + info.size - 1]
            for info in archive
            if info.size
        }
    assert len(places) == 4
    bad = tmp_path / "bad.tar"
    for spots in places.values():
        for spot in spots:
            bad.write_bytes(whole[:spot] + bytes([whole[spot] ^ 1]) + whole[spot + 1 :])
            with pytest.raises(DomainError, match="damaged"):
                verify(bad)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_an_archive_that_was_cut_off_is_refused(house: tuple[Path, str], tmp_path: Path, share: float) -> None:
    var, url = house
    good = tmp_path / "crm.tar"
    backup(var, url, good, at=AT)
    with tarfile.open(good, "r:") as archive:
        end = archive.getmembers()[-1].offset_data
    bad = tmp_path / "bad.tar"
    bad.write_bytes(good.read_bytes()[: int(end * share)])
    with pytest.raises(DomainError, match="damaged"):
        verify(bad)


def test_a_damaged_archive_changes_nothing_even_when_forced(house: tuple[Path, str], tmp_path: Path) -> None:
    var, url = house
    good = tmp_path / "crm.tar"
    backup(var, url, good, at=AT)
    raw = bytearray(good.read_bytes())
    raw[raw.index(b"%PDF")] ^= 1
    good.write_bytes(raw)
    (var / "files/new").write_bytes(b"since then")
    before = tree(var)
    with pytest.raises(DomainError, match=r"damaged: files/ab/1\.pdf"):
        restore(good, var, url, force=True)
    assert tree(var) == before
    assert names_in(var / "crm.db") == ["Ромашка", "Երևան"]
    assert not [path for path in var.iterdir() if path.name.startswith(".restore")]


def hand_made(path: Path, *members: tarfile.TarInfo | str) -> Path:
    with tarfile.open(path, "w") as archive:
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = 1 if info.isreg() else 0
            archive.addfile(info, io.BytesIO(b"x"))
    return path


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    "member",
    [
        "../evil",
        "/etc/evil",
        "files/../../evil",
        "files/./x",
        "files",
        "evil",
        "keys\\..\\evil",
        "broker/x",
        "database.sqlite/x",
        link("files/x", tarfile.SYMTYPE),
        link("files/x", tarfile.LNKTYPE),
        link("files/x", tarfile.FIFOTYPE),
        link("files/x", tarfile.DIRTYPE),
    ],
    ids=lambda member: member if isinstance(member, str) else f"type-{member.type.decode()}",
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, member: tarfile.TarInfo | str) -> None:
    there = tmp_path / "a" / "var"
    with pytest.raises(DomainError, match="what does not belong there"):
        restore(hand_made(tmp_path / "bad.tar", member), there, f"sqlite:///{there}/crm.db")
    assert [path.name for path in (tmp_path / "a").rglob("*")] == ["var"]
    assert not (tmp_path / "evil").exists()


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="what does not belong there"):
        verify(hand_made(tmp_path / "bad.tar", "files/x", "files/x"))


def test_a_file_under_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="damaged"):
        restore(hand_made(tmp_path / "bad.tar", "files/x", "files/x/y"), tmp_path / "var", "sqlite:///nowhere.db")


@pytest.mark.parametrize(
    ("filled", "said"), [("database", "database"), ("files/x", "folder files"), ("keys/x", "folder keys")]
)
def test_a_filled_installation_is_left_alone_unless_forced(
    house: tuple[Path, str], tmp_path: Path, filled: str, said: str
) -> None:
    var, url = house
    backup(var, url, tmp_path / "crm.tar", at=AT)
    there = tmp_path / "there"
    target = f"sqlite:///{there}/crm.db"
    if filled == "database":
        fill(there / "crm.db", ["mine"])
    else:
        (there / filled).parent.mkdir(parents=True)
        (there / filled).write_bytes(b"mine")
    with pytest.raises(DomainError, match=f"The {said} here is not empty"):
        restore(tmp_path / "crm.tar", there, target)
    assert is_empty(target) is (filled != "database")
    restore(tmp_path / "crm.tar", there, target, force=True)
    assert names_in(there / "crm.db") == ["Ромашка", "Երևան"]
    assert tree(there) == {"files/0": b"", "files/ab/1.pdf": b"%PDF", "keys/secret": SECRET}


def test_a_database_in_use_is_not_replaced_and_the_folders_come_back(house: tuple[Path, str], tmp_path: Path) -> None:
    var, url = house
    backup(var, url, tmp_path / "crm.tar", at=AT)
    (var / "files/new").write_bytes(b"since then")
    before = tree(var)
    with closing(sqlite3.connect(var / "crm.db")) as open_elsewhere:
        open_elsewhere.execute("SELECT count(*) FROM party").fetchone()
        with pytest.raises(DomainError, match="in use: stop the program first"):
            restore(tmp_path / "crm.tar", var, url, force=True)
    assert tree(var) == before
    assert names_in(var / "crm.db") == ["Ромашка", "Երևան"]


def test_the_log_of_the_old_database_is_not_replayed_into_the_new_one(tmp_path: Path) -> None:
    """A killed program leaves a -wal file; read beside another database it would mix the two."""
    url = fill(tmp_path / "new.db", ["new"])
    copy_database(url, tmp_path / "copy")
    old = tmp_path / "old.db"
    fill(old, ["old"])
    with closing(sqlite3.connect(old, isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("UPDATE party SET name = 'from the log'")
        log = (tmp_path / "old.db-wal").read_bytes()
    (tmp_path / "old.db-wal").write_bytes(log)
    restore_database(f"sqlite:///{old}", tmp_path / "copy")
    assert names_in(old) == ["new"]


def test_a_damaged_copy_does_not_replace_a_database(tmp_path: Path) -> None:
    url = fill(tmp_path / "crm.db", ["mine"])
    copy_database(fill(tmp_path / "other.db", ["x" * 500] * 500), tmp_path / "copy")
    raw = bytearray((tmp_path / "copy").read_bytes())
    raw[4096 * 5 : 4096 * 6] = b"\xff" * 4096
    (tmp_path / "copy").write_bytes(raw)
    with pytest.raises(DomainError, match="copy of the database is damaged"):
        restore_database(url, tmp_path / "copy")
    assert names_in(tmp_path / "crm.db") == ["mine"]


def test_no_database_is_said_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="cannot be copied"):
        copy_database(f"sqlite:///{tmp_path}/none.db", tmp_path / "copy")
    with pytest.raises(DomainError, match="in memory"):
        copy_database("sqlite://", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DomainError, match="There is no archive"):
        verify(tmp_path / "none.tar")


def test_an_archive_of_another_kind_of_database_is_refused(house: tuple[Path, str], tmp_path: Path) -> None:
    var, url = house
    backup(var, url, tmp_path / "crm.tar", at=AT)
    there = tmp_path / "there"
    with pytest.raises(DomainError, match="The archive is of sqlite, the database here is postgresql"):
        restore(tmp_path / "crm.tar", there, "postgresql://nobody@127.0.0.1:1/none", force=True)
    assert list(there.iterdir()) == []


def test_a_manifest_knows_when_it_was_changed() -> None:
    raw = Manifest("sqlite", "0003", AT, {"files/x": (1, "00")}).to_json()
    assert Manifest.from_json(raw).members == {"files/x": (1, "00")}
    with pytest.raises(DomainError, match="manifest was changed"):
        Manifest.from_json(raw.replace(b"0003", b"0002"))
    with pytest.raises(DomainError, match="has format 2, this program reads format 1"):
        Manifest.from_json(raw.replace(b'"format": 1', b'"format": 2'))
    for broken in (b"", b"[]", b"{}", b"\xff"):
        with pytest.raises(DomainError, match="manifest cannot be read"):
            Manifest.from_json(broken)


def test_only_the_newest_automatic_copies_stay(tmp_path: Path) -> None:
    names = [automatic_name(AT.replace(day=day), "sqlite:///x.db") for day in (3, 1, 2)]
    assert names[0] == "auto-20260303T123015Z.sqlite"
    for name in [*names, "mine.tar"]:
        (tmp_path / name).touch()
    assert [path.name for path in keep_last(tmp_path, 2)] == ["auto-20260301T123015Z.sqlite"]
    left = ["auto-20260302T123015Z.sqlite", "auto-20260303T123015Z.sqlite", "mine.tar"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left
    assert keep_last(tmp_path, 2) == []
    assert len(keep_last(tmp_path, 0)) == 2


def test_the_revision_of_a_database_without_migrations_is_none(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.execute("CREATE TABLE a (b)")
    assert revision(f"sqlite:///{tmp_path}/x.db") is None
    assert revision(f"sqlite:///{tmp_path}/none.db") is None


# --- PostgreSQL -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    servers.need("postgres")
    given = os.environ.get("CRM_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with servers.postgres() as private:
        yield private.url


def database(server: str, name: str) -> str:
    return servers.create_database(server, f"backup_{name}_{os.getpid()}")


def ask(url: str, *statements: str) -> list[tuple[object, ...]]:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        for statement in statements[:-1]:
            connection.execute(statement)
        found = connection.execute(statements[-1])
        return found.fetchall() if found.description else []


FILL = (
    "CREATE EXTENSION pg_trgm",
    "CREATE TABLE party (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, name text)",
    "CREATE INDEX party_name ON party USING gin (name gin_trgm_ops)",
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'frozen'; END $$",
    "CREATE TRIGGER frozen BEFORE DELETE ON party EXECUTE FUNCTION refuse()",
    "CREATE TABLE alembic_version (version_num text)",
    "INSERT INTO alembic_version VALUES ('0003')",
    "INSERT INTO party (name) VALUES ('Ромашка'), ('Երևան')",
)


@pytest.mark.postgres
def test_postgres_comes_back_and_later_tables_are_gone(server: str, tmp_path: Path) -> None:
    url, var = database(server, "a"), tmp_path / "var"
    ask(url, *FILL)
    (var / "keys").mkdir(parents=True)
    (var / "keys" / "secret").write_bytes(SECRET)
    made = backup(var, url, tmp_path / "crm.tar", at=AT)
    assert (made.dialect, made.revision, sorted(made.members)) == (
        "postgresql",
        "0003",
        ["database.dump", "keys/secret"],
    )
    for round_ in range(2):  # what was restored can be backed up and restored again
        ask(
            url,
            "CREATE TABLE later (id int)",
            "UPDATE party SET name = 'changed'",
            "INSERT INTO party VALUES (99, 'x')",
        )
        with pytest.raises(DomainError, match="database here is not empty"):
            restore(tmp_path / "crm.tar", tmp_path / f"there{round_}", url)
        restore(tmp_path / "crm.tar", tmp_path / f"there{round_}", url, force=True)
        assert ask(url, "SELECT id, name FROM party ORDER BY id") == [(1, "Ромашка"), (2, "Երևան")]
        assert ask(url, "SELECT to_regclass('later'), to_regclass('party_name')::text") == [(None, "party_name")]
        with pytest.raises(psycopg.errors.RaiseException, match="frozen"):
            ask(url, "DELETE FROM party")
        backup(var, url, tmp_path / "crm.tar", at=AT)
    assert tree(tmp_path / "there1") == {"keys/secret": SECRET}


@pytest.mark.postgres
def test_an_empty_postgres_takes_an_archive_without_force(server: str, tmp_path: Path) -> None:
    url, empty, var = database(server, "b"), database(server, "c"), tmp_path / "var"
    ask(url, *FILL)
    backup(var, url, tmp_path / "crm.tar", at=AT)
    assert (is_empty(url), is_empty(empty)) == (False, True)
    restore(tmp_path / "crm.tar", tmp_path / "there", empty)
    assert ask(empty, "SELECT name FROM party ORDER BY id") == [("Ромашка",), ("Երևան",)]
    assert (revision(empty), revision(database(server, "d"))) == ("0003", None)


@pytest.mark.postgres
def test_a_dump_that_does_not_replay_changes_nothing(server: str, tmp_path: Path) -> None:
    url = database(server, "e")
    ask(url, *FILL)
    copy_database(url, tmp_path / "dump")
    raw = (tmp_path / "dump").read_bytes()
    (tmp_path / "cut").write_bytes(raw[: len(raw) // 2])
    ask(url, "UPDATE party SET name = 'changed'")
    with pytest.raises(DomainError, match="pg_restore"):
        restore_database(url, tmp_path / "cut")
    assert ask(url, "SELECT DISTINCT name FROM party") == [("changed",)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "dump"]


@pytest.mark.postgres
def test_a_replay_that_fails_half_way_changes_nothing(server: str, tmp_path: Path) -> None:
    """A check that looks up a table by its bare name holds in the source and fails in the replay."""
    url = database(server, "f")
    ask(
        url,
        *FILL,
        "CREATE FUNCTION known() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN EXISTS (SELECT 1 FROM party); END $$",
        "CREATE TABLE zoo (id int CHECK (known()))",
        "INSERT INTO zoo VALUES (1)",
    )
    copy_database(url, tmp_path / "dump")
    ask(url, "UPDATE party SET name = 'changed'", "CREATE TABLE later (id int)")
    with pytest.raises(DomainError, match=r"psql: .*relation \"party\" does not exist"):
        restore_database(url, tmp_path / "dump")
    assert ask(url, "SELECT DISTINCT name FROM party") == [("changed",)]
    assert ask(url, "SELECT to_regclass('later')::text") == [("later",)]


@pytest.mark.postgres
def test_a_wrong_password_is_said_without_the_password(server: str, tmp_path: Path) -> None:
    wrong = make_url(server).set(password="hunter2").render_as_string(hide_password=False)
    with pytest.raises(DomainError, match="does not answer") as refused:
        copy_database(wrong, tmp_path / "dump")
    assert "hunter2" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
