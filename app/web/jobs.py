"""The reader's own jobs in the top bar: bulk runs and imports that he has started and not yet seen the end of.

Which they are is kept in a cookie of their own: a page costs no statement for them, nothing is asked when nothing was
started, and the session with its messages is not touched by what a page asks in the background.
"""

import re
from collections.abc import Sequence
from typing import Any

from flask import Response, after_this_request, current_app, request

COOKIE = "jobs"
MOST = 10
LASTS = 24 * 60 * 60  # seconds
_JOB = re.compile(r"([a-z_]{1,40})\.(\d{1,15})", re.ASCII)
Job = tuple[str, int]  # the stem of its kind, its key


def own() -> list[Job]:
    """Return the jobs that this browser has started, the oldest first."""
    found = [match for part in request.cookies.get(COOKIE, "").split("-")[:MOST] if (match := _JOB.fullmatch(part))]
    return [(match[1], int(match[2])) for match in found]


def begin(stem: str, key: int) -> None:
    """Let the top bar show a job from the next page on."""
    keep([*own(), (stem, key)])


def keep(jobs: Sequence[Job]) -> None:
    """Remember these jobs and no others."""
    text = "-".join(f"{stem}.{key}" for stem, key in list(dict.fromkeys(jobs))[-MOST:])

    @after_this_request
    def _remember(answer: Response) -> Response:
        safe: dict[str, Any] = {
            "httponly": True,
            "samesite": "Lax",
            "secure": bool(current_app.config["SESSION_COOKIE_SECURE"]),
        }
        if text:
            answer.set_cookie(COOKIE, text, max_age=LASTS, **safe)
        else:
            answer.delete_cookie(COOKIE, **safe)
        return answer
