"""Forms judge by their rules, make records beside themselves, tell of duplicates, and keep what is begun."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from app import clock
from app.models.form_draft import FormDraft
from app.models.party import Party, PartyBankAccount, PartyKind
from app.models.payment import Payment
from app.models.product import Product
from app.models.sign_in import SignIn
from app.models.tax import Tax
from app.services import form_draft as form_drafts
from app.web import lookup
from tests.attack import attack

PARTY = {"name": "Tulpen", "kind": "company", "country": "NL", "language": "nl"}


def hidden(page: str, *names: str) -> dict[str, str]:
    return {name: re.search(rf'name="{name}"[^>]* value="([^"]*)"', page)[1] for name in names}


def group(page: str, name: str) -> str:
    """Return the opening tag of a field's group."""
    return re.search(rf'<div class="form-group[^>]*data-field="{name}">', page)[0]


# --- rules ------------------------------------------------------------------------------------------------------------


def test_what_is_out_of_sight_is_neither_judged_nor_stored(as_user, session):
    office = as_user("office")
    form = PARTY | {"birthday": "no day", "tax_branch": "770701001", "credit_limit": "5"}
    assert office.post("/party/add", form).status_code == 302
    party = session.execute(select(Party).where(Party.name == "Tulpen")).scalar_one()
    assert (party.birthday, party.tax_branch, party.credit_limit) == (None, None, None)

    person = form | {"kind": "person", "name": "Anna", "is_customer": "y"}
    refused = office.post("/party/add", person)
    assert refused.status_code == 422
    assert 'id="birthday-error"' in refused.text
    assert office.post("/party/add", person | {"birthday": "1990-05-01"}).status_code == 302
    anna = session.execute(select(Party).where(Party.name == "Anna")).scalar_one()
    assert (anna.birthday, anna.tax_branch, anna.credit_limit) == (date(1990, 5, 1), None, Decimal(5))


def test_the_page_hides_by_the_same_rules_and_tells_them_to_the_browser(as_user, made, session):
    anna = made.party("Anna", kind=PartyKind.person, birthday=date(1990, 5, 1))
    session.commit()
    office = as_user("office")
    page = office.get("/party/add").text
    assert "is-off" in group(page, "birthday")
    assert "is-off" not in group(page, "legal_name")
    assert "is-off" not in group(office.get(f"/party/edit/{anna.id}").text, "birthday")
    assert '{"show": ["birthday"], "when": ["is", "kind", "person"]}' in page


def test_what_a_record_holds_already_is_never_hidden(as_user, made, session):
    firm = made.party("Firm", birthday=date(1990, 5, 1))
    session.commit()
    office = as_user("office")
    page = office.get(f"/party/edit/{firm.id}").text
    assert "is-off" not in group(page, "birthday")
    form = PARTY | {"name": "Firm", "birthday": ""} | hidden(page, "record_version")
    assert office.post(f"/party/edit/{firm.id}", form).status_code == 302
    session.expire_all()
    assert session.get(Party, firm.id).birthday is None


def test_what_the_rules_need_is_refused_at_its_field(as_user, session):
    admin = as_user("admin")
    refused = admin.post("/product/add", {"name": "Bulbs", "kind": "goods", "price": "12.5"})
    assert refused.status_code == 422
    assert re.search(r'id="currency-error">.*?This field is required\.', refused.text, re.DOTALL)
    assert session.execute(select(Product)).all() == []
    done = admin.post("/product/add", {"name": "Bulbs", "kind": "goods", "price": "12.5", "currency": "EUR"})
    assert done.status_code == 302


def test_a_tax_without_a_rate_needs_its_reason(as_user, session):
    admin = as_user("admin")
    tax = {"name": "Free", "country": "NL", "code": "free", "category": "E", "rate": "0.21"}
    refused = admin.post("/tax/add", tax)
    assert 'id="exemption_text-error"' in refused.text
    assert admin.post("/tax/add", tax | {"exemption_text": "Exempt"}).status_code == 302
    kept = session.execute(select(Tax).where(Tax.name == "Free")).scalar_one()
    assert (kept.rate, kept.exemption_text) == (Decimal(0), "Exempt")


