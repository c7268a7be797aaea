"""What OpenAPI says of a resource: complete requests and answers, made from the same schemas that do the work."""

from inspect import signature
from typing import Any

from marshmallow import Schema

from app.models.tag import LONGEST
from app.services.tag import MOST
from app.web.lookup import stem_of

_ERRORS: dict[str, dict[str, Any]] = {
    "400": {"description": "The request cannot be read"},
    "401": {"description": "Not signed in"},
    "403": {"description": "The right is missing, or the key has no scope for it"},
    "404": {"description": "No such record, or not yours to see"},
    "409": {"description": "Somebody else changed the record meanwhile"},
    "413": {"description": "The request is too large"},
    "415": {"description": "The body is not sent as JSON"},
    "422": {"description": "Refused, with a text per field"},
}
_IN_BODY = ("413", "415", "422")
KEYS = (
    "A key from the settings, sent as `Authorization: Bearer crm_…`. It does what its owner may, as far as its scopes "
    "go: areas × see, write (add, change, delete) and other acts; sensitive fields only where a scope names them, as "
    "`party.personal.see`. It ends on its day, when it is revoked, and when its "
    "owner's password changes."
)
TEXTS = "Texts"  # the component that says what is wrong with a field
_TEXTS = {
    "anyOf": [
        {"type": "array", "items": {"type": "string"}},
        {"type": "object", "additionalProperties": {"$ref": f"#/components/schemas/{TEXTS}"}},
    ],
    "description": 'what is wrong with a field; of rows by number and column: {"0": {"quantity": ["…"]}}',
}
_REFUSAL = {
    "type": "object",
    "required": ["message"],
    "properties": {"message": {"type": "object", "additionalProperties": {"$ref": f"#/components/schemas/{TEXTS}"}}},
}
_MESSAGE = {"type": "object", "properties": {"message": {}}}


def errors(*codes: str) -> dict[str, Any]:
    """Return the descriptions of refusals, by status."""
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


def _id(noun: str) -> dict[str, Any]:
    return {"type": "integer", "description": f"id of a {noun}"}


def _one(name: str, noun: str) -> dict[str, Any]:
    shape = {
        "type": "object",
        "required": ["id", "result"],
        "properties": {"id": _id(noun), "result": _ref(name)},
    }
    return {"description": "The record", "content": {"application/json": {"schema": shape}}}


def _other(noun: str) -> dict[str, Any]:
    """Return what a verb answers with that makes another record: its id."""
    named = {"type": "object", "required": ["id"], "properties": {"id": _id(noun)}}
    shape = {"type": "object", "required": ["result"], "properties": {"result": named}}
    return {"description": f"The {noun} that was made", "content": {"application/json": {"schema": shape}}}


def _done(text: str) -> dict[str, Any]:
    shape = {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}}
    return {"description": text, "content": {"application/json": {"schema": shape}}}


def _page(name: str, noun: str) -> dict[str, Any]:
    shape = {
        "type": "object",
        "required": ["count", "count_capped", "next", "ids", "result"],
        "properties": {
            "count": {"type": "integer", "description": "matching records, exact up to 10000"},
            "count_capped": {"type": "boolean"},
            "next": {"type": "string", "description": "the cursor of the next page, empty on the last one"},
            "ids": {"type": "array", "items": _id(noun)},
            "result": {"type": "array", "items": _ref(name)},
        },
    }
    return {"description": "One page of records", "content": {"application/json": {"schema": shape}}}


def _info() -> dict[str, Any]:
    field = {
        "type": "object",
        "required": ["name", "label", "description", "type", "required", "unique"],
        "properties": {name: {"type": "string"} for name in ("name", "label", "description", "type")}
        | {name: {"type": "boolean"} for name in ("required", "unique")}
        | {"validate": {"type": "array", "items": {"type": "string"}}},
    }
    operator = {"type": "object", "properties": {name: {"type": "string"} for name in ("name", "operator")}}
    shape = {
        "type": "object",
        "properties": {name: {"type": "array", "items": field} for name in ("add_columns", "edit_columns")}
        | {name: {"type": "string"} for name in ("add_title", "edit_title")}
        | {"permissions": {"type": "array", "items": {"type": "string"}}}
        | {"filters": {"type": "object", "additionalProperties": {"type": "array", "items": operator}}},
    }
    return {
        "description": "Columns, filters and the caller's rights",
        "content": {"application/json": {"schema": shape}},
    }


def _question(name: str) -> dict[str, Any]:
    return {"in": "query", "name": "q", "content": {"application/json": {"schema": _ref(name)}}}


