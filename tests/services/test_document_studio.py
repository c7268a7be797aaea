"""Templates of documents and what is made of them: safe on every save, fixed once published, refused while lacking."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.errors import DomainError, NotAllowed, Refusals
from app.models.attachment import Attachment
from app.models.document_template import DocumentTemplate, PaperKind
from app.models.made_document import MadeDocument, MadeState
from app.models.protection import KEPT
from app.models.sale_order import SaleOrder
from app.outbox import Outbox
from app.roles import EVERYTHING, Scope
from app.services import access, document_field, document_make, document_supplied, made_document
from app.services import document_template as templates
from app.services.access import SYSTEM, Actor
from app.services.document_source import compiled

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
ORDER = '<h1>Order <span data-field="number">17</span></h1><div data-block="lines"></div>'


@pytest.fixture
def template(session):
    """A published template of orders in English."""

    def make(body=ORDER, **values):
        given = {"name": "Our order", "kind": PaperKind.order, "language": "en", "body": body} | values
        record = DocumentTemplate(**given)
        templates.save(session, record)
        session.flush()
        templates.publish(session, record, by=None, at=NOON)
        return record

    return make


def written(body, kind=PaperKind.order, *, in_margin=False):
    return compiled(body, document_field.of(kind), field="body", in_margin=in_margin)


def refused(session, **values):
    record = DocumentTemplate(name="T", kind=PaperKind.order, language="en", **values)
    with pytest.raises(Refusals) as caught:
        templates.save(session, record)
    session.expunge_all()
    return caught.value.errors


def with_file(session, made, *, sha="a" * 64):
    """Give a document the file that a worker would have made."""
    file = Attachment(entity="made_document", record_id=made.id, name="x.pdf", media_type="application/pdf", size=1)
    file.sha256, file.purpose = sha, made_document.PURPOSE
    session.add(file)
    session.flush()
    made_document.keep_file(session, made, file)
    session.flush()


# --- what may be written ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("<p>a</p>\n<script>alert(1)</script>", "Line 2: <script> is not possible here"),
        ('<p onclick="x()">a</p>', "Line 1: onclick=“x()” is not possible here"),
        ('<a href="javascript:alert(1)">a</a>', "Line 1: href=“javascript:alert(1)” is not possible here"),
        ('<p style="background: url(https://x)">a</p>', "Line 1: style=“background: url(https://x)” is not possible"),
        ("<p>\n\n<img src=x></p>", "Line 3: <img> is not possible here"),
        ('<p><span data-field="party.secret">x</span></p>', "Line 1: There is no field “party.secret” here"),
        ('<p>\n<span data-field="lines.text">x</span></p>', "Line 2: “lines.text” stands in a repeated row only"),
        ('<div data-block="map"></div>', "Line 1: There is no block “map”"),
        ('<ul data-each="payments"><li>x</li></ul>', "Line 1: There are no rows “payments” here"),
        (
            '<div data-each="lines"><ul data-each="lines"><li>x</li></ul></div>',
            "Line 1: Rows cannot be repeated within repeated rows",
        ),
    ],
)
def test_what_is_not_possible_is_refused_with_its_line(session, body, told):
    errors = refused(session, body=body)
    assert list(errors) == ["body"]
    assert errors["body"][0].startswith(told)


@pytest.mark.parametrize(
    ("style", "told"),
    [
        ("p { color: red }\n@import 'https://x';", "Line 2: @import"),
        ("p { position: fixed }", "Line 1: position"),
        ("p { width: 9000000mm }", "Line 1: 9000000mm"),
        ("p { color: expression(1) }", "Line 1: expression(1)"),
        ("p::after { color: red }", "Line 1: :"),
        ("p:has(a) { color: red }", "Line 1: has("),
        ("p { display: grid }", "Line 1: display: grid"),
    ],
)
def test_a_style_has_words_of_a_list_only(session, style, told):
    assert refused(session, style=style)["style"][0].startswith(told)


def test_a_style_of_the_list_stays_as_it_is(session):
    record = DocumentTemplate(name="T", kind=PaperKind.order, language="en", body=ORDER)
    record.style = "h1.big, td:first-child { color: rgb(1, 2, 3); margin: 0 1mm; font-weight: 700 }"
    templates.save(session, record)
    assert record.style == "h1.big, td:first-child { color: rgb(1, 2, 3); margin: 0 1mm; font-weight: 700 }"


def test_markers_become_our_statements_and_braces_stay_characters():
    assert written('<p>{{ 7*7 }} {% raw %} <span data-field="gross.words">ten</span></p>') == (
        '<p>&#123;&#123; 7*7 &#125;&#125; &#123;% raw %&#125; <span>{{ f["gross.words"] }}</span></p>'
    )
    assert written('<p class="a{{b}}" data-if="note">x</p>') == (
        '{% if f["note"] %}<p class="a&#123;&#123;b&#125;&#125;">x</p>{% endif %}'
    )
    assert written('<p data-unless="note">x<br></p>') == '{% if not f["note"] %}<p>x<br></p>{% endif %}'


def test_a_table_repeats_its_body_and_keeps_its_head():
    body = (
        '<table data-each="lines"><thead><tr><th>A</th></tr></thead>'
        '<tbody><tr><td><span data-field="lines.text"></span></td></tr></tbody></table>'
    )
    assert written(body) == (
        '<table><thead><tr><th>A</th></tr></thead><tbody>{% for r in f["lines"] %}<tr><td><span>{{ r["text"] }}'
        "</span></td></tr>{% endfor %}</tbody></table>"
    )


def test_pages_are_counted_in_margins_only():
    assert written('<p><span data-field="page"></span></p>', in_margin=True) == (
        '<p><span><span class="studio-page"></span></span></p>'
    )
    with pytest.raises(DomainError, match="no field “page”"):
        written('<p><span data-field="page"></span></p>')


# --- versions ---------------------------------------------------------------------------------------------------------


def test_a_published_version_stays_as_it_was_whatever_becomes_of_the_template(session, template):
    record = template()
    first = templates.published(session, record)
    with pytest.raises(DomainError, match="Nothing has changed since version 1"):
        templates.publish(session, record, by=None, at=NOON)
    record.body = "<p>Other</p>"
    second = templates.publish(session, record, by=None, at=NOON)
    assert (first.number, first.body, second.number, second.body) == (1, ORDER, 2, "<p>Other</p>")
    templates.restore(session, record, number=1)
    assert record.body == ORDER
    with pytest.raises(DomainError, match="take it out of use"):
        templates.remove(session, record)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE document_template_version SET body = 'x'", "DELETE FROM document_template_version"],
)
def test_the_database_itself_keeps_published_versions(session, template, statement):
    record = template()
    session.commit()
    with pytest.raises(IntegrityError, match=KEPT), session.begin_nested():
        session.execute(text(statement))
    session.expire_all()
    assert [(each.number, each.body) for each in record.versions] == [(1, ORDER)]


def test_the_template_is_in_the_partys_language_else_in_ours_else_in_english(session, template, made):
    ours = made.organisation()  # Dutch
    own_language = templates.best(session, "order", language="ru", organisation=ours)
    assert (own_language.language, own_language.supplied) == ("ru", "order.ru")
    own_language.is_active = False
    assert templates.best(session, "order", language="ru", organisation=ours).supplied == "order.nl"
    assert templates.best(session, "order", language="ru").supplied == "order.en"
    russian = template(name="Наш бланк", language="ru")
    assert templates.best(session, "order", language="ru", organisation=ours) is russian
    own = template(name="Наш заказ", language="ru", organisation=ours)
    assert templates.best(session, "order", language="ru", organisation=ours) is own
    own.is_active = False
    assert templates.best(session, "order", language="ru", organisation=ours) is russian
    assert templates.best(session, "contract", language="ru", organisation=ours).supplied == "contract.ru"


def test_the_default_is_the_one_saved_last_as_such(session, template):
    first = template(is_default=True)
    second = template(name="Another", is_default=True)
    session.flush()
    session.refresh(first)
    assert (first.is_default, second.is_default) == (False, True)


# --- documents --------------------------------------------------------------------------------------------------------


@pytest.fixture
def order(session, made) -> SaleOrder:
    record = made.order(("3", "10.00"))
    record.number, record.ordered_on = "SO-2026-00001", NOON.date()
    session.flush()
    return record


def test_a_document_takes_its_data_once_and_asks_the_worker_for_its_file(session, order, template):
    record = template()
    document = document_make.make(session, order, record, language="nl", by=None, at=NOON)
    said = document.data["fields"]
    assert (said["number"], said["gross"], said["lines"][0]["quantity"]) == ("SO-2026-00001", "36.30", "3")
    assert (document.state, document.kind, document.number) == (MadeState.draft, PaperKind.order, "SO-2026-00001")
    assert document.title == "Order SO-2026-00001"
    assert (document.entity, document.record_id, document.party_id) == ("order", order.id, order.party_id)
    asked = session.scalars(select(Outbox.record_id).where(Outbox.topic == document_make.RENDER)).all()
    assert asked == [document.id]
    order.party.legal_name = "Somebody else"
    session.flush()
    assert document.data["fields"]["buyer.name"] == "Tulpen & Zonen B.V."


def test_needed_data_that_are_missing_are_refused_each_with_its_place(session, order, template):
    record = template()
    order.number = order.ordered_on = None
    session.flush()
    with pytest.raises(document_make.MissingData) as caught:
        document_make.make(session, order, record, language="en", by=None, at=NOON)
    found = [(each.name, each.place.stem, each.place.record_id) for each in caught.value.missing]
    assert found == [("number", "order", order.id), ("date", "order", order.id)]
    assert caught.value.errors["number"] == ["“Number” is needed"]
    assert session.scalars(select(MadeDocument.id)).all() == []
    assert session.scalars(select(Outbox.id).where(Outbox.topic == document_make.RENDER)).all() == []


def test_a_template_of_another_kind_or_unpublished_makes_nothing(session, order, template, made):
    letter = template(body="<p>x</p>", kind=PaperKind.letter, name="L")
    with pytest.raises(DomainError, match="for something else"):
        document_make.make(session, order, letter, language="en", by=None, at=NOON)
    draft = DocumentTemplate(name="D", kind=PaperKind.order, language="en", body=ORDER)
    templates.save(session, draft)
    session.flush()
    with pytest.raises(DomainError, match="publish it first"):
        document_make.make(session, order, draft, language="en", by=None, at=NOON)
    assert session.scalars(select(MadeDocument.id)).all() == []


def test_a_document_is_approved_issued_and_then_stays(session, order, template):
    record = template(needs_approval=True)
    document = document_make.make(session, order, record, language="en", by=None, at=NOON)
    with pytest.raises(DomainError, match="not made yet"):
        made_document.ask_approval(session, document)
    with_file(session, document)
    with pytest.raises(DomainError, match="approved first"):
        made_document.issue(session, document, at=NOON)
    made_document.ask_approval(session, document)
    with pytest.raises(DomainError, match="Say why"):
        made_document.reject(session, document, reason=" ")
    made_document.reject(session, document, reason="A wrong sum")
    assert (document.state, document.rejected_reason) == (MadeState.draft, "A wrong sum")
    made_document.ask_approval(session, document)
    made_document.approve(session, document, by=SYSTEM, at=NOON)
    made_document.issue(session, document, at=NOON)
    session.flush()
    assert (document.state, document.approved_at, document.issued_at) == (MadeState.issued, NOON, NOON)
    with pytest.raises(DomainError, match="stays"):
        made_document.remove(session, document)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE made_document SET data = '{\"fields\": 1}'",
        "UPDATE made_document SET number = 'x'",
        "UPDATE made_document SET state = 'draft'",
        "UPDATE made_document SET sha256 = 'b'",
        "UPDATE made_document SET file_id = NULL",
        "DELETE FROM made_document",
    ],
)
def test_the_database_itself_keeps_what_was_issued(session, order, template, statement):
    document = document_make.make(session, order, template(), language="en", by=None, at=NOON)
    with_file(session, document)
    made_document.issue(session, document, at=NOON)
    session.commit()
    with pytest.raises(IntegrityError, match=KEPT), session.begin_nested():
        session.execute(text(statement))
    session.expire_all()
    kept = session.get(MadeDocument, document.id)
    assert (kept.state, kept.sha256, kept.data["fields"]["gross"]) == (MadeState.issued, "a" * 64, "36.30")


def test_a_statement_is_for_whoever_may_see_invoices(session, made, template):
    ours = made.organisation()
    party = made.buyer()
    invoice = made.issued(("1", "10.00"), organisation=ours, party=party)
    record = template(kind=PaperKind.statement, name="S", body='<table data-each="items"><tr><td>x</td></tr></table>')
    document = document_make.make(session, party, record, language="nl", by=None, at=NOON)
    said = document.data["fields"]
    assert (said["balance"], said["items"]) == (
        "12.10",
        [{"date": "2026-03-31", "text": str(invoice), "rest": "12.10"}],
    )
    assert Decimal(said["balance"]) == invoice.gross
    nobody = Actor(made.user("manager").id, "manager", Scope.all, reaches=frozenset({("party", "see", EVERYTHING)}))
    with access.acting(session, nobody), pytest.raises(NotAllowed):
        document_make.make(session, party, record, language="nl", by=nobody, at=NOON)


# --- what comes with the program --------------------------------------------------------------------------------------


def test_every_kind_has_its_template_in_every_language_and_edits_stay(session):
    assert document_supplied.missing(session) == []  # the installation brought them
    found = session.scalars(select(DocumentTemplate).where(DocumentTemplate.supplied.is_not(None))).all()
    assert (len(document_supplied.KINDS), len(found)) == (12, 48)
    for each in found:
        assert templates.published(session, each).number == 1, each.supplied
    mine = next(each for each in found if each.supplied == "letter.hy")
    mine.body, mine.name = "<p>mine</p>", "Mine"
    session.flush()
    assert document_supplied.install(session, at=NOON) == 0
    assert (mine.body, mine.name) == ("<p>mine</p>", "Mine")
    letters = {each.language: each.name for each in found if each.kind == PaperKind.letter and each is not mine}
    assert letters == {"en": "Letter", "nl": "Brief", "ru": "Письмо"}
