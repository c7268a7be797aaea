"""Who may do what: role → area → verbs, and which rows. `crm sync-roles` writes this table into the database.

An area is a noun's stem; a verb is `see`, `add`, `change`, `delete`, `export` (a whole list as a file) or the name of a
service's verb (`issue`). What an administrator changes about a role is kept beside it, as differences
(`services.policy`). The administrator's own role ("Admin") has every right and is not in the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

ADMIN = "Admin"
PUBLIC = "Public"
SEE, CHANGE, DELETE, ACT, EXPORT = "see", "change", "delete", "act", "export"
ACTIONS = (SEE, CHANGE, DELETE, ACT, EXPORT)  # what rows are cut for; `act` stands for every verb of a service


class Scope(StrEnum):
    """Which rows of owned entities a role reaches."""

    none = "none"
    own = "own"
    team = "team"
    subtree = "subtree"
    all = "all"


WIDTH = (Scope.none, Scope.own, Scope.team, Scope.subtree, Scope.all)


class Reach(NamedTuple):
    """A scope, and whether rows that belong to nobody are within it."""

    scope: Scope
    unassigned: bool = False

    def wider(self, other: "Reach") -> "Reach":
        """Return what one reaches with both."""
        scope = max(self.scope, other.scope, key=WIDTH.index)
        return Reach(scope, self.unassigned or other.unassigned)


NOTHING = Reach(Scope.none)
EVERYTHING = Reach(Scope.all, unassigned=True)


def action_of(verb: str) -> str:
    """Return the action under which a verb's rows are cut."""
    return verb if verb in ACTIONS else ACT


@dataclass(frozen=True)
class Role:
    """One preset: its row scope, its verbs per area, and where its rows differ by action.

    Shape: `scopes` is {"party": {"change": Scope.own}}; what it does not name has `scope`, for every action.
    """

    scope: Scope
    grants: Mapping[str, str]
    scopes: Mapping[str, Mapping[str, Scope]] = field(default_factory=dict)
    unassigned: bool = False


EVERYBODY = dict.fromkeys(("home", "profile", "lookup", "find", "saved_view", "tag", "bulk_run"), "see")
_SHARES = {"saved_view": "see share", "tag": "see add change delete"}

_CATALOGUE = {
    "product": "see",
    "product_category": "see",
    "unit": "see",
    "tax": "see",
    "payment_term": "see",
    "organisation": "see",
    "team": "see",
}
_PERSONAL = {"party.personal": "see change"}
_ALL_OF_PARTIES = {
    **_PERSONAL,
    "party.bank_account": "see change",
    "party.credit_limit": "see change",
}
_STAGES = {"pipeline": "see", "stage": "see", "lost_reason": "see"}
_DEALS = "see add change delete move win lose reopen quote order tick untick involve leave_out share"
_PRICES = {"price_list": "see", "discount_rule": "see", "party.price_list": "see"}
_PRICE_DESK = {
    **dict.fromkeys(("price_list", "discount_rule", "product_category"), "see add change delete"),
    "party.price_list": "see change",
}
_MARGINS = dict.fromkeys(("order.margin", "invoice.margin"), "see")
_LEADS = "see add change accept release convert attach merge reject reopen undo"
_ORDERS = "see add change delete confirm deliver finish close reopen cancel share"
_SEGMENTS = "see add change delete recount refresh combine share"
_BILLS = "invoice invoice_part advance"
_QUOTES = "see add change delete send release accept reject order new_version renew revoke share"
_TEMPLATES = "see add change delete publish restore_version"
_DOCUMENTS = "see add delete send ask_approval issue cancel"
_APPROVES = f"{_DOCUMENTS} approve reject"
_CONTRACTS = (
    "see add change delete submit send sign_ours sign_theirs owe fulfil reopen_obligation drop_obligation amend"
    " revise renew_link revoke cancel choose_file choose_made keep_copy mail share"
)
_ALL_OF_CONTRACTS = f"{_CONTRACTS} approve reject prolong terminate"
_MAILINGS = {
    "mailing": "see add change delete check reopen schedule unschedule start pause cancel posted print_again",
    "mailing_recipient": "see retry returned",
    "mail_template": "see add change delete",
}
_RULES = {"contact_rule": "see add change delete switch_on switch_off", "rule_occurrence": "see retry"}
_BANK = {"bank_statement": "see add withdraw", "bank_line": "see match ignore reopen"}
_BANK |= {"bank_rule": "see add change delete", "bank_profile": "see change delete"}
_DELIVERIES = "see change delete ship deliver take_back cancel share"

