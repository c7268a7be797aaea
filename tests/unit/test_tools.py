"""The tools around the product: lock files, front-end files, test runner, migration check, private servers."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import brotli
import pytest

from tests import servers

ROOT = Path(__file__).resolve().parent.parent.parent
LOCKS = ["requirements.lock", "requirements-dev.lock", "tools/requirements-setup.lock", "tools/requirements-node.lock"]


def tool(name: str) -> ModuleType:
    """Load a script of tools/ under a name that no other module has."""
    spec = importlib.util.spec_from_file_location(f"tool_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if str(ROOT / "tools") not in sys.path:
        sys.path.append(str(ROOT / "tools"))  # as for a script that is called: the others stand beside it
    spec.loader.exec_module(module)
    return module


# --- lock files -------------------------------------------------------------------------------------------------


def pins(name: str) -> list[tuple[str, str]]:
    """Return package and version; a package may stand there twice, for different machines."""
    text = (ROOT / name).read_text()
    return re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", text, re.MULTILINE)


@pytest.mark.parametrize("name", [*LOCKS, "package-lock.json", "package.json"])
def test_a_lock_names_no_host(name: str) -> None:
    assert "://" not in (ROOT / name).read_text()


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes(name: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert len(packages) == len(pins(name))
    assert [entry.split("\n")[0] for entry in packages if "--hash=sha256:" not in entry] == []


def test_development_uses_the_versions_that_are_delivered() -> None:
    delivered = pins("requirements.lock")
    assert len(delivered) > 50
    assert sorted(set(delivered) - set(pins("requirements-dev.lock"))) == []


def test_front_end_packages_are_exact_and_locked_with_their_digest() -> None:
    wanted = json.loads((ROOT / "package.json").read_text())
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    exact = {**wanted["dependencies"], **wanted["devDependencies"]}
    found = {place.removeprefix("node_modules/"): package for place, package in locked.items() if place}
    assert {name: found[name]["version"] for name in exact} == exact
    assert [name for name, package in found.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in found.items() if package.get("hasInstallScript")] == []


# --- front-end files --------------------------------------------------------------------------------------------


def modules_for(assets: ModuleType, folder: Path) -> Path:
    """Make a folder that holds every file the copying asks for."""
    for source in assets.wanted().values():
        (folder / source).parent.mkdir(parents=True, exist_ok=True)
        (folder / source).write_text(source)
    icons = folder / "lucide-static" / "icons"
    icons.mkdir(parents=True, exist_ok=True)
    for name in assets.ICONS:
        (icons / f"{name}.svg").write_text(f'<svg\n  width="24"\n>\n  <path d="{name}" />\n</svg>\n')
    return folder


def test_exactly_the_named_files_are_copied(tmp_path: Path) -> None:
    assets = tool("assets")
    modules, lib = modules_for(assets, tmp_path / "modules"), tmp_path / "static" / "lib"
    (modules / "flatpickr" / "other.js").write_text("not asked for")
    (lib / "gone").mkdir(parents=True)
    assert assets.copy(modules, lib) == []
    files = {path.relative_to(lib).as_posix(): path.read_bytes() for path in lib.rglob("*") if path.is_file()}
    packed = {
        name.removesuffix(".br"): brotli.decompress(files.pop(name)) for name in list(files) if name.endswith(".br")
    }
    assert packed == {name: body for name, body in files.items() if name.endswith((".js", ".svg"))}
    copied = {name: body.decode() for name, body in files.items()}
    sprite = copied.pop("icons/icons.svg")
    assert copied == assets.wanted()
    assert sprite.count("<symbol ") == len(assets.ICONS)
    assert '<symbol id="archive" viewBox="0 0 24 24"><path d="archive" /></symbol>' in sprite
    assert [path.name for path in lib.parent.iterdir()] == ["lib"]


@pytest.mark.parametrize("lost", ["flatpickr/dist/l10n/hy.js", "lucide-static/icons/archive.svg"])
def test_a_missing_file_is_named_and_nothing_is_changed(tmp_path: Path, lost: str) -> None:
    assets = tool("assets")
    modules, lib = modules_for(assets, tmp_path / "modules"), tmp_path / "lib"
    lib.mkdir()
    (lib / "before").touch()
    (modules / lost).unlink()
    assert assets.copy(modules, lib) == [lost]
    assert [path.name for path in lib.iterdir()] == ["before"]


# --- make and the set-up ----------------------------------------------------------------------------------------


def test_help_names_every_target() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in said.splitlines()] == targets[1].split()


@pytest.mark.parametrize("script", ["tools/setup.sh", ".ci/run"])
def test_scripts_can_be_parsed_and_run(script: str) -> None:
    shell = "sh" if script.endswith(".sh") else "bash"
    subprocess.run([shell, "-n", script], cwd=ROOT, check=True)
    assert os.access(ROOT / script, os.X_OK)


def test_the_set_up_refuses_an_unknown_level() -> None:
    done = subprocess.run(["sh", "tools/setup.sh", "all"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "usage: sh tools/setup.sh run|check|test\n")


# --- the test runner --------------------------------------------------------------------------------------------


def test_the_runner_sums_up_and_fails_with_a_failed_test(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    browser\n    postgres\n")
    (tmp_path / "test_three.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "def test_left_out(): pytest.skip('why')\n"
        "@pytest.mark.postgres\ndef test_elsewhere(): pass\n"
    )
    options = ["-n", "0", "-p", "no:cacheprovider", "-c", f"{tmp_path}/pytest.ini", f"{tmp_path}/test_three.py"]
    results = ROOT / "var" / "test" / "sqlite.xml"
    kept = results.read_bytes() if results.exists() else None
    done = subprocess.run(
        [sys.executable, "tools/test.py", "sqlite", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if kept is not None:
        results.write_bytes(kept)
    table, last = done.stdout.splitlines()[-2:]
    assert last == "1 passed, 1 failed, 1 skipped"
    assert table.split()[:4] == ["sqlite", "1", "1", "1"]
    assert done.returncode == 1


def test_the_runner_hides_the_installation_from_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DATABASE_URL", "postgresql://somebody")
    monkeypatch.setenv("CRM_TEST_DATABASE_URL", "postgresql://tests")
    env = tool("test").environment()
    assert "CRM_DATABASE_URL" not in env
    assert env["CRM_TEST_DATABASE_URL"] == "postgresql://tests"
    assert env["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("counts", "left_out", "ci", "code"),
    [
        ((3, 0, 0), False, True, 0),
        ((3, 0, 2), False, True, 0),
        ((3, 1, 0), False, False, 1),
        ((3, 0, 0), True, False, 0),
        ((3, 0, 0), True, True, 1),
        ((0, 0, 0), False, False, 1),
    ],
)
def test_the_exit_code_says_what_happened(counts: tuple[int, int, int], left_out: bool, ci: bool, code: int) -> None:
    runner = tool("test")
    rows = [runner.Row("sqlite", *counts)]
    if left_out:
        rows.append(runner.Row("browser", remark="no Chromium", left_out=True))
    assert runner.verdict(rows, ci=ci) == code


# --- migrations -------------------------------------------------------------------------------------------------

ENV = """
from alembic import context
from sqlalchemy import Column, Integer, MetaData, Table, create_engine
metadata = MetaData()
Table("party", metadata, Column("id", Integer, primary_key=True))
with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    connection.engine.dispose()
"""

VERSION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = {number!r}, {before!r}
def upgrade():
    {act}
"""


