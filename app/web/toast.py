"""Toasts: what a page says after an act, with a way back where there is one.

A toast is a flash message: it outlives the redirect, and without scripts it stands at the top of the page. Pages say
the same from scripts by `countinghouse.toast(text, {category, undo: {label, url, fields}})`.
"""

from collections.abc import Mapping

from flask import flash

from app.web.ways import onward

Undo = tuple[str, str, Mapping[str, str]]


def say(text: str, category: str = "success", *, undo: Undo | None = None) -> None:
    """Say something on the next page: "success", "info", "warning" or "danger".

    Shape: `undo` is the text of a button, a path of ours that it posts to, and fields that it sends along. The page
    adds the token and `back`, the address where the reader is: an undo leads there by `onward(request.form["back"])`.
    Fields travel in the session's cookie: name many records by one key of theirs.
    """
    if undo is None:
        flash(text, category)
        return
    label, url, fields = undo
    if not url or onward(url, "") != url:
        raise ValueError(f"{url} is no path of ours")
    told = {"text": text, "undo": {"label": str(label), "url": url, "fields": dict(fields)}}
    flash(told, category)  # type: ignore[arg-type]  # the session keeps whatever JSON can hold
