"""What only a process of its own shows: how quickly it starts, how much memory it holds, how long an import runs."""

import csv
import http.cookiejar
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import clock
from app.demo import party as demo_party
from app.demo.team import EAST, NORTH, PERSONS, SALES, People
from benchmarks.figures import Import, Server
from benchmarks.stage import PASSWORD, ROOT
from tests.servers import free_port

MEGABYTE = 1024
_START = """
import time
begun = time.perf_counter()
from app import create_app
create_app()
print(time.perf_counter() - begun)
"""
_IMPORT = "from app.cli_import import import_party; import_party()"
PATHS = ("/party/list/", "/party/list/?q=тель", "/party/add", "/home/")


def app_start(env: dict[str, str], *, repeat: int) -> float:
    """Return the median seconds from importing the package to a complete application."""
    command = [sys.executable, "-c", _START]
    times = [
        float(subprocess.run(command, env=env, cwd=ROOT, capture_output=True, check=True).stdout)
        for _ in range(repeat + 1)  # the first one compiles
    ]
    return statistics.median(times[1:])


def serve(env: dict[str, str], *, requests: int) -> Server:
    """Start `crm serve`, look at pages over HTTP, and return what that took."""
    port = free_port()
    begun = time.perf_counter()
    with started(["serve", "--workers", "1"], env | {"PORT": str(port)}) as process:
        person = Person(f"http://127.0.0.1:{port}")
        person.wait_for_answer()
        ready_s = time.perf_counter() - begun
        person.sign_in("admin")
        for path in PATHS * 3:
            person.get(path)
        warm = _worker_memory(process.pid)
        times = []
        for at in range(requests):
            before = time.perf_counter()
            person.get(PATHS[at % len(PATHS)])
            times.append((time.perf_counter() - before) * 1000)
        after = _worker_memory(process.pid)
    return Server(ready_s, warm, after, requests, statistics.median(times))


@contextmanager
def started(words: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start one of our commands, and end it afterwards."""
    command = [sys.executable, "-m", "app.cli", *words]
    process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def second_run(env: dict[str, str]) -> float:
    """Start everything by `crm run` on a prepared installation and return the seconds until it answers."""
    port = free_port()
    subprocess.run([sys.executable, "-m", "app.cli", "init"], env=env, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    begun = time.perf_counter()
    with started(["run"], env | {"PORT": str(port)}):
        Person(f"http://127.0.0.1:{port}").wait_for_answer()
        return time.perf_counter() - begun


class Person:
    """Somebody at a browser: keeps cookies, signs in by the form."""

    def __init__(self, address: str) -> None:
        self.address = address
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def get(self, path: str, form: dict[str, str] | None = None) -> str:
        """Return a page, or what a sent form answers."""
        data = urllib.parse.urlencode(form).encode() if form else None
        quoted = urllib.parse.quote(path, safe="/?=&")
        with self.opener.open(self.address + quoted, data=data, timeout=60) as answer:
            return str(answer.read().decode())

    def wait_for_answer(self, *, seconds: float = 60) -> None:
        """Return once the server answers; that it misses its worker (503) is an answer."""
        until = time.perf_counter() + seconds
        while True:
            try:
                self.get("/health")
            except urllib.error.HTTPError:
                return
            except OSError:
                if time.perf_counter() > until:
                    raise
                time.sleep(0.02)
            else:
                return

    def sign_in(self, username: str) -> None:
        """Sign in by the form."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/login/"))
        form = {"username": username, "password": PASSWORD, "csrf_token": found[1] if found else ""}
        page = self.get("/login/", form)
        if "/logout/" not in page:
            raise RuntimeError(f"{username} could not sign in")


def _worker_memory(master: int) -> float:
    """Return the resident memory of the server's worker."""
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return max(_resident(int(pid)) for pid in workers)


def _resident(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / MEGABYTE if found else 0.0


def import_parties(env: dict[str, str], folder: Path, *, first: int, count: int) -> Import:
    """Write a CSV file of counterparties that the database does not hold, and import it by the command line."""
    file = folder / "import.csv"
    columns = write_csv(file, first=first, count=count)
    mapping = ",".join(f"{name}={name}" for name in columns)
    command = [sys.executable, "-c", _IMPORT, str(file), "--map", mapping]
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = process.stdout.read().decode() if process.stdout else ""
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    if process.returncode or f"{count} rows: {count} created" not in said:
        raise RuntimeError(f"the import failed: {said}")
    return Import(count, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / MEGABYTE)


FIELDS = {  # column of the file, which is a field of the importer → column of the table
    "name": "name",
    "kind": "kind",
    "country": "country",
    "vat": "tax_number",
    "registration_number": "registration_number",
    "phone": "phone",
    "email": "email",
    "website": "website",
    "external_id": "external_id",
}


def write_csv(file: Path, *, first: int, count: int) -> list[str]:
    """Write demo counterparties from a number on as a CSV file and return its columns."""
    people = People(dict.fromkeys((one.username for one in PERSONS), 0), dict.fromkeys((SALES, NORTH, EAST), 0))
    columns = [*FIELDS, "city"]
    with file.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(columns)
        for at in range(first, first + count):
            made = demo_party.make(at, people=people, today=clock.today())
            cells = [made.values[name] if made.values[name] is not None else "" for name in FIELDS.values()]
            writer.writerow([*cells, made.below["addresses"][0]["city"]])
    return columns
