"""By whom else a person may be vouched for: accounts at the company's own sign-in service (OpenID Connect)."""

from datetime import datetime

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.columns import Instant
from app.models.base import Line


class Identity(Line):
    """A person as a sign-in service knows him: its address and its own name for him, which never changes.

    `is_own` says that he connected it himself in his settings; a changed password ends that, as it ends his keys.
    """

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("user_id", "issuer"))

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id", ondelete="CASCADE"))
    user: Mapped["User"] = relationship("User")
    issuer: Mapped[str] = mapped_column(String(250))
    subject: Mapped[str] = mapped_column(String(255))
    is_own: Mapped[bool] = mapped_column(default=False)
    linked_at: Mapped[datetime] = mapped_column(Instant(), default=clock.now)