def test_a_foreign_payment_asks_for_its_rate_and_an_account_belongs_to_its_organisation(as_user, made, session):
    ours, theirs = made.organisation("Ours B.V."), made.organisation("Theirs B.V.")
    accounts = [one.bank_accounts[0] for one in (ours, theirs)]
    party = made.party("Payer")
    session.commit()
    form = {
        "kind": "receipt", "party": party.id, "organisation": ours.id, "paid_on": "2026-03-31", "amount": "100",
        "method": "bank_transfer",
    }  # fmt: skip
    accountant = as_user("accountant")
    refused = accountant.post("/payment/add", form | {"currency": "USD"})
    assert 'id="exchange_rate-error"' in refused.text
    strange = accountant.post("/payment/add", form | {"currency": "EUR", "bank_account": accounts[1].id})
    assert 'id="bank_account-error"' in strange.text
    assert session.execute(select(Payment)).all() == []
    facts = re.search(r'id="form-rules">(.*?)</script>', accountant.get("/payment/add").text)[1]
    assert (
        f'"bank_account.organisation": {{"{accounts[0].id}": "{ours.id}", "{accounts[1].id}": "{theirs.id}"}}' in facts
    )
    assert accountant.post("/payment/add", form | {"currency": "EUR", "exchange_rate": "abc"}).status_code == 302


def test_a_lookup_offers_what_belongs_and_nothing_more(as_user, made, session):
    mine = made.party("Belongs", owner="manager")
    other = made.party("Belongs elsewhere", owner="manager2")
    session.commit()
    office = as_user("office")

    def ids(browser, query: str) -> list[int]:
        return sorted(one["id"] for one in browser.get(f"/lookup/party?q=belongs&{query}").json["results"])

    assert ids(office, "") == [mine.id, other.id]
    assert ids(office, f"by.owner={mine.owner_id}") == [mine.id]
    assert ids(as_user("manager"), f"by.owner={other.owner_id}") == []
    for nothing in ("by.name=Belongs", "by.contacts=1", "by.owner=x", f"by.owner={'9' * 30}"):
        assert ids(office, nothing) == [], nothing


# --- errors, and ways to save -----------------------------------------------------------------------------------------


def test_every_error_stands_in_the_summary_with_its_place(as_user):
    office = as_user("office")
    refused = office.post(
        "/party/add", PARTY | {"name": "", "email": "x", "contacts-0-name": "", "contacts-0-email": "a@b.example"}
    ).text
    summary = re.search(r'id="form-errors".*?</ul>', refused, re.DOTALL)[0]
    places = re.findall(r'href="#([^"]+)"', summary)
    assert places == ["name", "contacts-0-name"]
    assert all(f'id="{place}"' in refused for place in places)
    refused = office.post("/party/add", PARTY | {"email": "x", "website": "no site"}).text
    assert re.findall(r'href="#([^"]+)" data-jump', refused) == ["email", "website"]


def test_save_and_close_leads_to_the_list_as_it_was(as_user):
    office = as_user("office")
    there = "/party/add?from=q%3Dtul%26flt.country.eq%3DNL"
    answer = office.post(there, PARTY | {"then": "close"})
    assert answer.headers["Location"] == "/party/list/?q=tul&flt.country.eq=NL"
    again = office.post(there, PARTY | {"then": "another"})
    assert again.headers["Location"].startswith("/party/add?from=")
    assert office.post("/party/add", PARTY | {"then": "close"}).headers["Location"] == "/party/list/"


# --- a record beside the form -----------------------------------------------------------------------------------------


def test_a_record_is_made_beside_the_form_once_by_the_same_rules(as_user, session):
    office = as_user("office")
    page = office.get("/party/quick?name=Foo").text
    assert 'value="Foo"' in page
    assert 'name="credit_limit"' not in page
    form = hidden(page, "form_key") | {"name": "Foo B.V.", "kind": "company", "country": "NL", "tax_number": "NL1"}
    refused = office.post("/party/quick", form).json
    assert "id" not in refused
    assert 'id="quick-tax_number-error"' in refused["form"]
    assert session.execute(select(Party)).all() == []
    form["tax_number"] = "NL854502130B01"
    first, second = (office.post("/party/quick", form).json for _time in range(2))
    assert first == second
    party = session.execute(select(Party)).scalar_one()
    assert (first["id"], first["text"], party.language) == (party.id, "Foo B.V.", "en")


@pytest.mark.parametrize(("user", "may"), [("office", True), ("marketer", False), ("auditor", False)])
def test_only_who_may_add_is_offered_to(as_user, session, user, may):
    browser = as_user(user)
    assert browser.get("/party/quick").status_code == (200 if may else 403)
    assert browser.post("/party/quick", PARTY).status_code == (200 if may else 403)
    assert len(session.execute(select(Party)).all()) == int(may)


def test_a_select_offers_ones_own_however_many_foreign_ones_match(as_user, made, session, monkeypatch):
    monkeypatch.setattr(lookup, "CANDIDATES", 3)
    for number in range(6):
        made.party(f"Belongs to another {number}", owner="manager2")
    made.party("Belongs to me", owner="manager")
    session.commit()
    offered = as_user("manager").get("/lookup/party?q=belongs").json["results"]
    assert [one["text"] for one in offered] == ["Belongs to me"]


