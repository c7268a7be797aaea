"""The page of the visual editor of templates: its modules, what it is told of each kind, and HTML posted past it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.document_template import DocumentTemplate, PaperKind
from app.services import mail_place
from app.views.document_template import MODULES
from app.views.mail_template import PLACE_NAMES, MailTemplateView
from tests.attack import attack
from tests.conftest import Browser

As = Callable[[str], Browser]
STATIC = Path(__file__).parents[2] / "app" / "static"
FORM = {
    "name": "Drawn",
    "kind": "letter",
    "language": "en",
    "is_active": "y",
    "body": "<p>kept</p>",
    "page_size": "a4",
    "margin_top": "20",
    "margin_right": "16",
    "margin_bottom": "20",
    "margin_left": "18",
}
FORBIDDEN = (
    '<p><img src=x onerror="alert(1)"></p>',
    "<p>a</p><script>alert(1)</script>",
    '<p onclick="alert(1)">a</p>',
    '<p><a href="javascript:alert(1)">a</a></p>',
    '<p><a href="https://a.example" onmouseover="alert(1)">a</a></p>',
    '<iframe srcdoc="&lt;script&gt;1&lt;/script&gt;"></iframe>',
    '<svg><animate onbegin="alert(1)"></animate></svg>',
    '<p style="position: fixed; inset: 0">a</p>',
    '<p style="background-image: url(https://a.example/x)">a</p>',
    '<div data-keep="{}" class="ProseMirror" contenteditable="true">a</div>',
    '<p data-pm-slice="1 1 []">a</p>',
    '<table><tbody><tr><td data-colwidth="100">a</td></tr></tbody></table>',
    "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>",
)


def told(page: str, name: str) -> Any:
    """Return the data that a page holds for its scripts."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_tells_where_each_module_is_and_what_each_kind_knows(as_user: As):
    answer = as_user("office").get("/document_template/add")
    page = answer.get_data(as_text=True)
    found = re.search(r'<script type="importmap" nonce="([^"]+)">(.*?)</script>', page)
    assert found is not None
    assert f"'nonce-{found[1]}'" in answer.headers["Content-Security-Policy"]
    imports = json.loads(found[2])["imports"]
    assert {name: address.partition("?")[0] for name, address in imports.items()} == {
        name: f"/static/{file}" for name, file in MODULES.items()
    }
    assert all(not address.endswith("?v=0") for address in imports.values())  # each file is there
    assert page.count('rel="modulepreload"') == len(MODULES)
    catalogue = told(page, "editor-catalogue")
    assert set(catalogue) == {kind.value for kind in PaperKind}
    assert catalogue["invoice"]["fields"][0] == {
        "name": "number",
        "label": "Number",
        "sample": "2026-00017",
        "kind": "text",
    }
    (lines,) = catalogue["invoice"]["rows"]
    assert (lines["name"], lines["label"], lines["fields"][2]["name"]) == ("lines", "Lines", "lines.sku")
    assert catalogue["letter"]["rows"] == []
    assert catalogue["letter"]["blocks"] == ["letterhead", "parties", "bank", "signatures", "recipient"]
    assert set(catalogue["invoice"]["blocks"]) <= set(told(page, "editor-texts")["blocks"])


def test_modules_import_what_the_page_tells_and_nothing_is_left_over():
    own = {file.stem: file.read_text() for file in (STATIC / "js" / "editor").glob("*.js")}
    assert {f"editor/{name}" for name in own} == {name for name in MODULES if name.startswith("editor/")}
    asked = {
        name for text in own.values() for name in re.findall(r'^(?:import|\} from) ?.*?"([^"]+)";$', text, re.MULTILINE)
    }
    for name, file in MODULES.items():
        if not name.startswith("editor/"):
            asked |= set(
                re.findall(r"""^import .* from ['"]([^'"]+)['"];$""", (STATIC / file).read_text(), re.MULTILINE)
            )
    assert asked <= set(MODULES)
    assert set(MODULES) - asked == {"editor/main"}  # what the page itself names


@attack(216, "HTML that the visual editor would never write, posted past it by form and by REST")
@pytest.mark.parametrize("body", FORBIDDEN)
def test_the_list_of_what_is_allowed_is_the_servers(as_user: As, session: Session, body: str):
    office = as_user("office")
    count = select(func.count()).select_from(DocumentTemplate)
    before = session.scalar(count)
    for field in ("body", "header", "footer"):
        answer = office.post("/document_template/add", FORM | {field: body})
        assert answer.status_code == 422
        assert f'id="{field}-error"' in answer.get_data(as_text=True)
    session.expire_all()
    assert session.scalar(count) == before
    answer = office.post("/document_template/add", FORM)
    assert answer.status_code == 302
    template = session.scalars(select(DocumentTemplate).where(DocumentTemplate.name == "Drawn")).one()
    answer = office.post(f"/document_template/edit/{template.id}", FORM | {"body": body, "record_version": "1"})
    assert answer.status_code == 422
    assert 'id="body-error"' in answer.get_data(as_text=True)
    session.expire_all()
    assert template.body == "<p>kept</p>"


def test_places_of_mails_that_are_put_in_are_right():
    assert set(PLACE_NAMES) == set(mail_place.PLACES)
    for one in MailTemplateView().insertable():
        assert mail_place.wrong(one["place"]) is None
        (slot,) = mail_place.parts(one["place"])
        assert isinstance(slot, mail_place.Slot)


def test_the_form_of_a_mail_template_offers_the_places(as_user: As):
    page = as_user("head").get("/mail_template/add").get_data(as_text=True)
    assert re.findall(r'data-place="([^"]+)"', page) == [
        "{name|customer}",
        "{first name|customer}",
        "{company|customer}",
        "{city|customer}",
        "{manager|customer}",
        "{organisation}",
        "{occasion|customer}",
        "{day|customer}",
    ]
