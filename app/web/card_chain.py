"""`Chained`: the chain of documents around one, as a tab of its card."""

from typing import Any

from app.db import db
from app.i18n import gettext as _
from app.i18n import label_of, language
from app.i18n import lazy_gettext as _l
from app.money import format_money
from app.services import document_chain as chains
from app.services.document_chain import Node
from app.web.card_tabs import Own

CHAIN = Own("chain", _l("Document chain"), "web/chain.html")


class Chained:
    """What the tab of a document's chain asks for; the view declares the tab with `CHAIN`."""

    appbuilder: Any

    @staticmethod
    def chain_of(record: Any) -> list[Node]:
        """Return the documents around one, as trees."""
        return chains.chain(db.session(), record)

    def sees_node(self, node: Node) -> bool:
        """Say whether the reader may see a document: his rows, and the right of its area."""
        return node.is_seen and bool(self.appbuilder.sm.may(node.record.__stem__, "see"))

    @staticmethod
    def node_kind(node: Node) -> str:
        """Return what kind of document it is."""
        if node.kind is not None:
            return label_of(node.kind)
        names = {"deal": _("Deal"), "contract": _("Contract"), "quote": _("Quote")}
        return names.get(node.record.__stem__, _("Order"))

    @staticmethod
    def node_amount(node: Node) -> str:
        """Return what a document comes to, in its currency."""
        currency = getattr(node.record, "currency", "")
        return format_money(node.amount, currency, language()) if node.amount is not None else ""
