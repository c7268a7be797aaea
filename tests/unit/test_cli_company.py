"""`crm init --country` and `crm reset-password` as a person types them, in a place of their own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text
from werkzeug.security import check_password_hash

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Place:
    """An installation: its folder, and the address of its database when it is none of the folder's own."""

    var: Path
    url: str

    def crm(self, *arguments: str, typed: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
        given = {"CRM_VAR": str(self.var), "CRM_DATABASE_URL": self.url, "CRM_ADMIN_PASSWORD": "correct horse battery"}
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=ROOT,
            env=kept | given | env,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def rows(self, question: str) -> list[Any]:
        engine = create_engine(self.url or f"sqlite:///{self.var}/crm.db", poolclass=NullPool)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(question))]

    def change(self, statement: str) -> None:
        engine = create_engine(self.url or f"sqlite:///{self.var}/crm.db", poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, worker_name: str) -> Place:
    server = os.environ.get("CRM_TEST_DATABASE_URL")
    url = ""
    if server:
        from tests.servers import create_database

        url = create_database(server, f"crm_company_{worker_name}")
    return Place(tmp_path_factory.mktemp("installation"), url)


COMPANY = ["init", "--country", "nl", "--name", "Grachten Handel B.V.", "--tax-number", "NL854502130B01"]
PLACE = ["--street", "Keizersgracht 1", "--city", "Amsterdam", "--iban", "NL91ABNA0417164300"]


@pytest.fixture(scope="module")
def first(place: Place) -> subprocess.CompletedProcess[str]:
    """The company set up by one command in an empty folder."""
    return place.crm(*COMPANY, *PLACE)


def test_one_command_sets_a_company_up_in_a_database_of_its_own(place: Place, first: subprocess.CompletedProcess[str]):
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines() == [
        "The database is up to date",
        "Grachten Handel B.V.: NL, EUR, tax number NL854502130B01",
        "What a document lacks is named when it is issued; the company is changed under Organisations",
        "Start it with: CRM_DEMO=0 make run",
        "ready",
    ]
    assert not (place.var / "demo.db").exists()
    assert place.rows("SELECT name, city, currency FROM organisation") == [("Grachten Handel B.V.", "Amsterdam", "EUR")]
    assert place.rows("SELECT name FROM team") == [("Grachten Handel B.V.",)]


def test_the_same_command_again_changes_nothing(place: Place, first: subprocess.CompletedProcess[str]):
    question = "SELECT (SELECT count(*) FROM {}), (SELECT max(version) FROM organisation)"
    tables = ("organisation", "organisation_bank_account", "tax", "unit", "payment_term", "number_series", "team")
    before = [place.rows(question.format(table)) for table in tables]
    again = place.crm(*COMPANY, *PLACE)
    assert (again.returncode, again.stderr) == (0, "")
    assert [place.rows(question.format(table)) for table in tables] == before


def test_what_is_wrong_is_said_by_option_and_nothing_is_set_up(place: Place, first: subprocess.CompletedProcess[str]):
    wrong = place.crm("init", "--country", "RU", "--name", "Ромашка", "--tax-number", "7707083894", "--account", "1")
    assert wrong.returncode == 1
    assert "--tax-number: " in wrong.stderr
    assert "--account: " in wrong.stderr
    assert place.rows("SELECT count(*) FROM organisation") == [(1,)]
    assert place.crm("init", "--name", "Ромашка").returncode == 2
    demo = place.crm(*COMPANY, CRM_DEMO="1")
    assert (demo.returncode, "CRM_DEMO=1 is the demo company" in demo.stderr) == (1, True)


def test_a_password_is_made_or_read_from_the_input(place: Place, first: subprocess.CompletedProcess[str]):
    made = place.crm("reset-password", "admin", CRM_DEMO="0")
    assert (made.returncode, made.stderr) == (0, "")
    password = made.stdout.split("password ")[1].split(" ")[0]
    assert made.stdout == f"Sign in as admin with the password {password} (shown only now)\nok: admin\n"
    [(kept,)] = place.rows("SELECT password FROM ab_user WHERE username = 'admin'")
    assert check_password_hash(str(kept), password)
    short = place.crm("reset-password", "admin", "--stdin", typed="short\n", CRM_DEMO="0")
    assert (short.returncode, short.stderr) == (1, "refused: A password has at least 12 characters\n")
    assert place.rows("SELECT password FROM ab_user WHERE username = 'admin'") == [(kept,)]


def test_a_lost_second_factor_is_removed(place: Place, first: subprocess.CompletedProcess[str]):
    none = place.crm("remove-second-factor", "admin", CRM_DEMO="0")
    assert (none.returncode, none.stderr) == (1, "Error: This account has no second factor\n")
    assert place.crm("remove-second-factor", "nobody", CRM_DEMO="0").returncode == 1
    place.change("INSERT INTO second_factor (user_id, sealed, last_step) VALUES (1, 'x', 0)")
    done = place.crm("remove-second-factor", "admin", CRM_DEMO="0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok: admin\n", "")
    assert place.rows("SELECT count(*) FROM second_factor") == [(0,)]


def test_roles_are_listed_carried_and_compared(place: Place, first: Any, tmp_path: Path):
    assert first.returncode == 0
    listed = place.crm("role", "list", CRM_DEMO="0")
    assert "Admin: 1 people, 0 changes" in listed.stdout, listed.stderr
    exported = place.crm("role", "export", "Marketer", CRM_DEMO="0")
    file = tmp_path / "role.json"
    changes = [
        {"area": "order", "verb": "see", "granted": True, "scope": "team"},
        {"area": "rocket", "verb": "launch", "granted": True},
    ]
    file.write_text(json.dumps(json.loads(exported.stdout) | {"name": "Fairs", "changes": changes}))
    taken = place.crm("role", "import", str(file), CRM_DEMO="0")
    assert (taken.returncode, taken.stdout) == (0, "ok: Fairs\n"), taken.stderr
    assert "rocket.launch" in taken.stderr
    assert "Fairs: 0 people, 1 changes, based on Marketer" in place.crm("role", "list", CRM_DEMO="0").stdout
    compared = place.crm("role", "diff", "Marketer", "Fairs", CRM_DEMO="0")
    assert (compared.returncode, compared.stdout) == (1, "order.see: no → yes\n"), compared.stderr
    assert place.crm("role", "diff", "Marketer", "Marketer", CRM_DEMO="0").returncode == 0
    file.write_text("{}")
    for arguments in (("import", str(file)), ("export", "Admin"), ("export", "Emperor")):
        refused = place.crm("role", *arguments, CRM_DEMO="0")
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False), arguments
        assert "Error: " in refused.stderr


def test_the_access_of_a_user_is_explained(place: Place, first: Any):
    assert first.returncode == 0
    asked = place.crm("access", "admin", "party.delete", CRM_DEMO="0")
    assert (asked.returncode, asked.stdout.splitlines()[-1]) == (0, "admin may: party.delete"), asked.stderr
    assert "Role “Administrator”: has every right" in asked.stdout
    missing = place.crm("access", "admin", "party.delete", "--record", "999999", CRM_DEMO="0")
    assert (missing.returncode, "There is no such record" in missing.stdout) == (1, True)
    for arguments in (("emperor", "party.see"), ("admin", "party.fly")):
        refused = place.crm("access", *arguments, CRM_DEMO="0")
        assert (refused.returncode, refused.stderr.startswith("Error: There is no")) == (1, True), refused.stderr