def test_selects_lead_to_what_may_be_added_and_documents_are_not_made_in_passing(as_user, app):
    page = as_user("office").get("/order/add").text
    assert 'data-quick="/party/quick"' in page
    assert 'href="/party/add" target="_blank"' in page
    assert 'data-quick="/payment_term/quick"' not in page
    routes = {str(rule) for rule in app.url_map.iter_rules()}
    assert {"/party/quick", "/product/quick"} <= routes
    assert not {"/invoice/quick", "/order/quick", "/user/quick", "/job/quick"} & routes


# --- what may be the same, and what is known --------------------------------------------------------------------------


@attack(52, "hidden rows through the warning of duplicates")
def test_duplicates_are_told_with_reasons_and_only_from_ones_own_rows(as_user, made, session):
    twin = made.party("Tulpen B.V.", country="NL", tax_number="NL854502130B01", owner="manager")
    session.commit()
    typed = {"name": "tulpen", "country": "NL", "tax_number": "nl 854502130 b01", "kind": "company"}
    told = as_user("office").post("/party/notice", typed).json["alike"]
    assert told == [
        {
            "field": "tax_number",
            "name": "Tulpen B.V.",
            "why": "NL, same tax number, same name",
            "url": f"/party/show/{twin.id}",
        }
    ]
    assert as_user("manager2").post("/party/notice", typed).json["alike"] == []
    own = as_user("office").post("/party/notice", typed | {"record_id": str(twin.id)}).json["alike"]
    assert own == []


def test_names_that_begin_alike_are_told_in_any_script(as_user, made, session):
    made.party("Ромашка плюс")
    session.commit()
    office = as_user("office")
    [told] = office.post("/party/notice", {"name": "Romash", "kind": "company"}).json["alike"]
    assert (told["name"], told["why"], told["field"]) == ("Ромашка плюс", "begins alike", "name")
    assert office.post("/party/notice", {"name": "Rom"}).json["alike"] == []
    assert office.post("/party/notice", {"phone": "+", "email": "@", "tax_number": "??"}).json["alike"] == []


def test_products_declare_their_own_duplicates(as_user, made, session):
    session.add(Product(name="Bulbs", sku="TB-25", name_key="bulbs"))
    session.commit()
    [told] = as_user("office").post("/product/notice", {"sku": "TB-25", "name": "x"}).json["alike"]
    assert (told["field"], told["why"]) == ("sku", "same article number")


def test_numbers_fill_in_what_they_tell(as_user, made, session):
    office = as_user("office")

    def known(typed: dict[str, str]) -> dict[str, str]:
        return {one["field"]: one["value"] for one in office.post("/party/notice", typed).json["known"]}

    assert known({"phone": "+374 10 52 34 56"}) == {"country": "AM", "language": "hy", "currency": "AMD"}
    assert known({"tax_number": "NL854502130B01"})["country"] == "NL"
    assert known({"tax_number": "NL1"}) == {}
    told = known({"country": "DE", "bank_accounts-0-iban": "NL91 ABNA 0417 1643 00"})
    assert (told["currency"], told["bank_accounts-0-bic"]) == ("EUR", "ABNANL2A")
    assert "country" not in told
    user = made.party("Bank user")
    user.bank_accounts.append(
        PartyBankAccount(account="1", bik="044525225", bank_name="Demobank", correspondent_account="301")
    )
    session.commit()
    assert known({"bank_accounts-3-bik": "044525225"}) == {
        "bank_accounts-3-bank_name": "Demobank",
        "bank_accounts-3-correspondent_account": "301",
    }


# --- drafts -----------------------------------------------------------------------------------------------------------


def begin(browser, path="/party/add") -> dict[str, str]:
    page = browser.get(path).text
    return hidden(page, "csrf_token", "form_owner", "draft_key", "draft_turn") | {"draft_path": path}


