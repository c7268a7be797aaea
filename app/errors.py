"""Refusals that are meant for people: a translated text and, where there is one, the field it belongs to."""


class DomainError(Exception):
    """A rule of the business refused the act; the text is for the user.

    `field` is the attribute the text belongs to (`"lines"`, `"lines-2-quantity"`), None for the whole record.
    Screens show it at the field, REST answers 422 `{"message": {field: [text]}}`, the command line prints it.
    """

    def __init__(self, text: str, field: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.field = field

    def __str__(self) -> str:
        return str(self.text)


class Refusals(DomainError):
    """Several refusals at once, so that a form shows all of them in one go.

    Shape: `errors` maps a field name ("" for the whole record) to its texts.
    """

    def __init__(self, errors: dict[str, list[str]]) -> None:
        field, texts = next(iter(errors.items()))
        super().__init__(texts[0], field or None)
        self.errors = errors


class TooManyTries(DomainError):
    """Somebody tries too often; `seconds` says how long he waits."""

    def __init__(self, text: str, seconds: int) -> None:
        super().__init__(text)
        self.seconds = seconds


class DirectoryAway(DomainError):
    """The company's directory cannot be asked: whoever has no password of this program waits until it can."""


class PasswordDue(DomainError):
    """The account is not used before its owner has chosen a new password."""


class NotAllowed(Exception):
    """The actor lacks the right; `right` names the missing area and verb ("invoice.issue")."""

    def __init__(self, right: str) -> None:
        super().__init__(right)
        self.right = right


class NotReached(NotAllowed):
    """The actor has the right and sees the record, but the record is not within his rows for this."""


class NotFound(Exception):
    """No such record for this actor: the same answer for an unknown id and for a foreign one."""


class Conflict(Exception):
    """The record changed since it was read (optimistic lock), or the same act is running."""
