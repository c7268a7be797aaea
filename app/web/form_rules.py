"""Rules of a form, declared once for the server and the browser: what is shown, what is needed, what a select offers.

    rules: ClassVar = [
        Show("birthday", when=Is("kind", "person")),
        Require("exchange_rate", when=Differs("currency", "organisation.currency")),
        Choose("bank_account", by="organisation"),
    ]

The server judges by them when a form is sent: what is out of sight is neither judged nor stored. The browser reads the
same rules as JSON and follows them while one types. What a record holds already is never put out of sight. `Require`
says early what a service refuses; it is no rule of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

Read = Callable[[str], str]  # the text of a field as a form sends it, "organisation.currency" for a fact of a link


class Condition(ABC):
    """Something that holds or not for what stands in a form."""

    @abstractmethod
    def holds(self, read: Read) -> bool:
        """Say whether it holds."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """Yield the fields, and facts of links, that it looks at."""

    @abstractmethod
    def told(self) -> list[Any]:
        """Return it as the browser reads it: its kind and its parts."""


class Is(Condition):
    """A field has one of these values."""

    def __init__(self, field: str, *values: str) -> None:
        self.field, self.values = field, values

    def holds(self, read: Read) -> bool:
        """Say whether it holds."""
        return read(self.field) in self.values

    def names(self) -> Iterator[str]:
        """Yield the field."""
        yield self.field

    def told(self) -> list[Any]:
        """Return it as the browser reads it."""
        return ["is", self.field, *map(str, self.values)]


class Filled(Condition):
    """Something stands in a field."""

    def __init__(self, field: str) -> None:
        self.field = field

    def holds(self, read: Read) -> bool:
        """Say whether it holds."""
        return bool(read(self.field).strip())

    def names(self) -> Iterator[str]:
        """Yield the field."""
        yield self.field

    def told(self) -> list[Any]:
        """Return it as the browser reads it."""
        return ["filled", self.field]


class Differs(Condition):
    """Two fields are both filled, with different values."""

    def __init__(self, field: str, other: str) -> None:
        self.field, self.other = field, other

    def holds(self, read: Read) -> bool:
        """Say whether it holds."""
        one, other = read(self.field), read(self.other)
        return bool(one and other) and one != other

    def names(self) -> Iterator[str]:
        """Yield both."""
        yield from (self.field, self.other)

    def told(self) -> list[Any]:
        """Return it as the browser reads it."""
        return ["differs", self.field, self.other]


class _Of(Condition):
    kind = ""

    def __init__(self, *parts: Condition) -> None:
        self.parts = parts

    def names(self) -> Iterator[str]:
        """Yield what the parts look at."""
        for part in self.parts:
            yield from part.names()

    def told(self) -> list[Any]:
        """Return it as the browser reads it."""
        return [self.kind, *(part.told() for part in self.parts)]


class All(_Of):
    """Every part holds."""

    kind = "all"

    def holds(self, read: Read) -> bool:
        """Say whether it holds."""
        return all(part.holds(read) for part in self.parts)


class Either(_Of):
    """At least one part holds."""

    kind = "either"

    def holds(self, read: Read) -> bool:
        """Say whether it holds."""
        return any(part.holds(read) for part in self.parts)


class Not(_Of):
    """A part does not hold."""

    kind = "not"

    def __init__(self, part: Condition) -> None:
        super().__init__(part)

    def holds(self, read: Read) -> bool:
        """Say whether it holds."""
        return not self.parts[0].holds(read)


class Show:
    """These fields are there only while a condition holds."""

    def __init__(self, *fields: str, when: Condition) -> None:
        self.fields, self.when = fields, when


class Require:
    """These fields must be filled while a condition holds."""

    def __init__(self, *fields: str, when: Condition) -> None:
        self.fields, self.when = fields, when


class Choose:
    """A select offers only records that belong to what is chosen in another field.

    `by` is both the other field and the link of the offered records: bank accounts by their organisation.
    """

    def __init__(self, field: str, *, by: str) -> None:
        self.field, self.by = field, by


Rule = Show | Require | Choose


def off(rules: Iterable[Rule], read: Read) -> set[str]:
    """Return the fields that are out of sight."""
    hidden = (rule for rule in rules if isinstance(rule, Show) and not rule.when.holds(read))
    return {name for rule in hidden for name in rule.fields}


def needed(rules: Iterable[Rule], read: Read) -> set[str]:
    """Return the fields that must be filled as things stand."""
    asking = (rule for rule in rules if isinstance(rule, Require) and rule.when.holds(read))
    return {name for rule in asking for name in rule.fields}


def looked_at(rules: Iterable[Rule]) -> set[str]:
    """Return the fields, and facts of links, that the rules look at."""
    found: set[str] = set()
    for rule in rules:
        found |= {rule.by} if isinstance(rule, Choose) else set(rule.when.names())
    return found


def chosen_by(rules: Iterable[Rule]) -> dict[str, str]:
    """Return for each dependent select the field that it depends on."""
    return {rule.field: rule.by for rule in rules if isinstance(rule, Choose)}


def told(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """Return the rules as the browser reads them."""
    return [
        {"choose": rule.field, "by": rule.by}
        if isinstance(rule, Choose)
        else {("show" if isinstance(rule, Show) else "require"): list(rule.fields), "when": rule.when.told()}
        for rule in rules
    ]


def text_of(value: object) -> str:
    """Return a value as a form sends it and the rules compare it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, StrEnum):
        return value.value
    return str(value.id) if hasattr(value, "id") else str(value)


def is_empty(value: object) -> bool:
    """Say whether a stored value says nothing, so that its field may be put out of sight."""
    if isinstance(value, Decimal | int):  # False and zero as well
        return not value
    return value is None or value in ("", [])


__all__ = [
    "All",
    "Choose",
    "Condition",
    "Differs",
    "Either",
    "Filled",
    "Is",
    "Not",
    "Require",
    "Rule",
    "Show",
    "chosen_by",
    "is_empty",
    "looked_at",
    "needed",
    "off",
    "text_of",
    "told",
]
