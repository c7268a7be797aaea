"""`Attention`: lists above a list that say what needs somebody, each with how many records it has."""

from collections.abc import Sequence
from typing import Any, ClassVar

from flask import request


class Attention:
    """What needs attention: `attentions` are (label, filters as an address says them), the telling one first."""

    attentions: ClassVar[Sequence[tuple[Any, str]]] = ()
    route_base: Any

    def attention(self, home: str) -> Sequence[tuple[str, str, str, bool]]:
        """Return these lists: text, address, address of the counter, whether it is here."""
        return [
            (
                str(label),
                f"{home}?{query}",
                f"{self.route_base}/list/count?{query}",
                query.partition("&")[0].partition("=")[0] in request.args,
            )
            for label, query in self.attentions
        ]
