"""Documents from files of a word processor: what may stand in one, and filling one, by a child process."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.documents.engine import APP, DocumentError
from app.documents.studio import written
from app.i18n import gettext as _
from app.i18n import in_language
from app.i18n import lazy_gettext as _l
from app.services.document_field import Paper

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MOST_BYTES: Final = 5 << 20
MOST_MADE: Final = 30 << 20
TIMEOUT: Final = 20  # seconds
_REASONS: Final = {  # by the codes of docx_child
    "more": _l("“%(name)s” is more than a template may do"),
    "no_row": _l("“%(name)s” stands at something that is not a repeated row"),
    "nested": _l("rows are repeated as “for row in lines”, and not within others"),
    "rows_only": _l("only rows are repeated"),
    "field": _l("“%(name)s” is the name of a field"),
    "bomb": _l("it unpacks into too much"),
    "none": _l("it is no DOCX"),
    "program": _l("it brings a program or a foreign object: %(name)s"),
    "entities": _l("it declares entities"),
    "fetches": _l("it fetches something from elsewhere when it is opened"),
    "memory": _l("it needs too much memory or time"),
    "template": _l("what stands in braces cannot be read: %(name)s"),
    "other": _l("it cannot be read: %(name)s"),
}


def plain(name: str) -> str:
    """Return how a field is called in a DOCX: "seller.name" is written {{ seller_name }}."""
    return name.replace(".", "_")


def check(content: bytes, paper: Paper) -> list[str]:
    """Return the names in a file that are no fields of its kind. Raises DocumentError for one that cannot be used."""
    if len(content) > MOST_BYTES:
        raise _refusal(_("it has more than %(most)s MB", most=MOST_BYTES >> 20))
    return list(_ask(content, paper, None)["unknown"])


def made(content: bytes, paper: Paper, data: Mapping[str, Any], *, language: str) -> bytes:
    """Return a file filled with data. Raises DocumentError, with a reason, when it cannot be made."""
    with in_language(language):
        values = _flat(written(paper.fields, data, language))
    answer = _ask(content, paper, values)
    return base64.b64decode(answer["docx"])


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    return {plain(name): [_flat(row) for row in each] if isinstance(each, list) else each
            for name, each in values.items()}  # fmt: skip


def _ask(content: bytes, paper: Paper, values: dict[str, Any] | None) -> dict[str, Any]:
    about = {
        "docx": base64.b64encode(content).decode(),
        "names": _plainly(each for each, of in paper.all_names().items() if of.kind != "rows"),
        "rows": {plain(name): _plainly(columns) for name, columns in paper.rows().items()},
        "data": values,
        "seconds": TIMEOUT,
        "most": MOST_MADE,
    }
    try:
        ran = subprocess.run(  # noqa: S603 -- our own program
            [sys.executable, "-s", "-P", str(APP / "documents" / "docx_child.py")],
            input=json.dumps(about).encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            cwd="/",
            env={name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
            | {"LANG": "C.UTF-8", "PYTHONHASHSEED": "0"},
        )
    except subprocess.TimeoutExpired:
        raise _refusal(_("it takes longer than %(seconds)s seconds", seconds=TIMEOUT)) from None
    if ran.returncode != 0:
        raise _refusal(_REASONS["memory"])
    answer: dict[str, Any] = json.loads(ran.stdout)
    if "reason" in answer:
        raise _refusal(str(_REASONS[answer["reason"]]) % {"name": answer["name"]})
    return answer


def _plainly(names: Iterable[str]) -> list[str]:
    return [plain(each) for each in names]


def _refusal(reason: object) -> DocumentError:
    return DocumentError(_("This DOCX cannot be used: %(reason)s", reason=reason), reason=str(reason))
