"""From the demo to a company of one's own: the banner leads administrators to a page that says how."""

import pytest

BANNER = '<div class="demo-banner" role="region"'
LINK = '<a href="/setup/own">Start your own company</a>'


@pytest.fixture
def demo(app, monkeypatch):
    monkeypatch.setitem(app.config, "CRM_DEMO", True)


@pytest.mark.usefixtures("demo")
def test_the_banner_of_the_demo_leads_an_administrator_there(as_user):
    page = as_user("admin").get("/home/").text
    assert BANNER in page
    assert LINK in page


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("name", ["accountant", "office", "auditor"])
def test_others_see_the_banner_alone_and_not_the_page(as_user, name):
    person = as_user(name)
    page = person.get("/home/").text
    assert (BANNER in page, LINK in page) == (True, False)
    assert person.get("/setup/own").status_code == 403


def test_without_the_demo_there_is_no_banner(as_user):
    page = as_user("admin").get("/home/").text
    assert (BANNER in page, LINK in page) == (False, False)


@pytest.mark.usefixtures("demo")
def test_the_page_names_the_commands(as_user, app, monkeypatch):
    admin = as_user("admin")
    page = admin.get("/setup/own").text
    assert page.count("<kbd>CRM_DEMO=0 make run</kbd>") == 1
    assert "<kbd>CRM_DEMO=0 .venv/bin/crm init --country NL" in page
    assert "<kbd>CRM_DATABASE_URL</kbd>" in page
    monkeypatch.setitem(app.config, "SQLALCHEMY_DATABASE_URI", "sqlite:////somewhere/demo.db")
    page = admin.get("/setup/own").text
    assert "It opens a database of its own" in page
    assert "<kbd>CRM_DATABASE_URL</kbd>" not in page
