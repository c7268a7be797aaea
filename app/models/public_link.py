"""Records that show themselves to somebody without an account, by a link."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.columns import Instant


class Linked:
    """What a record keeps of its link: `link_nonce` and the installation's key make it (services.public_link).

    Only the hash of what nobody can guess is stored (`link_sha256`); a link that has ended says when.
    """

    link_nonce: Mapped[str | None] = mapped_column(String(32), info={"internal": True})
    link_sha256: Mapped[str | None] = mapped_column(String(64), unique=True, info={"internal": True})
    link_ended_at: Mapped[datetime | None] = mapped_column(Instant(), info={"internal": True})
