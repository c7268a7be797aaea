"""What OpenAPI says of a resource: complete requests and answers, made from the same schemas that do the work."""

from typing import Any

from marshmallow import Schema

from app.models.tag import LONGEST
from app.services.tag import MOST

_ERRORS: dict[str, dict[str, Any]] = {
    "400": {"description": "The request cannot be read"},
    "401": {"description": "Not signed in"},
    "403": {"description": "The right is missing, or the key has no scope for it"},
    "404": {"description": "No such record, or not yours to see"},
    "409": {"description": "Somebody else changed the record meanwhile"},
    "422": {"description": "Refused, with a text per field"},
}
KEYS = (
    "A key from the settings, sent as `Authorization: Bearer crm_…`. It does what its owner may, as far as its scopes "
    "go: areas × see, write (add, change, delete) and other acts. It ends on its day, when it is revoked, and when its "
    "owner's password changes."
)
_REFUSAL = {
    "type": "object",
    "properties": {
        "message": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    },
}
_MESSAGE = {"type": "object", "properties": {"message": {}}}


def _errors(*codes: str) -> dict[str, Any]:
    return {
        code: _ERRORS[code] | {"content": {"application/json": {"schema": _REFUSAL if code == "422" else _MESSAGE}}}
        for code in codes
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(name: str, example: Any = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _ref(name)}
    if example:
        content["example"] = example
    return {"required": True, "content": {"application/json": content}}


def _one(name: str) -> dict[str, Any]:
    shape = {"type": "object", "properties": {"id": {"type": "integer"}, "result": _ref(name)}}
    return {"description": "The record", "content": {"application/json": {"schema": shape}}}


def _page(name: str) -> dict[str, Any]:
    shape = {
        "type": "object",
        "properties": {
            "count": {"type": "integer", "description": "matching records, exact up to 10000"},
            "count_capped": {"type": "boolean"},
            "next": {"type": "string", "description": "the cursor of the next page, empty on the last one"},
            "ids": {"type": "array", "items": {"type": "integer"}},
            "result": {"type": "array", "items": _ref(name)},
        },
    }
    return {"description": "One page of records", "content": {"application/json": {"schema": shape}}}


_KEY = {"in": "path", "name": "pk", "required": True, "schema": {"type": "integer"}}
_SEARCH = {
    "in": "query",
    "name": "search",
    "schema": {"type": "string"},
    "description": "part of a name, number or phone",
}
_AFTER = {
    "in": "query",
    "name": "after",
    "schema": {"type": "string"},
    "description": "`next` of the page before; as quick on the last page as on the first, unlike a page number",
}
_TAGS = {
    "type": "object",
    "required": ["tags"],
    "properties": {"tags": {"type": "array", "maxItems": MOST, "items": {"type": "string", "maxLength": LONGEST}}},
    "example": {"tags": ["VIP"]},
}
_SECURITY: list[dict[str, list[str]]] = [{"jwt": []}, {"api_key": []}]


def describe(api: Any, method: str, operations: dict[str, Any]) -> None:
    """Replace what Flask-AppBuilder says of our methods."""
    out, row = api.show_schema.__name__, api.list_schema.__name__
    new, change = api.add_schema.__name__, api.edit_schema.__name__
    noun = api.datamodel.obj.__stem__
    about: dict[str, dict[str, Any]] = {
        "get": {
            "get": {
                "summary": f"Get a {noun}",
                "parameters": [_KEY],
                "responses": {"200": _one(out)} | _errors("400", "401", "403", "404"),
            }
        },
        "get_list": {
            "get": {
                "summary": f"List {noun} records",
                "parameters": [
                    _SEARCH,
                    _AFTER,
                    {"in": "query", "name": "q", "content": {"application/json": {"schema": _ref("get_list_schema")}}},
                ],
                "responses": {"200": _page(row)} | _errors("400", "401", "403"),
            }
        },
        "post": {
            "post": {
                "summary": f"Add a {noun}",
                "requestBody": _body(new, api.examples.get("post")),
                "responses": {"201": _one(out)} | _errors("400", "401", "403", "409", "422"),
            }
        },
        "put": {
            "put": {
                "summary": f"Change a {noun}",
                "parameters": [_KEY],
                "requestBody": _body(change),
                "responses": {"200": _one(out)} | _errors("400", "401", "403", "404", "409", "422"),
            }
        },
        "put_tags": {
            "put": {
                "summary": f"Give a {noun} exactly these tags",
                "parameters": [_KEY],
                "requestBody": {"required": True, "content": {"application/json": {"schema": _TAGS}}},
                "responses": {"200": _one(out)} | _errors("400", "401", "403", "404", "422"),
            }
        },
        "delete": {
            "delete": {
                "summary": f"Delete a {noun}",
                "parameters": [_KEY],
                "responses": {"200": {"description": "Deleted"}} | _errors("401", "403", "404", "409", "422"),
            }
        },
    }
    for verb, operation in about.get(method, {}).items():
        operations[verb] = operation | {"security": _SECURITY, "operationId": f"{noun}_{method}"}
    if method == "act":
        operations.clear()


def verb_paths(api: Any, api_spec: Any) -> None:
    """Add one documented path per verb."""
    noun = api.datamodel.obj.__stem__
    api_spec._paths.pop(f"{api.route_base}/{{pk}}/{{verb}}", None)  # noqa: SLF001 -- apispec offers no removal
    for verb in api.verbs:
        operation: dict[str, Any] = {
            "summary": f"{verb.name.replace('_', ' ').capitalize()} a {noun}",
            "tags": [noun],
            "operationId": f"{noun}_{verb.name}",
            "parameters": [_KEY],
            "responses": {"200": _one(api.show_schema.__name__)} | _errors("400", "401", "403", "404", "409", "422"),
            "security": _SECURITY,
        }
        if verb.arguments:
            name = f"{noun}_{verb.name}"
            api_spec.components.schema(name, schema=Schema.from_dict(dict(verb.arguments), name=name))
            operation["requestBody"] = {"content": {"application/json": {"schema": _ref(name)}}}
        api_spec.path(path=f"{api.route_base}/{{pk}}/{verb.name}", operations={"post": operation})
