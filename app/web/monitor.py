"""How requests are answered, counted for a monitor (Prometheus), over all web processes of this machine.

Several web processes share their counts through files in the folder that `PROMETHEUS_MULTIPROC_DIR` names; `crm serve`
sets and empties it. Nothing of a request is kept but which screen answered, how, and how long it took.
"""

import os
import time
from collections.abc import Iterator
from importlib.metadata import version

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.services.vital import Vitals

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # read by the library when it is loaded
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
_OWN = CollectorRegistry()
_seconds = Histogram(
    "crm_request_seconds",
    "Requests by the screen that answered and the kind of answer.",
    ("screen", "answer"),
    buckets=BUCKETS,
    registry=_OWN,
)


class _Vitals(Collector):
    """What was found in the database, as figures."""

    def __init__(self, found: Vitals) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """Return one family after the other."""
        found = self._found
        jobs = GaugeMetricFamily("crm_jobs", "Background work by its state.", labels=["state"])
        for state, count in found.jobs.items():
            jobs.add_metric([state], count)
        letters = GaugeMetricFamily("crm_letters", "Letters that are not settled, by their state.", labels=["state"])
        for state, count in found.letters.items():
            letters.add_metric([state], count)
        yield from (jobs, letters)
        oldest = found.oldest.total_seconds()
        yield GaugeMetricFamily("crm_jobs_delay_seconds", "For how long due work waits.", value=oldest)
        if found.beat is not None:
            beat = found.beat.total_seconds()
            yield GaugeMetricFamily("crm_worker_heartbeat_seconds", "How long ago a worker was seen.", value=beat)
        yield InfoMetricFamily("crm_build", "The program.", value={"version": version("countinghouse")})


def text(found: Vitals) -> bytes:
    """Return all figures in the text format of Prometheus."""
    about = CollectorRegistry()
    about.register(_Vitals(found))
    if os.environ.get(SHARED):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    else:
        counted = _OWN
        ProcessCollector(registry=about)
    return generate_latest(about) + generate_latest(counted)


def _begin() -> None:
    g.monitored_from = time.perf_counter()


def _count(response: Response) -> Response:
    began = g.get("monitored_from")
    if began is not None:
        screen = (request.endpoint or "none").partition(".")[0]
        _seconds.labels(screen, f"{response.status_code // 100}xx").observe(time.perf_counter() - began)
    return response


def init_app(app: Flask) -> None:
    """Count every request."""
    app.before_request(_begin)
    app.after_request(_count)
