"""What a party's card and the palette say: a balance of nothing, who is archived, and who was made anonymous."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.models.deal import Deal
from app.models.payment import Payment
from app.models.sale_order import SaleOrder
from app.money import format_money
from app.services import access
from app.services import deal as deals
from app.services import party as parties
from app.services import payment as payments
from app.services import sale_order as orders
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
AT = datetime(2026, 4, 2, 12, tzinfo=UTC)


def test_a_balance_of_nothing_has_a_currency(as_user: As, session: Session, made: Made) -> None:
    made.organisation(currency="AMD")
    party = made.party()
    session.commit()
    admin = as_user("admin")
    assert (
        f"<dt>Owes us</dt><dd>{format_money(Decimal(0), 'AMD', 'en')}</dd>" in admin.get(f"/party/show/{party.id}").text
    )


def test_what_is_archived_is_found_after_the_others_and_says_so(as_user: As, session: Session, made: Made) -> None:
    old, new = made.party("Tulip"), made.party("Tulip growers")
    parties.archive(session, old, at=AT)
    session.commit()
    admin = as_user("admin")
    found = admin.get("/find/results?q=tulip").json["groups"][0]["items"]
    said = [("".join(text for text, _is in each["title"]), each["detail"]) for each in found]
    assert [name for name, _detail in said] == ["Tulip growers", "Tulip"]
    assert said[1][1][0][0].startswith("Archived")
    assert "Archived" not in "".join(text for text, _is in said[0][1])
    parties.restore(session, old)
    session.commit()
    found = admin.get("/find/results?q=tulip").json["groups"][0]["items"]
    assert "".join(text for text, _is in found[0]["title"]) == "Tulip"
    assert new.archived_at is None


def test_nothing_new_is_offered_for_one_who_was_made_anonymous(as_user: As, session: Session, made: Made) -> None:
    made.organisation()
    party = made.party("Anna")
    session.commit()
    admin = as_user("admin")
    card = f"/party/show/{party.id}"
    offered = (f"/party/edit/{party.id}", f"/order/add?party={party.id}", f"/payment/add?party={party.id}")
    before = admin.get(card).text
    assert [each in before for each in offered] == [True, True, True]
    party.archived_at = party.anonymised_at = AT
    session.commit()
    after = admin.get(card).text
    assert [each in after for each in offered] == [False, False, False]
    assert f"party={party.id}" not in after
    assert f"/letter_writing/party/{party.id}" not in after


@pytest.mark.parametrize("kind", ["order", "payment", "deal"])
def test_the_services_refuse_what_is_new_for_one_who_was_made_anonymous(
    session: Session, made: Made, kind: str
) -> None:
    access.act_as(session, access.SYSTEM)
    organisation, party = made.organisation(), made.party("Anna")
    made.pipeline()
    party.archived_at = party.anonymised_at = AT
    session.flush()
    saved: dict[str, Any] = {
        "order": lambda: orders.save(session, SaleOrder(organisation=organisation, party=party)),
        "payment": lambda: payments.save(session, Payment(organisation=organisation, party=party, amount=1), at=AT),
        "deal": lambda: deals.save(session, Deal(title="Bulbs", party=party)),
    }
    with pytest.raises(DomainError) as caught:
        saved[kind]()
    refused: Any = caught.value
    assert refused.errors["party"] == ["This person was made anonymous; nothing can be written down about him any more"]
    entity: Any = {"order": SaleOrder, "payment": Payment, "deal": Deal}[kind]
    session.expunge_all()
    assert session.scalar(select(func.count()).select_from(entity)) == 0
