"""What a key for REST may do of what its owner may: areas × see, write, act.

Shapes: a scope is "party.see"; the area "*" stands for every area, of the future too, but not for guarded fields: a key
has these only where it names them ("party.personal.see"). "write" is to add, change and delete, "act" is every other
verb (issue, send, restore, …). A key keeps its scopes as one text, "*.see party.write".
"""

from collections.abc import Collection, Iterable

from app.roles import ACT, CHANGE, DELETE, SEE

WRITE = "write"
KINDS = (SEE, WRITE, ACT)
EVERY_AREA = "*"
ALL = frozenset(f"{EVERY_AREA}.{kind}" for kind in KINDS)
_KIND_OF = {SEE: SEE, "add": WRITE, CHANGE: WRITE, DELETE: WRITE}


def kind_of(verb: str) -> str:
    """Return under which kind of scope a verb falls."""
    return _KIND_OF.get(verb, ACT)


def read(text: str | None) -> frozenset[str]:
    """Return the scopes of a text; what is none is left out, so that a text which says nothing allows nothing."""
    return frozenset(word for word in (text or "").split() if _is_scope(word))


def written(scopes: Iterable[str]) -> str:
    """Return scopes as a key keeps them; whoever writes or acts in an area sees it too, for REST answers with records.

    Raises ValueError for what is no scope.
    """
    found = set(scopes)
    if wrong := sorted(each for each in found if not _is_scope(each)):
        raise ValueError(f"no scope: {wrong[0]}")
    found |= {f"{each.rpartition('.')[0]}.{SEE}" for each in found}
    return " ".join(sorted(found))


def allows(scopes: Collection[str], area: str, verb: str) -> bool:
    """Say whether scopes let a verb of an area through; areas of guarded fields, "party.personal", must be named."""
    kind = kind_of(verb)
    return f"{area}.{kind}" in scopes or ("." not in area and f"{EVERY_AREA}.{kind}" in scopes)


def _is_scope(text: str) -> bool:
    area, dot, kind = text.rpartition(".")
    return bool(dot) and bool(area) and kind in KINDS
