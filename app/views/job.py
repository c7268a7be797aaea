"""Screen and REST of background work: what waits, what runs, what has failed and why."""

from typing import Any, ClassVar

from flask import current_app
from markupsafe import Markup, escape

from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.outbox import Errand, Outbox
from app.services import job as jobs
from app.web import menu
from app.web.api import CrudApi
from app.web.cells import NOTHING
from app.web.crud import CrudView
from app.web.records import Records
from app.web.verbs import Verb

ORDER = 95
TOPICS = {
    "api_key.tell": _l("Telling people that their keys end soon"),
    "audit.cut": _l("Removing old entries of the audit"),
    "bin.purge": _l("Emptying the bin"),
    "bin.sweep": _l("Deleting files that nothing needs any more"),
    "bulk.purge": _l("Forgetting old changes of many records"),
    "bulk.run": _l("Changing many records"),
    "contact_rule.run": _l("Writing automatic letters"),
    "contract.days": _l("Bringing contracts into force, on and to their end"),
    "delivery.render": _l("Making a delivery note"),
    "directory.check": _l("Asking the company's directory who is still there"),
    "document_bundle.forget": _l("Deleting the files of documents that were put together"),
    "document_bundle.run": _l("Putting the files of documents together"),
    "document.forget": _l("Throwing the preview of a template away"),
    "document.preview": _l("Making the preview of a template"),
    "document.render": _l("Making a document from a template"),
    "handover.run": _l("Handing records over"),
    "invoice.remind": _l("Reminding of overdue invoices"),
    "invoice.render": _l("Making the file of a document"),
    "import.run": _l("Importing a file"),
    "job.tidy": _l("Tidying up"),
    "letter.send": _l("Sending a letter"),
    "mailing.check": _l("Finding out who gets a mailing"),
    "mailing.send": _l("Sending a mailing"),
    "mailing.try": _l("Trying a mailing out"),
    "mailbox.look": _l("Looking into a mailbox"),
    "party.metrics": _l("Counting the figures of parties"),
    "party.pairs": _l("Looking for parties that may be one"),
    "party.settle": _l("Forgetting merges that can no longer be undone"),
    "password.link": _l("Mailing a link to choose a password"),
    "person_export.run": _l("Writing everything about a person down"),
    "quote.expire": _l("Letting quotes expire"),
    "quote.render": _l("Making the file of a quote"),
    "received_mail.read": _l("Reading a mail again"),
    "retention.run": _l("Deleting what was kept for long enough"),
    "text_message.send": _l("Sending a text message"),
    "verify.anchor": _l("Anchoring the chain of documents"),
}
WRITING = {"add", "edit", "delete"}
COLUMNS = ["topic", "record_id", "state", "tries", "error", "due_at", "created_at", "done_at"]
SEARCHED = ["topic", "state", "created_at"]
LABELS = {
    "topic": _l("Work"),
    "record_id": _l("Record"),
    "tries": _l("Tries"),
    "error": _l("Error"),
    "due_at": _l("Planned for"),
    "lease_until": _l("Claimed until"),
    "done_at": _l("Ended"),
}
VERBS = [
    Verb(
        "retry",
        jobs.retry,
        label=_l("Try again"),
        icon="rotate-ccw",
        when=lambda job: job.state is Errand.failed,
        needs_time=True,
        primary=True,
    )
]


def topic_text(topic: str) -> str:
    """Return a topic in the reader's words, as it is when nobody has named it."""
    return str(TOPICS.get(topic, topic))


def record_link(job: Outbox) -> Markup:
    """Return a link to the record that a job is about."""
    if job.record_id is None:
        return NOTHING
    stem = jobs.stem_of(job.topic)
    text = _("No. %(id)s", id=job.record_id)
    screens: Any = current_app.extensions["appbuilder"].baseviews
    if not any(view.route_base == f"/{stem}" for view in screens):
        return escape(text)
    return Markup('<a href="{}">{}</a>').format(f"/{stem}/show/{job.record_id}", text)


class JobView(CrudView):
    """Background work: to be looked at, and tried again when it has failed."""

    datamodel = Records(Outbox, search=None)
    one_name = _l("Job")
    many_name = _l("Background work")
    hint = _l("What the program does by itself after you have saved something: files, imports, letters.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | WRITING
    list_columns: ClassVar = ["topic", "record_id", "state", "tries", "error", "due_at", "done_at"]
    show_columns: ClassVar = [*COLUMNS, "lease_until"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ["due_at", "created_at", "done_at", "tries"]
    base_order = ("created_at", "desc")
    key_facts: ClassVar = ["state", "tries", "due_at"]
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    has_activities: ClassVar = False  # what the program does is nobody's to discuss

    def title_of(self, record: Any) -> str:
        """Name the work, and the number of the record that it is about."""
        told = topic_text(record.topic)
        return told if record.record_id is None else f"{told} · {_('No. %(id)s', id=record.record_id)}"

    def value(self, record: Any, name: str) -> Any:
        """Say topics in words, and link the record."""
        if name == "topic":
            return escape(topic_text(record.topic))
        return record_link(record) if name == "record_id" else super().value(record, name)


class JobApi(CrudApi):
    """REST of background work."""

    datamodel = Records(Outbox, search=None)
    exclude_route_methods: ClassVar = {"post", "put", "delete", "info"}
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = SEARCHED
    order_columns: ClassVar = ["due_at", "created_at", "done_at", "tries"]
    base_order = ("created_at", "desc")
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, JobView, "job", label=_l("Background work"), group="exchange", icon="clock")
    appbuilder.add_api(JobApi)
