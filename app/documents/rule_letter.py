"""What an automatic letter says: a template of mailings with its words in their places, as text and as a page."""

from collections.abc import Mapping
from typing import Any

from app.documents.mailing import Written, laid_out, written
from app.services.letter_rule import Paper
from app.services.mailing_frame import Around


def composed(said: Mapping[str, Any], language: str, legal: str, words: Mapping[str, str]) -> tuple[str, str]:
    """Return subject and text of a letter; addresses of buttons and links stand in it as they are."""
    around = Around(language=language, sender="", legal=legal, unsubscribe="", pictures={}, opens=False)
    made = written(laid_out(said, around), words)
    return made.subject, made.text.strip()


def page(paper: Paper) -> Written:
    """Return a letter as it leaves, with links that lead through us where the rule wants them."""
    layout = laid_out(paper.said, paper.around)
    return written(layout, paper.words_for(len(layout.links)))


def link(said: Mapping[str, Any], number: int) -> str | None:
    """Return the address behind a link of a template in one language, None where it has none of this number."""
    found = laid_out(said, Around(language="en", sender="", legal="", unsubscribe="", pictures={}, opens=False)).links
    return found[number] if number < len(found) else None
