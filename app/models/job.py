"""`Job`: what the records of work in the background have in common, whatever the work is."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Instant
from app.lifecycle import move


class Job:
    """Work that waits for a worker and goes through `total_rows` rows; its states are named "queued" and "running".

    `__done__` names the column that counts the rows it is through with.
    """

    __done__: ClassVar[str]
    state: Any
    total_rows: Any

    message: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime | None] = mapped_column(Instant())
    ended_at: Mapped[datetime | None] = mapped_column(Instant())

    @property
    def is_under_way(self) -> bool:
        """Say whether it waits for the worker or runs."""
        return self.state in {"queued", "running"}

    @property
    def percent(self) -> int:
        """Return how much of it is done."""
        return 100 * int(getattr(self, self.__done__)) // self.total_rows if self.total_rows else 0

    def begin(self, moves: Mapping[Any, frozenset[Any]], running: StrEnum, *, at: datetime) -> bool:
        """Begin what is queued, or go on with what was killed; False when there is nothing to do."""
        if self.state == running:
            return True
        if self.state != "queued":
            return False
        move(moves, self, running)
        self.started_at = self.started_at or at
        return True
