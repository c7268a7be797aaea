"""What is measured, in the shape in which one process hands it to the next and the report prints it."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Page:
    """One page or call: median server time, beside a bare page of the same rows in the same run.

    Units: milliseconds and bytes; `cpu_ms` is processor time of the web process alone. `statements` are SQL statements
    of one request; `bytes` is the answer as it is sent, `static_bytes` the files that it links to besides.
    """

    key: str
    ms: float
    cpu_ms: float
    slow_ms: float
    bare_ms: float = 0.0
    bare_cpu_ms: float = 0.0
    statements: int = 0
    bytes: int = 0
    static_bytes: int = 0

    @property
    def ratio(self) -> float:
        """Return how many times the bare page's time it takes."""
        return self.ms / self.bare_ms


@dataclass
class Cost:
    """One page for one reader among those who differ in nothing but the rows that they reach.

    Units: milliseconds by the wall clock and of processor time; `statements` are SQL statements of one request.
    """

    key: str
    reader: str
    ms: float
    cpu_ms: float
    statements: int


@dataclass
class Act:
    """Something done without a page.

    Units: milliseconds by the wall clock; `cpu_ms` is processor time of this process alone, children not counted.
    """

    key: str
    ms: float
    cpu_ms: float
    slow_ms: float


@dataclass
class Screen:
    """One screen in Chromium.

    Units: milliseconds from the request to the first byte (`server_ms`) and from the click to the first paint, the
    files of a screen kept (`paint_ms`) or not (`first_ms`); `bytes` is all that the first visit transfers; `shift` is
    the layout shift, without a unit.
    """

    key: str
    server_ms: float
    paint_ms: float
    first_ms: float
    bytes: int
    shift: float


@dataclass
class Server:
    """A web server of its own with one worker.

    Units: seconds until it answers, megabytes of resident memory of the worker.
    """

    start_s: float
    warm_mb: float
    after_mb: float
    requests: int
    request_ms: float


@dataclass
class Import:
    """A CSV file imported by the command line.

    Units: seconds of wall clock and of CPU, megabytes of resident memory at the peak.
    """

    rows: int
    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass
class Run:
    """Everything measured on one database.

    `commit` is what was checked out when the run began.
    Units: `load` is the machine's load average before each part, `pace` what a plain loop took there in seconds;
    `run_start_s` is a start of `crm run` where all is prepared.
    """

    database: str
    version: str
    rows: int
    repeat: int
    build_s: float
    build_mb: float
    commit: str = ""
    invoices: int = 0
    load: list[float] = field(default_factory=list)
    pace: list[float] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    screens: list[Screen] = field(default_factory=list)
    gestures: list[Act] = field(default_factory=list)
    app_start_s: float = 0.0
    run_start_s: float = 0.0
    server: Server | None = None
    imported: Import | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the run as plain values."""
        return asdict(self)

    @classmethod
    def of_json(cls, found: dict[str, Any]) -> "Run":
        """Return the run that was written as plain values."""
        run = cls(**found)
        run.pages = [Page(**page) for page in found["pages"]]
        run.costs = [Cost(**cost) for cost in found["costs"]]
        run.acts = [Act(**act) for act in found["acts"]]
        run.screens = [Screen(**screen) for screen in found["screens"]]
        run.gestures = [Act(**act) for act in found["gestures"]]
        run.server = Server(**found["server"]) if found["server"] else None
        run.imported = Import(**found["imported"]) if found["imported"] else None
        return run

    def cost(self, key: str, reader: str) -> Cost | None:
        """Return the figures of one page for one reader."""
        return next((cost for cost in self.costs if (cost.key, cost.reader) == (key, reader)), None)

    def page(self, key: str) -> Page | None:
        """Return the figures of one page."""
        return next((page for page in self.pages if page.key == key), None)