def test_what_is_begun_is_kept_offered_gone_on_with_and_forgotten(as_user, session):
    office = as_user("office")
    form = begin(office)
    first = office.client.post("/draft/keep", data=form | {"name": "Tul", "password": "x", "note": "é\r\nü"}).json
    assert first["turn"] == 1
    assert re.fullmatch(r"\d\d:\d\d", first["at"])
    assert office.client.post("/draft/keep", data=form | {"name": "Tulpen", "draft_turn": "1"}).json["turn"] == 2
    [draft] = session.execute(select(FormDraft)).scalars()
    assert draft.fields == [["name", "Tulpen"]]
    [offered] = office.get("/draft/?path=/party/add").json["drafts"]
    assert offered["address"] == f"/party/add?draft={form['draft_key']}"
    assert office.get(f"/draft/?path=/party/add&key={form['draft_key']}").json["drafts"] == []
    page = office.get(offered["address"]).text
    assert 'value="Tulpen"' in page
    assert "You go on with what you had begun" in page
    assert hidden(page, "draft_key", "draft_turn") == {"draft_key": form["draft_key"], "draft_turn": "2"}
    assert office.post("/party/add", PARTY | {"draft_key": form["draft_key"]}).status_code == 302
    session.expire_all()
    assert session.execute(select(FormDraft)).all() == []


def test_two_tabs_keep_a_draft_each_and_none_writes_over_the_other(as_user, session):
    office = as_user("office")
    one, two = begin(office), begin(office)
    office.client.post("/draft/keep", data=one | {"name": "One"})
    office.client.post("/draft/keep", data=two | {"name": "Two"})
    stale = office.client.post("/draft/keep", data=one | {"name": "Late"}).json
    assert stale == {"conflict": True}
    kept = {draft.fields[0][1] for draft in session.execute(select(FormDraft)).scalars()}
    assert kept == {"One", "Two"}
    office.post("/party/add", PARTY | {"draft_key": one["draft_key"]})
    session.expire_all()
    assert [draft.fields[0][1] for draft in session.execute(select(FormDraft)).scalars()] == ["Two"]
    office.post("/draft/discard", {"draft_key": two["draft_key"], "draft_path": "/party/add"})
    session.expire_all()
    assert session.execute(select(FormDraft)).all() == []


def test_a_draft_is_its_writers_alone(as_user, session):
    office, accountant = as_user("office"), as_user("accountant")
    form = begin(office)
    office.client.post("/draft/keep", data=form | {"name": "Secret"})
    mine = begin(accountant)
    assert accountant.get("/draft/?path=/party/add").json["drafts"] == []
    assert "Secret" not in accountant.get(f"/party/add?draft={form['draft_key']}").text
    taken = accountant.client.post("/draft/keep", data=mine | {"draft_key": form["draft_key"], "draft_turn": "1"})
    assert taken.json == {"conflict": True}
    forged = accountant.client.post("/draft/keep", data=mine | {"form_owner": form["form_owner"]})
    assert forged.status_code == 400
    accountant.post("/draft/discard", {"draft_key": form["draft_key"], "draft_path": "/party/add"})
    session.expire_all()
    assert [draft.fields for draft in session.execute(select(FormDraft)).scalars()] == [[["name", "Secret"]]]


def test_a_draft_outlives_the_session_that_ended_while_one_typed(as_user, session):
    office = as_user("office")
    form = begin(office)
    session.execute(update(SignIn).values(revoked_at=clock.now()))
    session.commit()
    told = office.client.post("/draft/keep", data=form | {"name": "Tulpen"}).json
    assert told["turn"] == 1
    assert told["sign_in"].startswith("/login/?next=%2Fparty%2Fadd%3Fdraft%3D")
    sent = office.client.post("/party/add", data=form | PARTY | {"note": "later"})
    assert sent.status_code == 303
    [draft] = session.execute(select(FormDraft)).scalars()
    assert (draft.key, dict(draft.fields)["note"]) == (form["draft_key"], "later")


def test_drafts_are_bounded(as_user, session):
    office = as_user("office")
    form = begin(office)
    long = office.client.post("/draft/keep", data=form | {"note": "x" * (form_drafts.MOST_TEXT + 1)})
    assert long.json == {"too_long": True}
    for wrong in ({"draft_path": "/party/list/"}, {"draft_key": "short"}, {"draft_turn": "x"}):
        assert office.client.post("/draft/keep", data=form | wrong).status_code == 400, wrong
    for at in range(form_drafts.MOST_PER_USER + 2):
        office.client.post("/draft/keep", data=form | {"draft_key": f"{at:022}", "name": str(at)})
    keys = sorted(session.execute(select(FormDraft.key)).scalars())
    assert keys == [f"{at:022}" for at in range(2, form_drafts.MOST_PER_USER + 2)]
    session.execute(
        update(FormDraft).where(FormDraft.key < f"{5:022}").values(changed_at=clock.now() - timedelta(days=31))
    )
    form_drafts.forget(session, at=clock.now())
    assert min(session.execute(select(FormDraft.key)).scalars()) == f"{5:022}"


def test_forms_that_ask_for_a_password_keep_nothing(as_user):
    page = as_user("admin").get("/user/add").text
    assert "data-draft=" not in page
    assert "draft_key" not in page
