"""Fields of forms that plan something."""

from typing import Any

from wtforms.validators import InputRequired

from app.models.activity import ActivityKind
from app.web.fields import ChoiceField


class KindField(ChoiceField):
    """What is to be done: everything but a note, which is written on a card."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        options.setdefault("default", ActivityKind.task)
        super().__init__(label, validators or [InputRequired()], of=ActivityKind, **options)

    def _members(self) -> list[tuple[str, str]]:
        return [pair for pair in super()._members() if pair[0] != ActivityKind.note.value]
