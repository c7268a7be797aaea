"""Orders that a shop sends: known by the shop's number, so that the same twice makes one; the customer comes along.

`POST /api/v1/order/` with `external_source` and `external_id`: a number that is new makes an order (201), the same
request again answers with what it made (200, `Idempotent-Replayed`), another request with the same number is 409.
"""

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate
from sqlalchemy import select

from app.db import db, unit_of_work
from app.errors import DomainError, NotAllowed
from app.i18n import gettext as _
from app.models.party import Party, PartyKind
from app.models.sale_order import SaleOrder
from app.services import access, idempotency
from app.services import party as parties
from app.web.api import CrudApi

REFUSED = 400


class CustomerIn(Schema):
    """Who orders, by the shop's number for him; one who is not known becomes a counterparty."""

    external_id = fields.String(required=True, validate=validate.Length(1, 64))
    name = fields.String(validate=validate.Length(1, 250))
    kind = fields.Enum(PartyKind, by_value=True)
    country = fields.String(validate=validate.Length(equal=2))
    language = fields.String(validate=validate.Length(1, 5))
    email = fields.String(validate=validate.Length(max=254))
    phone = fields.String(validate=validate.Length(max=40))


class ShopOrders(CrudApi):
    """What REST of orders does for shops; see the module's text."""

    def post_headless(self) -> Response:
        """Make an order, or answer with the one that the shop's number names."""
        body = request.get_json(silent=True)
        known = self._known(body)
        if known is None:
            answer = super().post_headless()
            known = self._known(body) if answer.status_code >= REFUSED else None  # somebody may have been quicker
            if known is None:
                return answer
        if known.external_sha256 != idempotency.digest(body):
            text = _("This number of the shop belongs to another order: %(order)s", order=str(known))
            return self.response(409, message=text)
        answer = self.response(200, id=known.id, result=self._shaped("show").dump(known))
        answer.headers["Idempotent-Replayed"] = "true"
        return answer

    @staticmethod
    def _known(body: Any) -> SaleOrder | None:
        """Return the order that a request names by its shop's number."""
        given = body if isinstance(body, dict) else {}
        source, number = given.get("external_source"), given.get("external_id")
        if not (isinstance(source, str) and isinstance(number, str) and source and number):
            return None
        wanted = select(SaleOrder).where(SaleOrder.external_source == source, SaleOrder.external_id == number)
        return db.session().scalars(wanted).one_or_none()

    def _store(self, given: dict[str, Any], pk: Any, version: int | None) -> Any:
        customer = given.pop("customer", None)
        if pk is not None:
            return super()._store(given, pk, version)
        if (given.get("external_id") is None) != (given.get("external_source") is None):
            raise DomainError(
                _("A shop's number needs the name of the shop, and the other way round"), field="external_id"
            )
        if given.get("external_id") is not None:
            given["external_sha256"] = idempotency.digest(request.get_json())
        if customer is not None and given.get("party") is None:
            return self._with_customer(given, customer)
        return super()._store(given, pk, version)

    def _with_customer(self, given: dict[str, Any], customer: dict[str, Any]) -> Any:
        with unit_of_work(db.session()):
            given["party"] = self._party(customer)
            return super()._store(given, None, None)

    def _party(self, customer: dict[str, Any]) -> Party:
        """Return the counterparty with the shop's number, or make it."""
        session = db.session()
        wanted = select(Party).where(Party.external_id == customer["external_id"], Party.archived_at.is_(None))
        found = session.scalars(wanted.order_by(Party.id).limit(1)).first()
        if found is not None:
            return found
        if not self.appbuilder.sm.may("party", "add"):
            raise NotAllowed("party.add")
        if not customer.get("name"):
            raise DomainError(_("A customer who is not known yet needs a name"), field="customer")
        party = Party(is_customer=True, **customer)
        access.give_to_actor(session, party)
        parties.save(session, party)
        session.flush()
        return party

    def store_more(self, session: Any, record: Any, more: dict[str, Any]) -> None:
        """Do nothing: the customer is looked up before the order is stored."""