def migrations(folder: Path, *versions: tuple[str, str | None, str]) -> Path:
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    for number, before, act in versions:
        (folder / "versions" / f"{number}_x.py").write_text(VERSION.format(number=number, before=before, act=act))
    return folder


MAKE = "op.create_table('party', sa.Column('id', sa.Integer, primary_key=True))"


def test_migrations_that_make_what_the_models_say_pass(tmp_path: Path) -> None:
    assert tool("check_migrations").problem(migrations(tmp_path / "m", ("0001", None, MAKE))) == ""


def test_migrations_that_differ_from_the_models_are_named(tmp_path: Path) -> None:
    said = tool("check_migrations").problem(migrations(tmp_path / "m", ("0001", None, "pass")))
    assert said.startswith("the models say something else: New upgrade operations detected")
    assert "add_table" in said


def test_two_heads_are_named(tmp_path: Path) -> None:
    folder = migrations(tmp_path / "m", ("0001", None, MAKE), ("0002", "0001", "pass"), ("0003", "0001", "pass"))
    assert tool("check_migrations").problem(folder) == "one head expected, found 2: 0002, 0003"


def test_migrations_are_numbered_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    number = tool("new_migration").next_number
    assert [number([]), number(["0002", "0001"]), number(["0009", "abc"])] == ["0001", "0003", "0010"]


# --- private servers --------------------------------------------------------------------------------------------


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_durable_redis_keeps_its_queue_through_a_power_cut() -> None:
    import redis

    servers.need("redis")
    with servers.redis(durable=True) as server:
        with redis.Redis.from_url(server.url) as client:
            client.rpush("queue", "a", "b")
        port = server.port
        server.kill()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.lrange("queue", 0, -1) == [b"a", b"b"]
        assert server.port == port
        assert server.process is not None
        pid, folder = server.process.pid, server.folder
    assert (alive(pid), folder.exists()) == (False, False)


def test_a_redis_without_its_password_says_nothing() -> None:
    import redis

    servers.need("redis")
    with (
        servers.redis() as server,
        redis.Redis(host="127.0.0.1", port=server.port) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_servers_end_with_the_command_that_started_them(tmp_path: Path, number: signal.Signals) -> None:
    servers.need("redis")
    told = tmp_path / "told"
    says = "import os, sys, time; open(sys.argv[1], 'w').write(f'{os.getpid()} {os.getppid()}\\n'); time.sleep(60)"
    command = [sys.executable, "-m", "tests.servers", "redis", "--", sys.executable, "-c", says, str(told)]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}) as process:
        until = time.monotonic() + 30
        while not (told.exists() and told.read_text().endswith("\n")):
            assert time.monotonic() < until
            time.sleep(0.05)
        child, parent = (int(part) for part in told.read_text().split())
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        assert (parent, len(children)) == (process.pid, 2)
        process.send_signal(number)
    until = time.monotonic() + 10
    while any(alive(int(pid)) for pid in children):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not alive(child)
    if number == signal.SIGTERM:
        assert [path.name for path in tmp_path.iterdir()] == ["told"]


def test_a_command_gives_its_exit_code_back() -> None:
    servers.need("redis")
    asks = "import os; raise SystemExit(7 if os.environ['CRM_TEST_REDIS_URL'].startswith('redis://:') else 1)"
    command = [sys.executable, "-m", "tests.servers", "redis", "--", sys.executable, "-c", asks]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 7


def test_a_missing_part_is_skipped_here_and_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(servers, "MISSING", tmp_path / "missing")
    (tmp_path / "missing").write_text("browser: Chromium could not be installed\n")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="browser: Chromium could not be installed"):
        servers.need("browser")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CI=true and browser is missing"):
        servers.need("browser")
    if shutil.which("redis-server"):
        servers.need("redis")
