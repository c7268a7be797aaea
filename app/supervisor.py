"""Keep a few programs running together: restart what dies, stop all when asked, leave no process behind.

Each child leads a process group of its own. When a child is gone, whatever it left in its group is ended before it
is started anew, so that an orphan keeps no port. When this process itself is killed, the kernel tells the children
(parent-death signal), and a guard, a few lines in a process of its own, ends the groups of those that do not listen.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_TICK = 0.1
_IDLE = 5.0

# Reads "+group" and "-group" until the pipe closes, then ends the groups that are left.
_GUARD = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
def send(number):
    for group in list(groups):
        try:
            os.killpg(group, number)
        except OSError:
            groups.discard(group)
send(signal.SIGTERM)
until = time.monotonic() + float(sys.argv[1])
while groups and time.monotonic() < until:
    time.sleep(0.1)
    send(0)
send(signal.SIGKILL)
"""


@dataclass(frozen=True)
class Patience:
    """How long to wait for what.

    Units: seconds. A life shorter than `quick` is a quick death; after `quick_deaths` of them in a row it is given up.
    """

    first_wait: float = 1
    longest_wait: float = 30
    quick: float = 10
    quick_deaths: int = 8
    grace: float = 10


PATIENCE = Patience()


class _Child:
    """One program: its process while it runs, the time of its next start while it does not."""

    def __init__(self, name: str, argv: list[str]) -> None:
        self.name = name
        self.argv = argv
        self.process: subprocess.Popen[bytes] | None = None
        self.began = 0.0
        self.due = 0.0
        self.quick_deaths = 0

    @property
    def pid(self) -> int | None:
        """The process, which leads the group of the same number; None while it is to be started."""
        return self.process.pid if self.process is not None else None

    def start(self, env: Mapping[str, str]) -> int:
        self.began = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 -- the command is our caller's
            self.argv,
            env=env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_dies_with_parent(),  # noqa: PLW1509 -- prctl only, and no thread of ours runs yet
        )
        return self.process.pid

    def ask(self) -> None:
        """Ask the process to stop; what it started itself is its own to end."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.terminate()

    def ended(self) -> bool:
        """Say whether the process has ended; it stays a zombie, which keeps its group's number taken."""
        if self.process is None:
            return True
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def bury(self) -> int:
        """End what is left of the group, then let the process go; return its exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait()

    def wait_after(self, patience: Patience) -> float:
        """Return how long to wait before the next start, after a death just now."""
        lived = time.monotonic() - self.began
        self.quick_deaths = self.quick_deaths + 1 if lived < patience.quick else 0
        return min(patience.first_wait * 2.0 ** max(self.quick_deaths - 1, 0), patience.longest_wait)


class _Guard:
    """The process that ends the groups when we cannot any more."""

    def __init__(self, grace: float) -> None:
        self._process = subprocess.Popen(  # noqa: S603 -- our own few lines
            [sys.executable, "-I", "-S", "-c", _GUARD, str(grace)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def tell(self, sign: str, group: int) -> None:
        if self._process.stdin:
            with suppress(OSError):
                self._process.stdin.write(f"{sign}{group}\n".encode())
                self._process.stdin.flush()

    def dismiss(self) -> None:
        with suppress(OSError):
            self._process.communicate()


class _Bell:
    """Wakes the loop when a signal arrives; SIGCHLD only wakes, the others ask to stop."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self.asked: list[int] = []

    def ring(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self.asked.append(number)

    def wait(self, seconds: float) -> None:
        if select.select([self._pipe], [], [], max(seconds, 0))[0]:
            with suppress(BlockingIOError):
                os.read(self._pipe, 4096)


class _Team:
    """The children together, and the guard who knows their groups."""

    def __init__(self, children: dict[str, list[str]], env: Mapping[str, str], patience: Patience) -> None:
        self.members = [_Child(name, argv) for name, argv in children.items()]
        self.env = env
        self.patience = patience
        self.guard = _Guard(patience.grace)

    def tend(self) -> bool:
        """Bury the dead and start whoever is due; return False when one is given up."""
        return all(self._buried(child) and self._started(child) for child in self.members)

    def next_start(self) -> float:
        """Return the seconds until a child is to be started, or how long to sleep when all run."""
        return min([_IDLE, *(child.due - time.monotonic() for child in self.members if child.pid is None)])

    def stop(self, bell: "_Bell") -> None:
        """Ask each child to stop, wait, then end what did not; a further signal ends the waiting."""
        asked = len(bell.asked)
        running = [child for child in self.members if child.pid is not None]
        for child in running:
            child.ask()
        until = time.monotonic() + self.patience.grace
        while not all(child.ended() for child in running) and time.monotonic() < until and len(bell.asked) == asked:
            bell.wait(min(_TICK, until - time.monotonic()))
        for child in running:
            if not child.ended():
                _say(f"{child.name} did not stop and was killed")
            self._bury(child)

    def _buried(self, child: _Child) -> bool:
        if child.pid is None or not child.ended():
            return True
        fate = _fate(self._bury(child))
        wait = child.wait_after(self.patience)
        if child.quick_deaths >= self.patience.quick_deaths:
            _say(f"{child.name} {fate}, {child.quick_deaths} times in a row soon after its start: giving up")
            return False
        child.due = time.monotonic() + wait
        _say(f"{child.name} {fate}; starting it again in {wait:g} s")
        return True

    def _started(self, child: _Child) -> bool:
        if child.pid is not None or time.monotonic() < child.due:
            return True
        try:
            group = child.start(self.env)
        except OSError as problem:
            _say(f"{child.name} cannot be started: {problem}")
            return False
        self.guard.tell("+", group)
        return True

    def _bury(self, child: _Child) -> int:
        group = child.pid
        code = child.bury()
        if group is not None:
            self.guard.tell("-", group)
        return code


def supervise(
    children: dict[str, list[str]],
    *,
    env: Mapping[str, str] | None = None,
    on_ready: Callable[[], bool | None] | None = None,
    patience: Patience = PATIENCE,
) -> int:
    """Run the named commands until SIGINT, SIGTERM or SIGHUP; return the exit code for the whole.

    `env` is added to our environment. `on_ready` is called when all have been started, and again every tenth of a
    second as long as it answers False ("not yet"). A first signal stops in order, a second one at once. 1 is
    returned when a command cannot be run or keeps dying, 0 when we were asked to stop.
    """
    with _bell() as bell:
        team = _Team(children, {**os.environ, **(env or {})}, patience)
        try:
            while not bell.asked:
                if not team.tend():
                    return 1
                if on_ready is not None and on_ready() is not False:
                    on_ready = None
                bell.wait(_TICK if on_ready is not None else team.next_start())
            return 0
        finally:
            team.stop(bell)
            team.guard.dismiss()


@contextmanager
def _bell() -> Iterator[_Bell]:
    """Take over the signals that concern us; give them back as they were."""
    listen, ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    bell = _Bell(listen)
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup means it
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, bell.ring) for number in numbers}
    fd = signal.set_wakeup_fd(ring, warn_on_full_buffer=False)
    try:
        yield bell
    finally:
        signal.set_wakeup_fd(fd)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(listen)
        os.close(ring)


def _dies_with_parent() -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _fate(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _say(text: str) -> None:
    sys.stderr.write(f"supervisor: {text}\n")
    sys.stderr.flush()
