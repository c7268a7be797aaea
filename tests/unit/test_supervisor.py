"""The supervisor with real processes: what dies comes back, what is stopped stays away."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

# Writes its number, then sleeps; told to be stubborn it does not listen to SIGTERM.
CHILD = """
import os, signal, subprocess, sys, time
name, folder, *habits = sys.argv[1:]
if "stubborn" in habits:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "parent" in habits:
    mine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    open(f"{folder}/{name}-grandchild", "a").write(f"{mine.pid}\\n")
open(f"{folder}/{name}", "a").write(f"{os.getpid()}\\n")
time.sleep(600)
"""

PROGRAM = """
import json, sys
from app.supervisor import Patience, supervise
children, patience = json.loads(sys.argv[1]), Patience(**json.loads(sys.argv[2]))
ready = lambda: print("ready", flush=True)
raise SystemExit(supervise(children, env={"GIVEN": "yes"}, on_ready=ready, patience=patience))
"""


def until(found: Callable[[], bool], *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


class House:
    """A supervisor in a process of its own, and the numbers its children wrote down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None

    def child(self, name: str, *habits: str) -> list[str]:
        return [sys.executable, "-c", CHILD, name, str(self.folder), *habits]

    def start(
        self, children: dict[str, list[str]], *, hang_up: signal.Handlers = signal.SIG_DFL, **patience: float
    ) -> subprocess.Popen[str]:
        """Start the supervisor; `hang_up` is what SIGHUP does to it at first, whatever it does to the test run."""
        import json

        patience = {"first_wait": 0.1, "grace": 3, "quick": 0.2} | patience
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(children), json.dumps(patience)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, hang_up),  # noqa: PLW1509 -- no thread of ours runs
        )
        return self.process

    def pids(self, name: str) -> list[int]:
        file = self.folder / name
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def born(self, name: str, count: int = 1) -> int:
        until(lambda: len(self.pids(name)) >= count)
        return self.pids(name)[-1]

    def everybody(self) -> list[int]:
        return [pid for file in self.folder.iterdir() for pid in self.pids(file.name)]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.communicate()
    for pid in made.everybody():
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_killed_child_comes_back_and_the_other_is_left_alone(house: House) -> None:
    process = house.start({"web": house.child("web"), "worker": house.child("worker")})
    web, worker = house.born("web"), house.born("worker")
    os.kill(worker, signal.SIGKILL)
    second = house.born("worker", 2)
    assert second != worker
    assert not is_running(worker)
    assert (is_running(web), is_running(second)) == (True, True)
    assert house.pids("web") == [web]
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert "supervisor: worker was ended by SIGKILL; starting it again in 0.1 s" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_all_and_is_a_good_end(house: House, number: signal.Signals) -> None:
    process = house.start({"web": house.child("web", "parent"), "worker": house.child("worker")})
    house.born("web")
    house.born("worker")
    process.send_signal(number)
    said, complaints = process.communicate(timeout=20)
    assert (process.returncode, said, complaints) == (0, "ready\n", "")
    assert [pid for pid in house.everybody() if is_running(pid)] == []
    assert len(house.everybody()) == 3


def test_started_under_nohup_it_outlives_the_terminal(house: House) -> None:
    process = house.start({"web": house.child("web")}, hang_up=signal.SIG_IGN)
    web = house.born("web")
    process.send_signal(signal.SIGHUP)
    os.kill(web, signal.SIGKILL)
    assert house.born("web", 2) != web
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert said == "supervisor: web was ended by SIGKILL; starting it again in 0.1 s\n"
    assert process.returncode == 0


def test_a_child_that_does_not_listen_is_killed_after_the_grace(house: House) -> None:
    process = house.start({"worker": house.child("worker", "stubborn")}, grace=0.5)
    worker = house.born("worker")
    process.terminate()
    _, said = process.communicate(timeout=20)
    assert said == "supervisor: worker did not stop and was killed\n"
    assert (process.returncode, is_running(worker)) == (0, False)


def test_a_second_signal_does_not_wait_for_the_grace(house: House) -> None:
    process = house.start({"worker": house.child("worker", "stubborn")}, grace=60)
    worker = house.born("worker")
    process.terminate()
    time.sleep(0.5)
    assert is_running(worker)
    process.terminate()
    process.communicate(timeout=20)
    assert not is_running(worker)


@pytest.mark.parametrize("habit", ["parent", "stubborn"])
def test_nothing_is_left_when_the_supervisor_is_killed(house: House, habit: str) -> None:
    process = house.start({"web": house.child("web", habit), "worker": house.child("worker")}, grace=1)
    house.born("web")
    house.born("worker")
    process.kill()
    process.communicate(timeout=20)
    until(lambda: not [pid for pid in house.everybody() if is_running(pid)])


def test_what_a_dead_child_left_behind_is_ended_before_it_starts_anew(house: House) -> None:
    process = house.start({"web": house.child("web", "parent")})
    web, grandchild = house.born("web"), house.born("web-grandchild")
    os.kill(web, signal.SIGKILL)
    house.born("web", 2)
    assert not is_running(grandchild)
    process.terminate()
    process.communicate(timeout=20)


def test_a_child_that_keeps_dying_is_given_up_and_the_others_stop(house: House) -> None:
    dies = [sys.executable, "-c", "raise SystemExit(3)"]
    process = house.start({"web": house.child("web"), "worker": dies}, quick=5, quick_deaths=3, longest_wait=0.15)
    _, said = process.communicate(timeout=20)
    assert said.splitlines() == [
        "supervisor: worker ended with code 3; starting it again in 0.1 s",
        "supervisor: worker ended with code 3; starting it again in 0.15 s",
        "supervisor: worker ended with code 3, 3 times in a row soon after its start: giving up",
    ]
    assert process.returncode == 1
    assert [pid for pid in house.everybody() if is_running(pid)] == []


def test_a_program_that_is_not_there_is_said(house: House) -> None:
    process = house.start({"web": ["/nowhere/web"]})
    _, said = process.communicate(timeout=20)
    assert said.startswith("supervisor: web cannot be started: [Errno 2]")
    assert process.returncode == 1


def test_children_see_the_environment_they_are_given(house: House) -> None:
    writes = "import os, sys, time; open(sys.argv[1], 'w').write(os.environ['GIVEN'] + '\\n'); time.sleep(9)"
    given = house.folder / "given"
    asks = [sys.executable, "-c", writes, str(given)]
    process = house.start({"web": asks})
    until(lambda: given.exists() and given.read_text() == "yes\n")
    given.unlink()
    process.terminate()
    process.communicate(timeout=20)


def test_on_ready_is_asked_again_while_it_answers_not_yet(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from app.supervisor import supervise
answers = iter([False, False, None])
def ready():
    answer = next(answers)
    print(answer, flush=True)
    if answer is None:
        os.kill(os.getpid(), signal.SIGTERM)
    return answer
raise SystemExit(supervise({"web": ["/bin/sleep", "60"]}, on_ready=ready))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\nFalse\nNone\n", "")