KEY = {"in": "path", "name": "pk", "required": True, "schema": {"type": "integer"}}
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


def _finished(operation: dict[str, Any]) -> dict[str, Any]:
    """Return what a resource says of an address of its own: the key in it or what it names, and our refusals."""
    given = _IN_BODY if "requestBody" in operation else ("422",) if "parameters" in operation else ()
    codes = ("400", "401", "403", "404", *given)
    return {"parameters": [KEY]} | operation | {"responses": operation["responses"] | errors(*codes)}


def describe(api: Any, method: str, operations: dict[str, Any]) -> None:
    """Replace what Flask-AppBuilder says of our methods."""
    out, row = api.show_schema.__name__, api.list_schema.__name__
    new, change = api.add_schema.__name__, api.edit_schema.__name__
    noun = api.datamodel.obj.__stem__
    about: dict[str, dict[str, Any]] = {
        "get": {
            "get": {
                "summary": f"Get a {noun}",
                "parameters": [KEY],
                "responses": {"200": _one(out, noun)} | errors("400", "401", "403", "404"),
            }
        },
        "get_list": {
            "get": {
                "summary": f"List {noun} records",
                "parameters": [
                    _SEARCH,
                    _AFTER,
                    _question("get_list_schema"),
                ],
                "responses": {"200": _page(row, noun)} | errors("400", "401", "403"),
            }
        },
        "info": {
            "get": {
                "summary": f"Say what a {noun} has, and what the caller may do with it",
                "parameters": [_question("get_info_schema")],
                "responses": {"200": _info()} | errors("400", "401", "403"),
            }
        },
        "post": {
            "post": {
                "summary": f"Add a {noun}",
                "requestBody": _body(new, api.examples.get("post")),
                "responses": {"201": _one(out, noun)} | errors("400", "401", "403", "409", *_IN_BODY),
            }
        },
        "put": {
            "put": {
                "summary": f"Change a {noun}",
                "parameters": [KEY],
                "requestBody": _body(change),
                "responses": {"200": _one(out, noun)} | errors("400", "401", "403", "404", "409", *_IN_BODY),
            }
        },
        "put_tags": {
            "put": {
                "summary": f"Give a {noun} exactly these tags",
                "parameters": [KEY],
                "requestBody": {"required": True, "content": {"application/json": {"schema": _TAGS}}},
                "responses": {"200": _one(out, noun)} | errors("400", "401", "403", "404", *_IN_BODY),
            }
        },
        "delete": {
            "delete": {
                "summary": f"Delete a {noun}",
                "parameters": [KEY],
                "responses": {"200": _done("Deleted")} | errors("400", "401", "403", "404", "409", "422"),
            }
        },
    }
    about |= {name: {verb: _finished(each)} for name, (verb, each) in getattr(api, "described", {}).items()}
    for verb, operation in about.get(method, {}).items():
        operations[verb] = operation | {"security": _SECURITY, "operationId": f"{noun}_{method}"}
    if method == "act":
        operations.clear()


def _outcome(api: Any, verb: Any) -> dict[str, Any]:
    """Return what a verb answers with: the record itself, or the id of the one that its function says it returns."""
    entity, made = api.datamodel.obj, signature(verb.act).return_annotation
    if verb.ends:
        return _done("Done")
    if not isinstance(made, type) or made is entity:
        return _one(api.show_schema.__name__, entity.__stem__)
    return _other(stem_of(made) or "record")


def verb_paths(api: Any, api_spec: Any) -> None:
    """Add one documented path per verb."""
    noun = api.datamodel.obj.__stem__
    api_spec.components.schemas.setdefault(TEXTS, _TEXTS)
    api_spec._paths.pop(f"{api.route_base}/{{pk}}/{{verb}}", None)  # noqa: SLF001 -- apispec offers no removal
    for verb in api.verbs:
        operation: dict[str, Any] = {
            "summary": f"{verb.name.replace('_', ' ').capitalize()} a {noun}",
            "tags": [noun],
            "operationId": f"{noun}_{verb.name}",
            "parameters": [KEY],
            "responses": {"200": _outcome(api, verb)} | errors("400", "401", "403", "404", "409", *_IN_BODY),
            "security": _SECURITY,
        }
        if verb.arguments:
            name = f"{noun}_{verb.name}"
            api_spec.components.schema(name, schema=Schema.from_dict(dict(verb.arguments), name=name))
            operation["requestBody"] = {"content": {"application/json": {"schema": _ref(name)}}}
        api_spec.path(path=f"{api.route_base}/{{pk}}/{verb.name}", operations={"post": operation})
