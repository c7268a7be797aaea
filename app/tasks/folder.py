"""The doorbell of an installation without a message server: a folder in which every ring is a small file.

It is kombu's `filesystem://` made safe for our use: a message appears whole or not at all (kombu's reader can meet
a half-written one), a folder that was deleted is made again, and nothing passes through the machine's temporary
folder.
"""

import json
import time
import uuid
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem

_ENDING = ".msg"


class Channel(filesystem.Channel):
    """Messages as files named `<time>_<id>.<queue>.msg`."""

    def _put(self, queue: str, payload: Any, **_options: Any) -> None:  # noqa: ANN401 -- kombu's message
        place = self._folder()
        name = f"{time.time_ns():020}_{uuid.uuid4().hex}.{queue}{_ENDING}"
        draft = place / f".{name}.part"
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.write_text(json.dumps(payload))
        draft.replace(place / name)

    def _get(self, queue: str) -> Any:  # noqa: ANN401 -- kombu's message
        for name in self._waiting(queue):
            path = self._folder() / name
            mine = path.with_name(f".{name}.taken")
            try:
                path.rename(mine)  # of two readers one succeeds
                text = mine.read_text()
            except FileNotFoundError:
                continue
            mine.unlink(missing_ok=True)
            with suppress(ValueError):
                return json.loads(text)
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._waiting(queue))

    def _purge(self, queue: str) -> int:
        waiting = self._waiting(queue)
        for name in waiting:
            (self._folder() / name).unlink(missing_ok=True)
        return len(waiting)

    def _waiting(self, queue: str) -> list[str]:
        ending = f".{queue}{_ENDING}"
        try:
            names = [path.name for path in self._folder().iterdir()]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name.endswith(ending) and not name.startswith("."))

    def _folder(self) -> Path:
        return Path(self.transport_options["folder"])


class Transport(filesystem.Transport):
    """What kombu knows as `filesystem://`."""

    Channel = Channel


def install() -> None:
    """Let `filesystem://` mean this transport."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"
