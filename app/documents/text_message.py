"""What a text message of a mailing says to one recipient: words in their places, and a way out of marketing."""

from collections.abc import Mapping

from app.services.mail_place import filled, parts


def written(message: str, words: Mapping[str, str], *, way_out: str = "") -> str:
    """Return the message of one recipient, `way_out` in a line of its own."""
    text = filled(parts(message), words).strip()
    return f"{text}\n{way_out}" if way_out else text
