"""What a row of the audit is sealed by: a hash over what happened and over commitments to the values.

A value is not hashed itself: what the row's hash covers is SHA-256(its field's own key, side, value). That key is
derived from the row's salt. Who takes a value out keeps its commitment and forgets the salt, so that nobody can try out
what the value was, while the row's hash stays what it was.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from app.services.chain import canonical, sha256

NAME = ""  # the record's name is committed to like a field without a name
COVERED = (
    *("id", "entity", "record_id", "part", "part_id", "act", "actor_id", "actor_name", "seen_as", "channel"),
    *("address", "sign_in", "request_id"),
)
GONE = [None, None]  # what stands in the place of values that were taken out


def key_of(salt: str, name: str) -> str:
    """Return a field's own key: it says nothing about the salt or the keys of other fields."""
    return hmac.new(bytes.fromhex(salt), name.encode(), hashlib.sha256).hexdigest()


def commitments(key: str, pair: Iterable[Any]) -> list[str]:
    """Return the commitments to what stood before and after."""
    return [
        hashlib.sha256(bytes.fromhex(key) + bytes([side]) + canonical({"value": value})).hexdigest()
        for side, value in enumerate(pair)
    ]


def fields_of(row: Any) -> dict[str, list[Any]]:  # noqa: ANN401 -- a row of the table, or an object of it
    """Return what a row says of its fields, with the record's name among them."""
    return {**row.changes, NAME: [None, row.name]}


def committed(row: Any) -> dict[str, list[str]]:  # noqa: ANN401
    """Return the commitments of a row by field; those of values that are gone as they were noted.

    Raises KeyError, TypeError or ValueError for a row that says less than it must.
    """
    erasure = row.erasure or {"kept": {}, "gone": {}}
    found = {}
    for name, pair in fields_of(row).items():
        if name in erasure["gone"]:
            found[name] = list(erasure["gone"][name])
        else:
            found[name] = commitments(erasure["kept"][name] if row.salt is None else key_of(row.salt, name), pair)
    return found


def digest(row: Any) -> str:  # noqa: ANN401
    """Return the hash that a row is sealed by. Raises what `committed` raises."""
    about = {name: getattr(row, name) for name in COVERED}
    at: datetime = row.at
    values = committed(row)
    return sha256(
        {
            **{name: str(value) if isinstance(value, str) else value for name, value in about.items()},
            "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
            "values": values,
        }
    )


def spans(ids: Iterable[int]) -> str:
    """Return ascending ids as spans: "1-40 42"."""
    found: list[list[int]] = []
    for each in ids:
        if found and each == found[-1][1] + 1:
            found[-1][1] = each
        else:
            found.append([each, each])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def named(text: str) -> list[int]:
    """Return the ids that spans name. Raises ValueError for what is no span."""
    found: list[int] = []
    for part in text.split():
        first, _dash, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found
