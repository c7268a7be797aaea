"""Rows edited in the record's own form."""

import json

from sqlalchemy import select

from app.models.party import Party, PartyContact
from app.models.product import Product
from app.models.sale_order import SaleOrder
from app.services import unit as units
from tests.attack import attack

FORM = {"name": "Tulpen", "kind": "company", "country": "NL", "language": "nl"}


def rows(session):
    return session.execute(select(PartyContact.name, PartyContact.email).order_by(PartyContact.id)).all()


def test_rows_are_added_changed_removed_and_blank_ones_dropped(as_user, session):
    office = as_user("office")
    typed = FORM | {"contacts-0-name": "Anna", "contacts-0-email": "anna@example.org", "contacts-3-name": "Bob"}
    answer = office.post("/party/add", typed | {"contacts-7-name": " ", "contacts-7-role": ""})
    assert answer.status_code == 302, answer.text
    assert rows(session) == [("Anna", "anna@example.org"), ("Bob", None)]
    party = session.execute(select(Party)).scalar_one()
    keep = party.contacts[1].id
    session.commit()
    change = FORM | {"record_version": str(party.version), "contacts-0-id": str(keep), "contacts-0-name": "Robert"}
    assert office.post(f"/party/edit/{party.id}", change).status_code == 302
    session.expire_all()
    assert [(row.id, row.name) for row in session.get(Party, party.id).contacts] == [(keep, "Robert")]


@attack(10, "a row of another record claimed by its id")
def test_a_forged_row_id_of_another_record_changes_nothing_there(as_user, made, session):
    theirs, mine = made.party("Theirs"), made.party("Mine")
    theirs.contacts.append(PartyContact(name="Untouched"))
    session.commit()
    forged = theirs.contacts[0].id
    form = FORM | {"record_version": str(mine.version), "contacts-0-id": str(forged), "contacts-0-name": "Stolen"}
    assert as_user("office").post(f"/party/edit/{mine.id}", form).status_code == 302
    session.expire_all()
    assert session.get(PartyContact, forged).name == "Untouched"
    assert [row.name for row in session.get(Party, mine.id).contacts] == ["Stolen"]


def test_a_refused_row_keeps_what_was_typed_and_marks_its_field(as_user, session):
    typed = FORM | {"bank_accounts-0-iban": "NL91ABNA041716430", "contacts-0-name": "Anna"}
    answer = as_user("office").post("/party/add", typed)
    assert answer.status_code == 422
    assert 'id="bank_accounts-0-iban-error"' in answer.text
    assert 'value="NL91ABNA041716430"' in answer.text
    assert 'value="Anna"' in answer.text
    assert session.execute(select(Party)).all() == []


def order_form(made, **more):
    return {"party": str(made.buyer().id), "organisation": str(made.organisation().id), "currency": "EUR"} | more


def line(at, **cells):
    return {f"lines-{at}-{name.replace('_text', '-text')}": value for name, value in cells.items()}


def kept(session):
    session.expire_all()
    return [(row.position, row.text, str(row.tax)) for row in session.execute(select(SaleOrder)).scalar_one().lines]


def test_the_order_of_the_form_is_kept_whatever_its_rows_are_numbered(as_user, made, session):
    tax = str(made.tax().id)
    typed = order_form(made)
    session.commit()
    for at, text in ((7, "First"), (2, "Second"), (5, "Third")):
        typed |= line(at, text=text, quantity="1", unit_price="2", tax=tax)
    accountant = as_user("accountant")
    answer = accountant.post("/order/add", typed)
    assert answer.status_code == 302, answer.text
    assert kept(session) == [(1, "First", "Btw 21 %"), (2, "Second", "Btw 21 %"), (3, "Third", "Btw 21 %")]
    order = session.execute(select(SaleOrder)).scalar_one()
    first, second, third = (str(row.id) for row in order.lines)
    change = {key: value for key, value in typed.items() if not key.startswith("lines-")}
    change |= {"record_version": str(order.version)}
    path = f"/order/edit/{order.id}"
    session.commit()
    change |= line(2, id=third, text="Third", quantity="x", unit_price="2", tax=tax)
    change |= line(0, id=first, text="First", quantity="1", unit_price="2", tax=tax)
    refused = accountant.post(path, change)  # the second was taken out, the third moved up and mistyped
    assert refused.status_code == 422
    assert refused.text.index('value="x"') < refused.text.index('id="lines-0-quantity-error"')
    assert f'name="lines-0-id" type="hidden" value="{third}"' in refused.text
    assert accountant.post(path, change | line(2, quantity="1")).status_code == 302
    assert kept(session) == [(1, "Third", "Btw 21 %"), (2, "First", "Btw 21 %")]
    assert {str(row.id) for row in session.execute(select(SaleOrder)).scalar_one().lines} == {third, first}
    assert second not in {third, first}


