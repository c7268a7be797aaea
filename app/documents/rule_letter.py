"""What an automatic letter says: the text of a template of mailings with its words in their places."""

from collections.abc import Mapping
from typing import Any

from app.documents.mailing import laid_out, written
from app.services.mailing_frame import Around


def composed(said: Mapping[str, Any], language: str, legal: str, words: Mapping[str, str]) -> tuple[str, str]:
    """Return subject and text of a letter; addresses of buttons and links stand in it as they are."""
    around = Around(language=language, sender="", legal=legal, unsubscribe="", pictures={}, opens=False)
    made = written(laid_out(said, around), words)
    return made.subject, made.text.strip()
