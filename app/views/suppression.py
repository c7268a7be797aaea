"""Screens and REST of the gate: addresses that are left alone, what was refused, and the policy."""

from typing import Any, ClassVar

from marshmallow import fields, validate
from sqlalchemy.orm import selectinload

from app.i18n import lazy_gettext as _l
from app.models.suppression import ContactPolicy, ContactRefusal, Suppression
from app.services import contact_policy as policies
from app.services import suppression as suppressions
from app.web import menu
from app.web.api import CrudApi
from app.web.charts import Chart
from app.web.crud import CrudView
from app.web.records import Records
from app.web.verbs import Verb

ORDER = 88
FORM = ["channel", "address", "reason", "note"]
LISTED = ["address", "channel", "reason", "since", "lifted_at"]
SHOWN = [*FORM, "since", "by", "lifted_at", "lifted_reason"]
LABELS = {
    "address": _l("Address or number"),
    "by": _l("Put there by"),
    "channel": _l("Channel"),
    "lifted_at": _l("Lifted"),
    "lifted_reason": _l("Why it was lifted"),
    "note": _l("Note"),
    "reason": _l("Reason"),
    "since": _l("Since"),
}
VERBS = [
    Verb(
        "lift",
        suppressions.lift,
        label=_l("Write there again"),
        icon="undo-2",
        when=lambda row: row.is_standing,
        fits=lambda row: row.is_standing,
        arguments={
            "why": fields.String(
                required=True, validate=validate.Length(max=suppressions.LONGEST_NOTE), metadata={"label": _l("Reason")}
            )
        },
        needs_time=True,
    )
]


