"""Private PostgreSQL and Redis servers for tests and benchmarks, and the way to run a command beside them.

Each server has its own folder, password and free port on 127.0.0.1; it ends with the block that started it, on
SIGTERM, and (by the kernel's parent-death signal) when this process is killed.

    python -m tests.servers postgres redis -- COMMAND…

exports CRM_TEST_DATABASE_URL and CRM_TEST_REDIS_URL to the command and returns its exit code.
"""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psycopg
import redis as redis_client
from psycopg import sql
from sqlalchemy import URL, make_url

from app.dump import postgres_program

MISSING = Path(__file__).resolve().parent.parent / "var" / "test-missing"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_START_SECONDS = 60
_TRIES = 5
_INITDB = ("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")


class CannotStart(Exception):
    """The server is not installed or did not come up; the text says which."""


class Server:
    """A server process in its own folder; `kill` and `start` again to see what a crash leaves."""

    def __init__(
        self,
        name: str,
        folder: Path,
        argv: Callable[[int], list[str]],
        answers: Callable[[int], bool],
        *,
        account: pwd.struct_passwd | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        death_signal: signal.Signals = signal.SIGKILL,
        patience: float = _START_SECONDS,
    ) -> None:
        self.name = name
        self.folder = folder
        self.port = 0
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._argv = argv
        self._answers = answers
        self._account = account
        self._stop_signal = stop_signal
        self._death_signal = death_signal
        self._patience = patience

    @property
    def log(self) -> Path:
        """Where the server writes what it has to say."""
        return self.folder / "log"

    def start(self) -> None:
        """Start on the port of the first start; the first start looks for a free one.

        Raises CannotStart.
        """
        for _ in range(1 if self.port else _TRIES):
            port = self.port or free_port()
            if self._start(port):
                self.port = port
                return
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise CannotStart(f"{self.name} does not answer:\n{tail}")

    def _start(self, port: int) -> bool:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._argv(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                preexec_fn=_dies_with_parent(self._death_signal),  # noqa: PLW1509 -- prctl only
                user=self._account.pw_uid if self._account else None,
                group=self._account.pw_gid if self._account else None,
                extra_groups=[] if self._account else None,
            )
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            if self.process.poll() is not None:
                return False
            if self._answers(port):
                return True
            time.sleep(0.05)
        self.kill()
        return False

    def stop(self) -> None:
        """Stop in order; by force after 20 seconds."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self._stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        self.kill()

    def kill(self) -> None:
        """End the server and its children at once, as a power cut would."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _dies_with_parent(number: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _unprivileged(*names: str) -> pwd.struct_passwd | None:
    """Return the account to drop to when we are root; initdb and Dovecot refuse root."""
    if os.geteuid() != 0:
        return None
    for name in names or ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise CannotStart("neither an account 'postgres' nor 'nobody' to run the server as")


@contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix=f"countinghouse-{prefix}-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    """Let SIGTERM leave through the blocks that stop the servers, where nobody else handles it."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def chromium() -> str | None:
    """Return the machine's Chromium; None leaves the choice to Playwright's own."""
    return os.environ.get("CRM_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def missing() -> dict[str, str]:
    """Return the parts that the set-up could not install: "postgres", "redis", "imap" or "browser" → why."""
    lines = MISSING.read_text().splitlines() if MISSING.exists() else []
    parts = dict(line.split(": ", 1) for line in lines if ": " in line)
    if not os.environ.get("CRM_TEST_DATABASE_URL") and postgres_program("initdb") is None:
        parts.setdefault("postgres", "no PostgreSQL server is installed")
    if shutil.which("redis-server") is None:
        parts.setdefault("redis", "no Redis server is installed")
    if shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
        parts.setdefault("imap", "no IMAP server (Dovecot) is installed")
    return parts


def need(part: str) -> None:
    """Skip the running test when a part of the machine is missing; with CI=true fail it."""
    import pytest

    why = missing().get(part)
    if why is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true and {part} is missing: {why}")
    pytest.skip(f"{part}: {why}")


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[Server]:
    """Run a private PostgreSQL; `url` leads to its database "postgres" as a superuser.

    `durable` leaves fsync on: for tests that pull the plug. Raises CannotStart.
    """
    initdb, program = postgres_program("initdb"), postgres_program("postgres")
    if initdb is None or program is None:
        raise CannotStart("no PostgreSQL server is installed")
    account = _unprivileged()
    password = secrets.token_urlsafe(18)
    with _sigterm_unwinds(), _folder("postgres") as folder:
        data, secret = folder / "data", folder / "password"
        secret.write_text(password)
        secret.chmod(0o600)
        if account:
            os.chown(folder, account.pw_uid, account.pw_gid)
            os.chown(secret, account.pw_uid, account.pw_gid)
        made = subprocess.run(
            [str(initdb), "-D", str(data), "-U", "crm", f"--pwfile={secret}", "--auth=scram-sha-256", *_INITDB],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
        if made.returncode:
            raise CannotStart(f"initdb: {made.stderr.strip()}")
        (data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "max_connections": 200,
            "shared_buffers": "128MB",
            "log_min_messages": "fatal",
            "log_min_error_statement": "panic",
            "lc_messages": "C",
        }
        if not durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

        def url(port: int) -> URL:
            return URL.create("postgresql+psycopg", "crm", password, "127.0.0.1", port, "postgres")

        def answers(port: int) -> bool:
            try:
                _connect(url(port)).close()
            except psycopg.OperationalError:
                return False
            return True

        server = Server(
            "PostgreSQL",
            folder,
            lambda port: [str(program), "-D", str(data), "-p", str(port), *options],
            answers,
            account=account,
            stop_signal=signal.SIGINT,  # its "fast" shutdown: does not wait for clients
            death_signal=signal.SIGQUIT,  # its "immediate" one: takes the children along
        )
        try:
            server.start()
            server.url = url(server.port).render_as_string(hide_password=False)
            yield server
        finally:
            server.stop()


@contextmanager
def redis(*, durable: bool = False) -> Iterator[Server]:
    """Run a private Redis; `durable` keeps an append-only file, so that a restart finds the queue again.

    Raises CannotStart.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise CannotStart("no Redis server is installed")
    password = secrets.token_urlsafe(18)
    with _sigterm_unwinds(), _folder("redis") as folder:
        config = folder / "redis.conf"
        lines = ["bind 127.0.0.1", f"requirepass {password}", f'dir "{folder}"', 'save ""', "daemonize no"]
        lines += ["appendonly yes", "appendfsync always"] if durable else ["appendonly no"]
        config.write_text("\n".join([*lines, ""]))
        config.chmod(0o600)

        def answers(port: int) -> bool:
            client = redis_client.Redis(host="127.0.0.1", port=port, password=password, socket_connect_timeout=1)
            try:
                return bool(client.ping())
            except redis_client.RedisError:
                return False
            finally:
                client.close()

        server = Server("Redis", folder, lambda port: [program, str(config), "--port", str(port)], answers)
        try:
            server.start()
            server.url = f"redis://:{password}@127.0.0.1:{server.port}/0"
            yield server
        finally:
            server.stop()


def _connect(url: URL) -> psycopg.Connection:
    return psycopg.connect(
        host=url.host,
        port=url.port,
        user=url.username,
        password=str(url.password) if url.password else None,
        dbname=url.database or "postgres",
        autocommit=True,
        connect_timeout=5,
    )


def create_database(url: str, name: str, *, template: str | None = None) -> str:
    """Make an empty database beside the one of `url`, in place of one of that name; return its URL.

    `template` is the name of a database to copy: quicker than migrating again.
    """
    place = make_url(url)
    with _connect(place) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(command.format(sql.Identifier(name), sql.Identifier(template or "template0")))
    return place.set(database=name).render_as_string(hide_password=False)


def drop_database(url: str, name: str) -> None:
    """Remove a database, its clients too."""
    with _connect(make_url(url)) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def run(command: list[str], env: dict[str, str]) -> int:
    """Run a command in the foreground and return its exit code; it ends when we are ended."""
    prepare = _dies_with_parent(signal.SIGTERM)
    process = subprocess.Popen(command, env=env, preexec_fn=prepare)  # noqa: PLW1509 -- prctl only
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()  # Ctrl+C reached the command too: let it finish what it says
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def main(arguments: list[str]) -> int:
    """Start the named servers, run the command, stop them."""
    kinds = {"postgres": (postgres, "CRM_TEST_DATABASE_URL"), "redis": (redis, "CRM_TEST_REDIS_URL")}
    split = arguments.index("--") if "--" in arguments else len(arguments)
    names, command = arguments[:split], arguments[split + 1 :]
    if not command or not names or not set(names) <= set(kinds):
        sys.stderr.write("usage: python -m tests.servers [postgres] [redis] -- COMMAND…\n")
        return 2
    env = dict(os.environ)
    try:
        with ExitStack() as stack:
            for name in names:
                start, variable = kinds[name]
                env[variable] = stack.enter_context(start()).url
            return run(command, env)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except CannotStart as problem:
        sys.stderr.write(f"{problem}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
