"""`Faces`: the same rows with another face: board, calendar, gallery; the filter in the address stays."""

from app.web.charts import Charts


class Faces(Charts):
    """Other faces of a list; see the module's text."""