class SuppressionView(CrudView):
    """Addresses that are left alone."""

    datamodel = Records(Suppression, save=suppressions.save, search=None, options=[selectinload(Suppression.by)])
    one_name = _l("Address that is left alone")
    many_name = _l("Addresses left alone")
    hint = _l("Nothing is sent to these addresses; which kinds of letters a reason stops is decided by the gate.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | {"edit", "delete"}
    list_columns: ClassVar = LISTED
    show_columns: ClassVar = SHOWN
    add_columns: ClassVar = FORM
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["address", "channel", "reason", "since", "lifted_at"]
    order_columns: ClassVar = ["since"]
    base_order = ("since", "desc")
    key_facts: ClassVar = ["channel", "reason", "since"]
    label_columns: Any = LABELS
    charts: ClassVar = [Chart("by_reason", _l("Addresses left alone by reason"), "reason")]
    quick: ClassVar = None
    verbs: ClassVar = VERBS
    has_tags: ClassVar = False


class SuppressionApi(CrudApi):
    """REST of addresses that are left alone."""

    datamodel = Records(Suppression, save=suppressions.save, search=None, options=[selectinload(Suppression.by)])
    exclude_route_methods: ClassVar = {"put", "delete", "info"}
    list_columns: ClassVar = LISTED
    show_columns: ClassVar = SHOWN
    add_columns: ClassVar = FORM
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["address", "channel", "reason", "since", "lifted_at"]
    order_columns: ClassVar = ["since"]
    base_order = ("since", "desc")
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    has_tags: ClassVar = False
    examples: ClassVar = {"post": {"channel": "email", "address": "gone@example.com", "reason": "blocked"}}


REFUSED = ["refused_at", "party", "channel", "kind", "reason", "sender"]
REFUSED_LABELS = {
    "channel": _l("Channel"),
    "kind": _l("Kind of letter"),
    "party": _l("To whom"),
    "reason": _l("Why not"),
    "refused_at": _l("When"),
    "sender": _l("What wanted to write"),
}


class ContactRefusalView(CrudView):
    """What the gate has refused."""

    datamodel = Records(ContactRefusal, search=None, options=[selectinload(ContactRefusal.party)])
    one_name = _l("Letter that was refused")
    many_name = _l("Letters that were refused")
    hint = _l("Each time that somebody was not written to stands here, with the reason.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | {"add", "edit", "delete"}
    list_columns: ClassVar = REFUSED
    show_columns: ClassVar = REFUSED
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = REFUSED
    order_columns: ClassVar = ["refused_at"]
    base_order = ("refused_at", "desc")
    key_facts: ClassVar = ["channel", "reason", "refused_at"]
    label_columns: Any = REFUSED_LABELS
    charts: ClassVar = [Chart("by_reason", _l("Refused letters by reason"), "reason")]
    has_tags: ClassVar = False
    has_activities: ClassVar = False


class ContactRefusalApi(CrudApi):
    """REST of what the gate has refused."""

    datamodel = Records(ContactRefusal, search=None, options=[selectinload(ContactRefusal.party)])
    exclude_route_methods: ClassVar = {"post", "put", "delete", "info"}
    list_columns: ClassVar = REFUSED
    show_columns: ClassVar = REFUSED
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = REFUSED
    order_columns: ClassVar = ["refused_at"]
    base_order = ("refused_at", "desc")
    label_columns: Any = REFUSED_LABELS
    has_tags: ClassVar = False


RULES = ["cap_count", "cap_days", "quiet_from", "quiet_until", "quiet_days", "soft_count", "soft_days"]
POLICY = ["organisation", *RULES]
FIELDSETS = [
    (None, {"fields": ["organisation"]}),
    (_l("How often marketing may come"), {"fields": ["cap_count", "cap_days"]}),
    (_l("Quiet time of the person"), {"fields": ["quiet_from", "quiet_until", "quiet_days"]}),
    (_l("When temporary failures end an address"), {"fields": ["soft_count", "soft_days"]}),
]
POLICY_LABELS = {
    "cap_count": _l("At most this many (0 for any number)"),
    "cap_days": _l("Within days"),
    "organisation": _l("Our company"),
    "quiet_days": _l("Days without letters (1 is Monday)"),
    "quiet_from": _l("Quiet from"),
    "quiet_until": _l("Quiet until"),
    "soft_count": _l("This many failures"),
    "soft_days": _l("Failures within days"),
}


class ContactPolicyView(CrudView):
    """How often and when we write."""

    datamodel = Records(
        ContactPolicy, save=policies.save, search=None, options=[selectinload(ContactPolicy.organisation)]
    )
    one_name = _l("Policy of writing")
    many_name = _l("Policies of writing")
    hint = _l("A policy says how often marketing may reach a person and when it is quiet; without one the usual holds.")
    list_columns: ClassVar = ["organisation", "cap_count", "cap_days", "quiet_from", "quiet_until", "quiet_days"]
    show_columns: ClassVar = POLICY
    show_fieldsets: ClassVar = FIELDSETS
    add_columns: ClassVar = POLICY
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = RULES
    edit_fieldsets: ClassVar = FIELDSETS[1:]
    search_columns: ClassVar = ["organisation"]
    order_columns: ClassVar = ["cap_count"]
    base_order = ("id", "asc")
    key_facts: ClassVar = ["cap_count", "cap_days"]
    label_columns: Any = POLICY_LABELS
    quick: ClassVar = None
    has_tags: ClassVar = False


class ContactPolicyApi(CrudApi):
    """REST of policies of writing."""

    datamodel = Records(
        ContactPolicy, save=policies.save, search=None, options=[selectinload(ContactPolicy.organisation)]
    )
    list_columns: ClassVar = POLICY
    show_columns: ClassVar = POLICY
    add_columns: ClassVar = POLICY
    edit_columns: ClassVar = RULES
    search_columns: ClassVar = ["organisation"]
    order_columns: ClassVar = ["cap_count"]
    base_order = ("id", "asc")
    label_columns: Any = POLICY_LABELS
    has_tags: ClassVar = False
    examples: ClassVar = {"post": {"organisation": 1, "cap_count": 2, "cap_days": 7}}


def register(appbuilder: Any) -> None:
    """Register the screens and the resources."""
    menu.place(
        appbuilder, SuppressionView, "suppression", label=_l("Addresses left alone"), group="settings", icon="circle-x"
    )
    menu.place(
        appbuilder,
        ContactRefusalView,
        "contact_refusal",
        label=_l("Letters that were refused"),
        group="settings",
        icon="shield",
    )
    menu.place(
        appbuilder, ContactPolicyView, "contact_policy", label=_l("Policies of writing"), group="settings", icon="clock"
    )
    for resource in (SuppressionApi, ContactRefusalApi, ContactPolicyApi):
        appbuilder.add_api(resource)
