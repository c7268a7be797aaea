"""Refusals collected while a record is checked, so that a form shows all of them in one go."""

from collections.abc import Callable
from typing import TypeVar

from app.errors import DomainError, Refusals

T = TypeVar("T")


class Collected:
    """Texts by field; `settle` raises them."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}

    def __contains__(self, field: str) -> bool:
        return field in self.errors

    def refuse(self, field: str, text: str) -> None:
        """Note a refusal at a field ("" for the whole record)."""
        self.errors.setdefault(field, []).append(text)

    def note(self, refusal: DomainError, field: str = "") -> None:
        """Note what a rule raised; its own field wins over the given one."""
        if isinstance(refusal, Refusals):
            for name, texts in refusal.errors.items():
                self.errors.setdefault(name, []).extend(texts)
        else:
            self.refuse(refusal.field or field, refusal.text)

    def take(self, field: str, rule: Callable[[], T]) -> T | None:
        """Return what a rule returns, or None after noting its refusal at the field."""
        try:
            return rule()
        except Refusals as refusal:
            self.note(refusal)
        except DomainError as refusal:
            self.refuse(field, refusal.text)
        return None

    def settle(self) -> None:
        """Raise Refusals when there are any."""
        if self.errors:
            raise Refusals(self.errors)