PRESETS: dict[str, Role] = {
    "Head of sales": Role(
        scope=Scope.subtree,
        grants={
            **_SHARES,
            **_CATALOGUE,
            **_ALL_OF_PARTIES,
            **_PRICES,
            **_MARGINS,
            "party.price_list": "see change",
            "product.cost_price": "see",
            "party": "see add change archive restore import share merge unmerge",
            "import_run": "see",
            **_STAGES,
            "deal": _DEALS,
            "contract": _ALL_OF_CONTRACTS,
            "lead": f"{_LEADS} delete share import",
            "lead_source": "see add change delete",
            "lead_form": "see add change delete",
            "quote": _QUOTES,
            "order": f"{_ORDERS} {_BILLS}",
            "delivery": _DELIVERIES,
            "invoice": "see",
            "payment": "see",
            "sales_plan": "see add change delete repeat",
            "segment": _SEGMENTS,
            "letter": "see write",
            "letter_template": "see add change delete",
            "document_template": _TEMPLATES,
            "made_document": _APPROVES,
            **_MAILINGS,
            "substitution": "see add change delete",
            "handover": "see add undo",
            "absence": "see add change delete",
            "work_schedule": "see",
            "company_holiday": "see",
        },
    ),
    "Sales manager": Role(
        Scope.own,
        {
            **_CATALOGUE,
            **_PERSONAL,
            **_PRICES,
            "party.credit_limit": "see",
            "party": "see add change share",
            **_STAGES,
            "deal": _DEALS,
            "contract": _CONTRACTS,
            "lead": f"{_LEADS} share",
            "lead_source": "see",
            "quote": _QUOTES,
            "order": _ORDERS,
            "delivery": _DELIVERIES,
            "invoice": "see",
            "payment": "see",
            "sales_plan": "see",
            "segment": _SEGMENTS,
            "letter": "write",
            "made_document": _DOCUMENTS,
        },
    ),
    "Accountant": Role(
        Scope.all,
        {
            **_SHARES,
            **_CATALOGUE,
            **_ALL_OF_PARTIES,
            **_PRICE_DESK,
            **_MARGINS,
            "product.cost_price": "see change",
            "organisation": "see lock",
            "party": "see add change",
            "product": "see add change",
            "contract": "see fulfil approve reject",
            "quote": "see",
            "order": f"{_ORDERS} {_BILLS}",
            "delivery": "see",
            "invoice": (
                "see add change delete issue send pay settle refund write_off credit copy close share"
                " remind block_reminders allow_reminders"
            ),
            "payment": "see add change allocate refund cancel",
            "allocation": "see reverse",
            **_BANK,
            "reminder_level": "see add change delete",
            "letter": "see write resend mark_sent retry cancel",
            "document_template": "see",
            "made_document": _APPROVES,
        },
    ),
    "Marketer": Role(
        Scope.all,
        {
            **_CATALOGUE,
            **_STAGES,
            "party.personal": "see",
            "party": "see",
            "deal": "see",
            "lead": "see",
            "lead_source": "see",
            "lead_form": "see add change",
            "segment": _SEGMENTS,
            **_MAILINGS,
            **_RULES,
            "suppression": "see add lift",
            "contact_refusal": "see",
            "contact_policy": "see",
        },
    ),
    "Back office": Role(
        Scope.all,
        {
            **_SHARES,
            **_CATALOGUE,
            **_ALL_OF_PARTIES,
            **_PRICE_DESK,
            **_MARGINS,
            "product.cost_price": "see change",
            "party": "see add change archive restore import merge unmerge",
            "person_export": "see add",
            "import_run": "see",
            "product": "see add change",
            **_STAGES,
            "deal": "see",
            "contract": _CONTRACTS,
            "quote": _QUOTES,
            "order": _ORDERS,
            "delivery": _DELIVERIES,
            "invoice": "see",
            "payment": "see",
            "document_template": _TEMPLATES,
            "made_document": _DOCUMENTS,
            "letter": "write",
        },
    ),
    "Support agent": Role(
        Scope.all,
        {
            **_CATALOGUE,
            **_PERSONAL,
            "party": "see change",
            "contract": "see",
            "quote": "see",
            "order": "see",
            "delivery": "see",
            "invoice": "see",
            "payment": "see",
            "letter": "see write",
        },
    ),
    "Warehouse": Role(Scope.all, {**_CATALOGUE, "order": "see deliver finish", "delivery": _DELIVERIES}),
    "Read-only auditor": Role(
        Scope.all,
        {
            **_CATALOGUE,
            "party.personal": "see",
            "party.bank_account": "see",
            "party.credit_limit": "see",
            **_PRICES,
            **_MARGINS,
            "product.cost_price": "see",
            "party": "see",
            "import_run": "see",
            **_STAGES,
            "deal": "see",
            "contract": "see",
            "lead": "see",
            "lead_source": "see",
            "lead_form": "see",
            **dict.fromkeys(("quote", "order", "delivery", "invoice", "payment", "allocation", "sales_plan"), "see"),
            **dict.fromkeys(_BANK, "see"),
            "document_template": "see",
            "made_document": "see",
            "segment": "see",
            "letter": "see",
            "reminder_level": "see",
            **dict.fromkeys((*_MAILINGS, *_RULES), "see"),
            "handover": "see",
            "person_export": "see",
            "erasure": "see",
            "retention_rule": "see",
            "audit": "see export",
            **dict.fromkeys(("suppression", "contact_refusal", "contact_policy"), "see"),
        },
    ),
    "API client": Role(
        Scope.all,
        {
            **_CATALOGUE,
            **_PERSONAL,
            "party.bank_account": "see change",
            "party": "see add change",
            **_PRICES,
            "product": "see add change",
            **_STAGES,
            "deal": "see add change move win lose reopen",
            "contract": "see add change fulfil",
            "lead": "see add",
            "lead_source": "see",
            "order": "see add change confirm",
            "delivery": "see",
            "invoice": "see",
            "payment": "see add",
            "segment": "see",
        },
    ),
}


