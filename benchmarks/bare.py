"""The bare page that the product is held against: Flask, one SELECT of the same rows and columns, one template."""

from typing import Any

from flask import Flask, render_template_string
from flask.testing import FlaskClient
from sqlalchemy import Engine, TextClause, text

COLUMNS = "p.id, p.name, p.tax_number, p.country, p.phone, p.email, u.first_name, u.last_name, p.changed_at"
FROM = "party p LEFT JOIN ab_user u ON u.id = p.owner_id"
PAGE_SIZE = 25
_TEMPLATE = """<!DOCTYPE html><title>{{ title }}</title><table>
{% for row in rows %}<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>
{% endfor %}</table>"""


class Bare:
    """An application with one page; `ask` says which rows it shows."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.statement = text("SELECT 1")
        self.values: dict[str, Any] = {}
        app = Flask("bare")
        app.add_url_rule("/", "rows", self._page)
        self.client: FlaskClient = app.test_client()

    def _page(self) -> str:
        with self.engine.connect() as connection:
            rows = connection.execute(self.statement, self.values).all()
        return render_template_string(_TEMPLATE, title="Bare", rows=rows)

    def ask(self, statement: TextClause, **values: Any) -> None:  # noqa: ANN401
        """Choose the SELECT that the page runs."""
        self.statement, self.values = statement, values


def rows_at(offset: int) -> tuple[TextClause, dict[str, Any]]:
    """Return the SELECT of one page of the list by name."""
    page = f"SELECT * FROM party ORDER BY name, id LIMIT {PAGE_SIZE} OFFSET :offset"
    select = f"SELECT {COLUMNS} FROM ({page}) p LEFT JOIN ab_user u ON u.id = p.owner_id ORDER BY p.name, p.id"
    return text(select), {"offset": offset}


def rows_found(fragments: list[str], *, sqlite: bool) -> tuple[TextClause, dict[str, Any]]:
    """Return the SELECT of the first page of what a search finds; `fragments` as the product looks for them."""
    if sqlite:
        where = "p.id IN (SELECT rowid FROM party_fts WHERE party_fts MATCH :wanted)"
        values: dict[str, Any] = {"wanted": " AND ".join(f'"{fragment}"' for fragment in fragments)}
    else:
        where = " AND ".join(f"p.search_text LIKE :part{at}" for at in range(len(fragments)))
        values = {f"part{at}": f"%{fragment}%" for at, fragment in enumerate(fragments)}
    return text(f"SELECT {COLUMNS} FROM {FROM} WHERE {where} ORDER BY p.name, p.id LIMIT {PAGE_SIZE}"), values


def row(key: int) -> tuple[TextClause, dict[str, Any]]:
    """Return the SELECT of one record."""
    return text(f"SELECT {COLUMNS} FROM {FROM} WHERE p.id = :id"), {"id": key}


def nothing() -> tuple[TextClause, dict[str, Any]]:
    """Return a SELECT that reads no table: what a page without data costs."""
    return text("SELECT 1"), {}
