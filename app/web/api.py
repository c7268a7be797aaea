"""`CrudApi`: REST over an entity by declaration, on Flask-AppBuilder's ModelRestApi, with its holes closed.

Refusals are 422 `{"message": {field: [text]}}`, a stale `version` or a conflicting act 409. Every record goes through
the row rule: a foreign id answers 404 like an unknown one. Verbs of the service are `POST /api/v1/<stem>/<id>/<verb>`.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from flask import Response, request
from flask_appbuilder.api import BaseApi, ModelRestApi, expose, permission_name, protect, rison, safe
from flask_appbuilder.api.schemas import get_item_schema, get_list_schema
from marshmallow import Schema, ValidationError
from sqlalchemy import inspect
from werkzeug.exceptions import HTTPException

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, NotAllowed, NotFound
from app.i18n import gettext as _
from app.models.base import Entity
from app.roles import CHANGE, SEE
from app.services import access, field_right, idempotency
from app.web import api_refusal, audited, guarded, rows_read
from app.web.api_tags import TAGS_OUT, TagsApi
from app.web.filters import Wanted, conditions
from app.web.keyset import LONGEST
from app.web.labels import LABELS
from app.web.records import COUNT_CAP, Records, keep_empty
from app.web.schema import Lines, schema
from app.web.sharing import with_share
from app.web.verbs import Verb, run

RIGHTS = {"get": "see", "get_list": "see", "info": "see", "post": "add", "put": "change", "put_tags": "change"} | {
    "delete": "delete"
}


class CrudApi(TagsApi, ModelRestApi):
    """The base of all REST resources of entities; see the module's text."""

    datamodel: Records
    verbs: ClassVar[list[Verb]] = []
    lines: ClassVar[Mapping[str, Lines]] = {}
    defaulted: ClassVar[Sequence[str]] = ()  # required columns that the service fills in when they are left out
    examples: ClassVar[Mapping[str, Any]] = {}
    more_in: ClassVar[Mapping[str, Any]] = {}  # fields of a new record beyond its columns; `store_more` takes them
    more_out: ClassVar[Mapping[str, Any]] = {}  # fields of an answer beyond its columns
    holds_personal_data: ClassVar[bool | None] = None  # None: as the columns of the table say
    shapes: ClassVar[Mapping[str, Any]] = {}  # fields of columns whose type does not say what they hold: JSON
    has_tags: ClassVar[bool] = True  # False: records of this kind take no tags
    csrf_exempt = False
    allow_browser_login = True
    include_route_methods: ClassVar[set[str] | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        records = cls.__dict__.get("datamodel")
        if records is None:
            return
        for name in ("list_columns", "show_columns", "add_columns", "edit_columns", "search_columns", "order_columns"):
            if getattr(cls, name, None) is None:
                raise TypeError(f"{cls.__name__} does not declare {name}")
        if cls.more_in and cls.store_more is CrudApi.store_more:
            raise TypeError(f"{cls.__name__} declares more_in but nothing that stores it")
        entity = records.obj
        stem = entity.__stem__
        cls.verbs = with_share(entity, cls.verbs)
        guarded.install(cls, entity)
        cls.has_tags = cls.has_tags and issubclass(entity, Entity)
        if not cls.has_tags or "put" in cls.exclude_route_methods:
            cls.exclude_route_methods = {*cls.exclude_route_methods, "put_tags"}
        cls.resource_name = stem
        cls.class_permission_name = stem
        cls.openapi_spec_tag = stem
        cls.method_permission_name = RIGHTS | {"act": "see"}
        rights = [right for method, right in RIGHTS.items() if method not in cls.exclude_route_methods]
        cls.base_permissions = [f"can_{verb}" for verb in dict.fromkeys([*rights, *(v.name for v in cls.verbs)])]
        title = "".join(part.capitalize() for part in stem.split("_"))
        standing = [name for name in ("version", "created_at", "changed_at") if name in entity.__table__.c]
        more = dict(cls.more_out) | ({"tags": TAGS_OUT} if cls.has_tags else {})
        shaped: dict[str, Any] = {"lines": cls.lines, "shapes": cls.shapes}
        out = list(dict.fromkeys(["id", *cls.show_columns, *standing]))
        cls.show_schema = cls.show_schema or schema(entity, out, name=f"{title}Out", out=True, more=more, **shaped)
        cls.list_schema = cls.list_schema or schema(
            entity, ["id", *cls.list_columns], name=f"{title}Row", out=True, shapes=cls.shapes
        )
        cls.add_schema = cls.add_schema or schema(
            entity, list(cls.add_columns), name=f"{title}In", defaulted=cls.defaulted, more=cls.more_in, **shaped
        )
        cls.edit_schema = cls.edit_schema or schema(
            entity, [*cls.edit_columns, "version"], name=f"{title}Change", partial=True, **shaped
        )
        for kind in ("list", "show", "add", "edit"):  # what OpenAPI calls them
            setattr(cls, f"{kind}_model_schema_name", getattr(cls, f"{kind}_schema").__name__)

    show_schema: ClassVar[Any] = None
    list_schema: ClassVar[Any] = None
    add_schema: ClassVar[Any] = None
    edit_schema: ClassVar[Any] = None
    label_columns: Any = None

    def _init_model_schemas(self) -> None:
        self.list_model_schema = self.list_schema()
        self.show_model_schema = self.show_schema()
        self.add_model_schema = self.add_schema()
        self.edit_model_schema = self.edit_schema()

    def _init_properties(self) -> None:
        self.label_columns = LABELS | dict(self.label_columns or {})
        super()._init_properties()
        keep_empty(self)

    def _get_list_related_field(self, *_args: Any, **_options: Any) -> tuple[int, list[Any]]:
        """Related records are found by `/lookup`, not counted and listed in `_info`."""
        return 0, []

    def _shaped(self, kind: str, names: Sequence[str] = (), *, action: str = SEE) -> Any:
        """Return a schema without the fields that the reader may not see, or change; `names` are those asked for."""
        hidden = field_right.hidden(db.session(), self.datamodel.obj, action)
        if not names and not hidden:
            return getattr(self, f"{kind}_model_schema")
        made = getattr(self, f"{kind}_schema")
        known = [name for name in names or made._declared_fields if name not in hidden]  # noqa: SLF001 -- no other way
        return made(only=known)

    # --- reading --------------------------------------------------------------------------------------------------

    def get_headless(self, pk: Any, **options: Any) -> Response:
        """Answer with one record."""
        record = self.datamodel.one(pk, self._base_filters)
        if record is None:
            return self.response_404()
        audited.opened(self, record)
        names = _columns(options.get("rison", {}), ["id", *self.show_columns])
        chosen = self._shaped("show", names)
        answer = self.response(200, id=record.id, result=chosen.dump(record))
        rows_read.note(self.datamodel.obj.__stem__, 1)
        return answer

    def get_list_headless(self, **options: Any) -> Response:
        """Answer with one page of records; `count` is exact up to 10,000, `count_capped` says when it is not."""
        args = options.get("rison", {})
        wanted = [Wanted(str(one.get("col")), str(one.get("opr")), one.get("value")) for one in args.get("filters", [])]
        text = str(request.args.get("search", ""))[:200]
        try:
            where = conditions(self.datamodel.obj, wanted, self.search_columns)
        except DomainError as refusal:
            return self.response(400, message=str(refusal))
        column = args.get("order_column") or ""
        if column and column not in self.order_columns:
            return self.response(400, message=_("One cannot order by “%(column)s”", column=str(column)[:60]))
        order = (column, args.get("order_direction")) if column else self.base_order
        page, size = self._sanitize_page_args(args.get("page"), args.get("page_size"))
        selection = self.datamodel.selection(where=where, text=text.strip(), filters=self._base_filters)
        count = self.datamodel.count(selection)
        found = self.datamodel.page(
            selection,
            sorts=[(order[0], order[1] == "desc")] if order else [],
            page_size=size or 25,
            after=str(request.args.get("after", ""))[:LONGEST],
            page=min(max(page or 0, 0), 10**6),
        )
        names = _columns(args, ["id", *self.list_columns])
        chosen = self._shaped("list", names)
        answer = self.response(
            200,
            count=min(count, COUNT_CAP),
            count_capped=count > COUNT_CAP,
            next=found.after,
            ids=[row.id for row in found.rows],
            result=chosen.dump(found.rows, many=True),
        )
        rows_read.note(self.datamodel.obj.__stem__, len(found.rows))
        return answer

    def info_headless(self, **options: Any) -> Response:
        """Answer with columns and rights; of what is asked only `keys` counts: other names would be arguments."""
        asked = options.get("rison", {})
        return super().info_headless(rison={"keys": asked["keys"]} if "keys" in asked else {})

    # --- writing --------------------------------------------------------------------------------------------------

    def post_headless(self) -> Response:
        """Make a record."""
        return self._once(lambda: self._store(self._load(self._shaped("add", action=CHANGE)), None, None), created=True)

    def put_headless(self, pk: Any) -> Response:
        """Change the given columns of a record; with `version` only when nobody else has changed it since."""

        def change() -> Any:
            given = self._load(self._shaped("edit", action=CHANGE))
            return self._store(given, pk, given.pop("version", None))

        return self._answer(change)

    def _load(self, chosen: Schema) -> dict[str, Any]:
        body = request.get_json()
        if not isinstance(body, dict):
            raise ValidationError({"": ["A JSON object is expected."]})
        return dict(chosen.load(body))

    def _store(self, given: dict[str, Any], pk: Any, version: int | None) -> Any:
        more = {name: given.pop(name) for name in self.more_in if name in given}
        with unit_of_work(db.session()) as session:
            record = self.datamodel.store(
                lambda record: self.fill(record, given), pk, filters=self._base_filters, version=version
            )
            if more:
                self.store_more(session, record, more)
        return record

    def store_more(self, session: Any, record: Any, more: dict[str, Any]) -> None:
        """Do what the fields of `more_in` ask for, in the same transaction; who declares such fields overrides it."""

    def fill(self, record: Any, given: dict[str, Any]) -> None:
        """Put checked values into a record."""
        for name, value in given.items():
            if name in self.lines:
                self.lines[name].fill(record, name, value)
            else:
                setattr(record, name, value)

    def delete_headless(self, pk: Any) -> Response:
        """Delete a record."""

        def remove() -> None:
            self.datamodel.erase(pk, filters=self._base_filters)

        return self._answer(remove)

    def _once(self, act: Callable[[], Any], *, created: bool = False) -> Response:
        """Do something once per `Idempotency-Key`: the same request again gets the same answer."""
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return self._answer(act, created=created)
        asked = idempotency.digest([request.method, request.path, request.get_json(silent=True)])
        session = db.session()
        try:
            with unit_of_work(session):
                row, done = idempotency.begin(
                    session, user_id=access.required(session).user_id or 0, key=key, body_sha256=asked, at=clock.now()
                )
                if done:
                    answer = self.response(row.status or 200, **row.answer)
                    answer.headers["Idempotent-Replayed"] = "true"
                    return answer
                answer = self._answer(act, created=created)
                if answer.status_code >= HTTPStatus.BAD_REQUEST:
                    raise _RefusedError(answer)
                idempotency.end(row, status=answer.status_code, answer=answer.get_json())
                return answer
        except _RefusedError as refused:
            return refused.answer
        except (DomainError, Conflict) as refusal:
            return self.refuse(refusal)

    def _answer(self, act: Callable[[], Any], *, created: bool = False) -> Response:
        """Do something and answer: the record, or the refusal in the agreed shape."""
        session = db.session()
        forgets, session.expire_on_commit = session.expire_on_commit, False  # the answer needs what was read
        try:
            record = act()
        except (ValidationError, DomainError, Conflict, NotFound, NotAllowed, HTTPException) as refusal:
            return self.refuse(refusal)
        finally:
            session.expire_on_commit = forgets
        if record is None:
            return self.response(200, message="OK")
        if not isinstance(record, self.datamodel.obj):
            return self.response(200, result=record if isinstance(record, dict) else {"id": record.id})
        if not created:
            audited.opened(self, record)
        return self.response(201 if created else 200, id=record.id, result=self._shaped("show").dump(record))

    def refuse(self, refusal: Exception) -> Response:
        """Return a refusal as 400, 403, 404, 409 or 422."""
        return api_refusal.answer(self, refusal)

    # --- verbs ----------------------------------------------------------------------------------------------------

    def _found(self, pk: int) -> Any:
        record = self.datamodel.one(pk, self._base_filters)
        if record is None:
            raise NotFound(pk)
        return record

    @expose("/<int:pk>/<string:verb>", methods=["POST"])
    @protect()
    @safe
    @permission_name("act")
    def act(self, pk: int, verb: str) -> Response:
        """Do one of the service's verbs."""
        chosen = next((each for each in self.verbs if each.name == verb), None)
        if chosen is None:
            return self.response_404()
        if not self.appbuilder.sm.may(self.class_permission_name, verb):
            return self.response(
                403, message=_("You lack the right “%(right)s”", right=f"{self.class_permission_name}.{verb}")
            )

        def do() -> Any:
            given: dict[str, Any] = {}
            body = request.get_json() if request.get_data(cache=True) else {}  # chunked bodies have no length
            if chosen.arguments or body:
                given = dict(Schema.from_dict(dict(chosen.arguments))().load(body))
            session = db.session()
            held: list[Any] = []  # what nobody refers to is forgotten and would be read again

            def find() -> Any:
                held.append(self._found(pk))
                return held[0]

            result = run(session, chosen, find, given)
            if result is not None:
                return result
            about = inspect(held[0])
            if about.persistent:  # triggers may have written in its row
                session.expire(held[0], [column.key for column in about.mapper.column_attrs])
            return self.datamodel.one(pk, self._base_filters)

        return self._once(do)

    # Flask-AppBuilder's routes stay; these lines keep its decorators beside our functions.
    @expose("/<int:pk>", methods=["GET"])
    @protect()
    @safe
    @permission_name("get")
    @rison(get_item_schema)
    def get(self, pk: int, **options: Any) -> Response:
        """Get one record."""
        return self.get_headless(pk, **options)

    @expose("/", methods=["GET"])
    @protect()
    @safe
    @permission_name("get")
    @rison(get_list_schema)
    def get_list(self, **options: Any) -> Response:
        """Get one page of records."""
        return self.get_list_headless(**options)

    @expose("/<int:pk>", methods=["PUT"])
    @protect()
    @safe
    @permission_name("put")
    def put(self, pk: int) -> Response:
        """Change one record."""
        return self.put_headless(pk)

    @expose("/<int:pk>", methods=["DELETE"])
    @protect()
    @safe
    @permission_name("delete")
    def delete(self, pk: int) -> Response:
        """Delete one record."""
        return self.delete_headless(pk)

    # --- what OpenAPI says ----------------------------------------------------------------------------------------

    def operation_helper(
        self, path: str | None = None, operations: Any = None, methods: Any = None, func: Any = None, **options: Any
    ) -> None:
        """Describe our operations by our schemas."""
        from app.web.openapi import describe

        super().operation_helper(path=path, operations=operations, methods=methods, func=func, **options)
        describe(self, func.__name__, operations)

    def add_api_spec(self, api_spec: Any) -> None:
        """Add the resource's paths, one per verb instead of one for all."""
        from app.web.openapi import verb_paths

        super().add_api_spec(api_spec)
        verb_paths(self, api_spec)


class _RefusedError(Exception):
    """Rolls the unit of work back when the answer is a refusal: a refused request may be sent again, corrected."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def _columns(args: dict[str, Any], known: list[str]) -> list[str]:
    return [name for name in args.get("columns", []) or args.get("select_columns", []) if name in known]


__all__ = ["BaseApi", "CrudApi"]