def test_a_cell_is_what_its_text_says_without_the_script(as_user, made, session):
    product = made.product("Tulip bulb", sku="TB-25")
    other = made.product("Daffodil")
    units.known(session, "KGM")
    typed = order_form(made)
    session.commit()
    typed |= line(0, product_text="tb-25", quantity="2")
    typed |= line(
        1, product=str(other.id), product_text="TB-25 · Tulip bulb", quantity="1", unit_text="KGM", tax_text="9 %"
    )
    typed |= line(
        2, product=str(product.id), product_text="", text="Free", quantity="1", unit_price="1", tax_text="21%"
    )
    answer = as_user("accountant").post("/order/add", typed)
    assert answer.status_code == 302, answer.text
    rows = session.execute(select(SaleOrder)).scalar_one().lines
    assert [(row.product_id, row.text, str(row.unit or ""), str(row.tax)) for row in rows] == [
        (product.id, "Tulip bulb", "Piece", "Btw 21 %"),
        (product.id, "Tulip bulb", "Kilogram", "Btw 9 %"),
        (None, "Free", "", "Btw 21 %"),
    ]


def test_a_text_that_means_nothing_or_two_things_stays_and_is_marked(as_user, made, session):
    made.product("Twin", sku="A")
    made.product("Twin", sku="B")
    typed = order_form(made)
    session.commit()
    typed |= line(0, product_text="No such thing", quantity="1") | line(1, product_text="Twin", quantity="1")
    answer = as_user("accountant").post("/order/add", typed | line(2, text="x", quantity="1", tax_text="77%"))
    assert answer.status_code == 422
    for at, cell, said in (
        (0, "product", "Nothing is called “No such thing”; choose from the list"),
        (1, "product", "Several are called “Twin”; choose one from the list"),
        (2, "tax", "Nothing is called “77%”; choose from the list"),
    ):
        assert f'id="lines-{at}-{cell}-error">{said}</p>' in answer.text
    assert 'name="lines-0-product-text" value="No such thing"' in answer.text
    assert session.execute(select(SaleOrder)).all() == []


def test_rows_are_added_and_taken_out_without_the_script(as_user, made, session):
    typed = (
        order_form(made) | line(0, text="Kept", quantity="1") | line(1, text="Outward bound", quantity="1", gone="y")
    )
    session.commit()
    answer = as_user("accountant").post("/order/add", typed | {"add_line": "lines"})
    assert answer.status_code == 200
    assert 'id="lines-1-quantity"' in answer.text
    assert 'id="lines-2-quantity"' not in answer.text
    assert "Outward bound" not in answer.text
    assert ">Kept</textarea>" in answer.text.replace("\r\n", "")
    assert session.execute(select(SaleOrder)).all() == []


def test_names_are_looked_up_together_within_the_readers_rights(as_user, made, session):
    product = made.product("Tulip bulb", sku="TB-25", price="1.50")
    made.product("Old bulb", sku="OLD", is_active=False)
    made.product("Old bulb", sku="NEW")
    session.commit()
    asked = {
        "product": ["tb-25", "Tulip Bulb", "TB-25 · Tulip bulb", "Old bulb", "none"],
        "tax": ["9"],
        "country": ["NL"],
    }
    accountant = as_user("accountant")
    answer = accountant.post("/lines/named", {"names": json.dumps(asked)}).json
    assert {text: found.get("id") for text, found in answer["product"].items()} == {
        "tb-25": str(product.id),
        "Tulip Bulb": str(product.id),
        "TB-25 · Tulip bulb": str(product.id),
        "Old bulb": str(session.execute(select(Product.id).where(Product.sku == "NEW")).scalar_one()),
        "none": None,
    }
    assert answer["product"]["tb-25"]["about"]["unit_price"] == "1.50"
    assert answer["tax"]["9"]["error"] == "Nothing is called “9”; choose from the list"
    assert answer["country"]["NL"] == {"id": "NL", "text": "Netherlands"}
    assert accountant.post("/lines/named", {"names": "[]"}).status_code == 400
    assert accountant.post("/lines/named", {"names": json.dumps({"nothing": ["x"]})}).status_code == 404


def test_two_hundred_rows_are_shown_with_each_list_once(as_user, made, session):
    order = made.order(*[("1", str(at + 1)) for at in range(200)])
    session.commit()
    answer = as_user("accountant").get(f"/order/edit/{order.id}")
    assert answer.text.count('class="line-head"') == 202  # with that of the heading and that of the blank row
    assert answer.text.count('<datalist id="list-unit">') == 1
    assert answer.text.count('<datalist id="list-tax">') == 1
    assert len(answer.text) < 700_000
