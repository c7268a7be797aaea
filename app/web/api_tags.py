"""`TagsApi`: the tags of a record over REST, read with the record and put as a whole."""

from typing import Any

from flask import Response, request
from flask_appbuilder.api import expose, permission_name, protect, safe
from marshmallow import Schema, fields, validate

from app.db import db, unit_of_work
from app.models.tag import LONGEST
from app.services import tag as tags

WORD = fields.String(validate=validate.Length(min=1, max=LONGEST))


class TagWord(Schema):
    """A tag as answers show it: by its word."""

    name = fields.String()


class TagWords(Schema):
    """All tags that a record shall have; words that are no tags yet become some."""

    tags = fields.List(WORD, required=True, validate=validate.Length(max=tags.MOST))


TAGS_OUT = fields.Pluck(TagWord, "name", many=True, dump_only=True)


class TagsApi:
    """One more address of a resource; see the module's text."""

    _answer: Any
    _found: Any

    @expose("/<int:pk>/tags", methods=["PUT"])
    @protect()
    @safe
    @permission_name("put_tags")
    def put_tags(self, pk: int) -> Response:
        """Give a record exactly these tags."""

        def put() -> Any:
            given = TagWords().load(request.get_json())
            with unit_of_work(db.session()) as session:
                record = self._found(pk)
                tags.put(session, record, given["tags"])
                session.expire(record, ["tags"])
            return record

        answer: Response = self._answer(put)
        return answer
