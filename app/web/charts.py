"""`Charts`: what the rows of a list come to, drawn: SQL adds up, the browser draws, a table says the same."""

from typing import Any, ClassVar

from app.web.inline import InlineEdit


class Charts(InlineEdit):
    """Charts of an entity; see the module's text."""

    charts: ClassVar[list[Any]] = []
