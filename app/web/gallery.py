"""`GalleryFace`: the records of a list as cards in a grid: a name, a picture where there is one, a few facts."""

from typing import Any

import sqlalchemy as sa
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app.db import db
from app.models.attachment import Attachment
from app.web.activities import SHOWN
from app.web.face import FaceView


class GalleryFace(FaceView):
    """A gallery by declaration: `gallery = (name, facts…)`."""

    @expose("/gallery")
    @has_access
    @permission_name("see")
    def show_gallery(self) -> Any:
        """Show a page of the records as cards."""
        wish = self.asked()
        selection = self.selection(wish)
        count = self.datamodel.count(selection)
        found = self.datamodel.page(
            selection.options(*self.loaders_of(self.gallery)),
            sorts=wish.sorts,
            page_size=self._size_of_page(wish, count),
            after=wish.after,
            before=wish.before,
            from_end=wish.is_last,
            page=wish.page,
        )
        pictures = self._pictures([record.id for record in found.rows])
        return self.face_page("gallery", wish, count=count, found=found, pictures=pictures)

    def _pictures(self, keys: list[int]) -> dict[int, str]:
        """Return the addresses of the records' last pictures."""
        if not keys:
            return {}
        wanted = (
            sa.select(Attachment.record_id, sa.func.max(Attachment.id))
            .where(Attachment.entity == self.stem, Attachment.record_id.in_(keys), Attachment.media_type.in_(SHOWN))
            .group_by(Attachment.record_id)
        )
        rows = db.session.execute(wanted).all()
        return {key: f"{self.route_base}/{key}/file/{file}" for key, file in rows if key is not None}

    @staticmethod
    def initials(name: str) -> str:
        """Return the first letters of a name's first two words."""
        words = [word for word in ("".join(each for each in part if each.isalnum()) for part in name.split()) if word]
        return "".join(word[0] for word in words[:2]).upper() or "?"