_PLANS = "see add change delete finish postpone invite cancel reopen"
_PLAN_OF_OTHERS = frozenset({"Head of sales", "API client"})  # who reaches what others do, as all their rows


def _with_activities(name: str, role: Role) -> Role:
    """Return a role that plans and does things: its own, unless it leads others; the auditor only looks."""
    if name == "Read-only auditor":
        return replace(role, grants={**role.grants, "activity": "see"})
    scopes = role.scopes
    if name not in _PLAN_OF_OTHERS and role.scope is not Scope.own:
        scopes = {**scopes, "activity": dict.fromkeys(ACTIONS, Scope.own)}
    return replace(role, grants={**role.grants, "activity": _PLANS}, scopes=scopes)


PRESETS |= {name: _with_activities(name, role) for name, role in PRESETS.items()}

_REPORTING = (
    *("Head of sales", "Sales manager", "Accountant", "Marketer", "Back office", "Read-only auditor"),
)  # a report needs the rights to what it is made of besides
PRESETS |= {name: replace(PRESETS[name], grants={**PRESETS[name].grants, "report": "see"}) for name in _REPORTING}

_NO_LISTS = frozenset({"saved_view"})  # areas that have nothing to export


def _exporting(role: Role) -> Role:
    """Return a role that may also take away as a file what it sees."""
    lists = {area for area, text in role.grants.items() if "see" in text.split() and "." not in area} - _NO_LISTS
    return replace(role, grants={area: f"{t} export" if area in lists else t for area, t in role.grants.items()})


PRESETS |= {name: _exporting(PRESETS[name]) for name in ("Head of sales", "Accountant", "Marketer", "Back office")}

_LOG, _BUNDLE = "export_run", "document_bundle"
_BUNDLED = {"contract", "delivery", "invoice", "made_document", "quote", "party", "mailing_recipient"}  # as one file
_READERS_OF_LOG = {"Head of sales": Scope.subtree, "Read-only auditor": Scope.all}


def _with_log(name: str, role: Role) -> Role:
    """Return a role that sees what it has taken away itself; a head and the auditor see that of others too."""
    takes = {area for area, text in role.grants.items() if "export" in text.split()}
    seen = {_LOG: bool(takes) or name in _READERS_OF_LOG, _BUNDLE: bool(takes & _BUNDLED)}
    grants = {**role.grants, **{area: "see" for area, sees in seen.items() if sees}}
    scopes = {_LOG: {SEE: _READERS_OF_LOG.get(name, Scope.own)}, _BUNDLE: {SEE: Scope.own}}
    return replace(role, grants=grants, scopes={**role.scopes, **scopes})


PRESETS |= {name: _with_log(name, role) for name, role in PRESETS.items()}

_BINNED = "see restore"


def _with_bin(role: Role) -> Role:
    """Return a role that also brings back what it may delete."""
    deletes = any("delete" in text.split() for text in role.grants.values())
    return replace(role, grants={**role.grants, "deleted_record": _BINNED}) if deletes else role


PRESETS |= {name: _with_bin(role) for name, role in PRESETS.items()}


def granted(preset: Role) -> dict[str, str]:
    """Return a preset's verbs per area, with what everybody may."""
    return {**EVERYBODY, **preset.grants}


def verbs(role: str, area: str) -> frozenset[str]:
    """Return the verbs that a preset role has in an area."""
    preset = PRESETS.get(role)
    if preset is None:
        return frozenset()
    return frozenset(granted(preset).get(area, "").split())
