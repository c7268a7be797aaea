"""`Job`: what the records of work in the background have in common, whatever the work is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Instant
from app.lifecycle import move


class Job:
    """Work that waits for a worker and goes through `total_rows` rows; its states are named "queued" and "running".

    `__done__` names the column that counts the rows it is through with, `__moves__` is the table of its states.
    """

    __done__: ClassVar[str]
    __moves__: ClassVar[Mapping[Any, frozenset[Any]]]
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

    def begin(self, *, at: datetime) -> bool:
        """Begin what is queued, or go on with what was killed; False when there is nothing to do."""
        if self.state == "running":
            return True
        if self.state != "queued":
            return False
        move(self.__moves__, self, type(self.state)("running"))
        self.started_at = self.started_at or at
        return True

    def queue_again(self) -> None:
        """Wait for the worker once more after a failure; it goes on where it was."""
        move(self.__moves__, self, type(self.state)("queued"))
        self.ended_at = self.message = None

    def break_off(self, *, at: datetime, message: str | None = None) -> None:
        """Stop and say why (None: the background work knows); what is done stays, and a further try goes on."""
        move(self.__moves__, self, type(self.state)("failed"))
        self.ended_at, self.message = at, message
