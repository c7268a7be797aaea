"""What can stand in the templates of a kind, for those who write them: fields, repeated rows and ready blocks."""

from typing import Any

from app.models.document_template import PaperKind
from app.services import document_field
from app.services.document_field import Paper, form_label
from app.services.document_source import BLOCKS


def _told(name: str, field: document_field.Field, *, prefix: str = "") -> dict[str, str]:
    return {"name": prefix + name, "label": form_label(name, field), "sample": field.sample, "kind": field.kind}


def fields(paper: Paper) -> list[dict[str, str]]:
    """Return the fields outside of rows, their other forms too: [{"name", "label", "sample", "kind"}]."""
    return [_told(name, each) for name, each in paper.all_names().items() if each.kind != "rows"]


def rows(paper: Paper) -> list[dict[str, Any]]:
    """Return what can be repeated: [{"name", "label", "fields": as `fields`, by their whole names}]."""
    columns = paper.rows()
    return [
        {
            "name": each.name,
            "label": str(each.label),
            "fields": [_told(name, column, prefix=f"{each.name}.") for name, column in columns[each.name].items()],
        }
        for each in paper.fields
        if each.kind == "rows"
    ]


def blocks(paper: Paper) -> list[str]:
    """Return the ready blocks that fit."""
    known = set(paper.all_names())
    return [name for name, needed in BLOCKS.items() if set(needed) <= known]


def of_all() -> dict[str, dict[str, Any]]:
    """Return what every kind of document knows: {"invoice": {"fields", "rows", "blocks"}}, in the reader's language."""
    found: dict[str, dict[str, Any]] = {}
    for kind in PaperKind:
        paper = document_field.of(kind)
        if paper is not None:
            found[kind.value] = {"fields": fields(paper), "rows": rows(paper), "blocks": blocks(paper)}
    return found
