"""A small company as rows of tables: one or more in every table, whatever the version of the schema.

A row is written with those of its columns that its table has at a version, in SQL text that knows no model. Whoever
adds a table adds its rows here, and whoever adds a column that must be filled writes its value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, inspect, text

from app.services import chain

KEY = bytes(range(32))
AT = "2026-03-31 12:00:00.000000"
ENTITY = {"created_at": AT, "changed_at": AT, "version": 1}
OWNED = ENTITY | {"owner_id": 1, "team_id": 1}
BANK = {"iban": "NL91ABNA0417164300", "bank_name": "Demobank", "currency": "EUR"}
TEXT = "  ооо  ромашка  7707083893"


@dataclass(frozen=True)
class Exact:
    """An exact number as both databases keep it: scaled on SQLite, NUMERIC on PostgreSQL."""

    text: str
    places: int

    def on(self, dialect: str) -> int | Decimal:
        return int(Decimal(self.text).scaleb(self.places)) if dialect == "sqlite" else Decimal(self.text)


def money(text: str) -> Exact:
    return Exact(text, 4)


def fine(text: str) -> Exact:
    return Exact(text, 6)


def rate(text: str) -> Exact:
    return Exact(text, 10)


def totals(net: str, tax: str, gross: str) -> dict[str, Exact]:
    return {"net": money(net), "tax": money(tax), "gross": money(gross)}


def line(quantity: str, net: str, tax: str, gross: str) -> dict[str, Any]:
    """A line of tulip bulbs at 10.00 each."""
    return {
        "position": 1,
        "product_id": 1,
        "text": "Tulip bulbs",
        "quantity": fine(quantity),
        "unit_id": 1,
        "unit_price": fine("10"),
        "discount_percent": fine("0"),
        "tax_id": 1,
        "net": money(net),
        "tax_amount": money(tax),
        "gross": money(gross),
    }


DOCUMENT = {
    "organisation_id": 1,
    "party_id": 1,
    "payment_term_id": 1,
    "currency": "EUR",
    "prices_include_tax": False,
    "returns": False,
    "discount": money("0"),
    "charge": money("0"),
    "search_text": TEXT,
} | OWNED
PAGE = {"page_size": "a4", "header": "", "footer": "", "style": ""} | dict.fromkeys(
    ("margin_top", "margin_right", "margin_bottom", "margin_left"), 20
)
DRAFT = DOCUMENT | {"state": "draft", "language": "nl", "delivery_on": "2026-03-31"}

ROWS: dict[str, list[dict[str, Any]]] = {
    "ab_user": [
        {
            "id": at,
            "username": name,
            "first_name": name,
            "last_name": "A.",
            "email": f"{name}@example.org",
            "active": True,
        }
        for at, name in enumerate(("ada", "mark"), 1)
    ],
    "ab_role": [{"id": 1, "name": "Accountant"}, {"id": 2, "name": "Junior accountant"}],
    "role_base": [{"id": 1, "role_id": 2, "base": "Accountant", "note": "Issues nothing"}],
    "substitution": [
        {"id": 1, "absent_id": 1, "substitute_id": 2, "begins_on": "2026-03-01", "ends_on": "2026-03-14"} | ENTITY
    ],
    "record_share": [
        {"id": 1, "entity": "party", "record_id": 1, "user_id": 2, "may_change": True, "ends_on": "2026-03-14"}
    ],
    "role_change": [
        {"id": 1, "role_id": 2, "area": "invoice", "verb": "issue", "is_granted": False},
        {"id": 2, "role_id": 2, "area": "party", "verb": "change", "scope": "own", "unassigned": True},
    ],
    "export_cap": [{"id": 1, "role_id": 1, "most_rows": 2000}, {"id": 2, "role_id": 2, "most_rows": None}],
    "export_rule": [
        {"id": 1, "reason_from": 500, "reason_areas": '["party"]', "alarm_times": 5, "alarm_least": 1000}
        | {"alarm_new": 5000}
        | ENTITY
    ],
    "ab_group": [{"id": 1, "name": "office"}],
    "ab_permission": [{"id": 1, "name": "can_see"}],
    "ab_view_menu": [{"id": 1, "name": "party"}],
    "ab_permission_view": [{"id": 1, "permission_id": 1, "view_menu_id": 1}],
    "ab_permission_view_role": [{"id": 1, "permission_view_id": 1, "role_id": 1}],
    "ab_user_role": [{"id": 1, "user_id": 1, "role_id": 1}],
    "ab_user_group": [{"id": 1, "user_id": 2, "group_id": 1}],
    "ab_group_role": [{"id": 1, "group_id": 1, "role_id": 1}],
    "ab_register_user": [
        {"id": 1, "username": "new", "first_name": "N.", "last_name": "E.", "email": "new@example.org"}
    ],
    "ab_api_key": [
        {
            "id": 1,
            "uuid": "0190b1f6-0000-7000-8000-000000000001",
            "name": "shop",
            "key_hash": "h",
            "lookup_hash": "l",
            "key_prefix": "crm_abcd",
            "user_id": 1,
            "active": True,
        }
    ],
    "api_key_note": [{"id": 1, "key_id": 1, "address": "127.0.0.1", "warned_days": 14}],
    "identity": [
        {
            "id": 1,
            "user_id": 1,
            "issuer": "https://login.example.org",
            "subject": "ada",
            "is_own": False,
            "linked_at": AT,
        }
    ],
    "team": [
        {"id": 1, "name": "sales", "head_id": 2} | ENTITY,
        {"id": 2, "name": "north", "parent_id": 1} | ENTITY,
    ],
    "work_schedule": [
        {"id": 1, "name": "Office", "is_default": True, "time_zone": "Asia/Yerevan", "country": "AM"}
        | {"monday": "09:00-13:00, 14:00-18:00"}
        | ENTITY
    ],
    "user_profile": [
        {"id": 1, "user_id": 1, "team_id": 1, "language": "hy", "time_zone": "Asia/Yerevan", "theme": "dark"}
        | {"density": "compact", "column_widths": '{"party": {"name": 240}}', "put_away": '["side"]'}
        | {"must_change_password": True, "work_schedule_id": 1, "reminders_by_mail": True}
        | ENTITY
    ],
    "handover": [
        {"id": 1, "leaver_id": 2, "state": "done", "strategy": "one", "reason": "Left", "given": "{}", "beside": "{}"}
        | {"fingerprint": "0" * 64, "total_rows": 1, "done_rows": 1, "left_rows": 0}
        | OWNED
    ],
    "handover_line": [
        {"id": 1, "handover_id": 1, "entity": "party", "record_id": 1, "from_owner_id": 2, "from_team_id": 1}
        | {"to_owner_id": 1, "to_team_id": 1, "outcome": "given"}
    ],
    "login_attempt": [
        {"id": 1, "at": AT, "address": "127.0.0.1", "username": "ada", "kind": "sign_in", "device": ""},
    ],
    "old_password": [{"id": 1, "user_id": 1, "hash": "scrypt:32768:8:1$salt$digest", "replaced_at": AT}],
    "password_link": [{"id": 1, "user_id": 1, "token_hash": "b" * 64, "made_at": AT, "ends_at": AT}],
    "sign_in": [
        {
            "key": "k" * 43,
            "user_id": 1,
            "kind": "browser",
            "address": "127.0.0.1",
            "agent": "test",
            "began_at": AT,
            "seen_at": AT,
            "ends_at": AT,
            "has_second": True,
        }
    ],
    "second_factor": [
        {"user_id": 1, "sealed": "gAAAA", "confirmed_at": AT, "last_step": 59_000_000, "candidate": None}
    ],
    "recovery_code": [{"id": 1, "user_id": 1, "digest": "c" * 64, "used_at": AT}],
    "second_factor_try": [{"id": 1, "user_id": 1, "at": AT}],
    "pending_sign_in": [{"key": "p" * 43, "user_id": 1, "ends_at": AT, "tries": 1}],
    "remembered_device": [
        {"id": 1, "user_id": 1, "digest": "d" * 64, "address": "127.0.0.1", "agent": "test"}
        | {"began_at": AT, "seen_at": AT, "ends_at": AT}
    ],
    "role_demand": [{"role_id": 1}],
    "setting": [{"name": "worker_heartbeat", "value": '"2026-03-31T12:00:00+00:00"'}],
    "form_draft": [
        {
            "key": "d" * 43,
            "user_id": 1,
            "path": "/party/add",
            "fields": '[["name", "Ромашка"]]',
            "turn": 1,
            "created_at": AT,
            "changed_at": AT,
        }
    ],
    "search_entry": [
        {
            "id": 1,
            "entity": "party",
            "record_id": 1,
            "title": "ООО «Ромашка»",
            "detail": "7707083893",
            "key": "ooo romashka",
            "search_text": TEXT,
            "changed_at": AT,
            "owner_id": 1,
            "team_id": 1,
        }
    ],
    "search_word": [{"id": 1, "search_text": "  ромашка"}],
    "recent_record": [{"id": 1, "user_id": 1, "entity": "party", "record_id": 1, "opened_at": AT}],
    "saved_view": [
        {"id": 1, "entity": "party", "name": "Debtors", "query": "flt.country.eq=NL", "user_id": 1, "role": None}
        | {"is_shared": True, "is_default": False, "is_pinned": True}
        | ENTITY
    ],
    "activity": [
        {"id": 1, "entity": "party", "record_id": 1, "kind": "note", "body": "Звонить утром, @{2}", "author_id": 1}
        | {"state": "done", "is_all_day": False, "priority": "normal", "search_text": ""}
        | ENTITY
    ],
    "mention": [{"id": 1, "activity_id": 1, "user_id": 2}],
    "follower": [{"id": 1, "entity": "party", "record_id": 1, "user_id": 1, "is_following": True}],
    "notification": [
        {"id": 1, "user_id": 2, "kind": "mention", "entity": "party", "record_id": 1, "activity_id": 1}
        | {"by_id": 1, "made_at": AT},
        {"id": 2, "user_id": 1, "kind": "change_of_state", "entity": "invoice", "record_id": 1, "said": "issued"}
        | {"made_at": AT, "read_at": AT},
    ],
    "export_run": [
        {"id": 1, "kind": "list", "area": "party", "entity": "party", "state": "done", "format": "csv"}
        | {"query": "/party/list/export?format=csv", "heads": '["Name"]', "expected_rows": 2, "rows": 2, "size": 40}
        | {"sha256": "e" * 64, "reason": "The fair", "address": "203.0.113.7", "ended_at": AT}
        | OWNED,
        {"id": 2, "kind": "rest", "area": "party", "entity": "party", "state": "done", "format": "json"}
        | {"query": "/api/v1/party/", "heads": "[]", "expected_rows": 300, "rows": 300, "size": 0}
        | {"read_on": "2026-03-31", "alarmed_at": AT, "usual_rows": 10}
        | OWNED,
    ],
    "tag": [{"id": 1, "name": "VIP", "name_key": "vip", "colour": "teal"} | ENTITY],
    "tagging": [{"id": 1, "entity": "party", "record_id": 1, "tag_id": 1}],
    "notification_setting": [{"id": 1, "user_id": 1, "kind": "note", "is_wanted": False}],
    "outbox": [
        {
            "id": 1,
            "topic": "invoice.render",
            "record_id": 1,
            "payload": "{}",
            "state": "failed",
            "created_at": AT,
            "due_at": AT,
            "tries": 5,
            "error": "no such font",
            "done_at": AT,
        }
    ],
    "attachment": [
        {
            "id": at,
            "entity": entity,
            "record_id": 1,
            "purpose": purpose,
            "name": name,
            "media_type": kind,
            "size": 4,
            "sha256": digit * 64,
            "created_at": AT,
            "created_by_id": 1,
        }
        for at, entity, purpose, name, kind, digit in (
            (1, "invoice", "document", "INV-2026-00001.pdf", "application/pdf", "a"),
            (2, "import_run", "import", "parties.csv", "text/csv", "b"),
        )
    ],
    "deleted_record": [
        {
            "id": 1,
            "entity": "product",
            "record_id": 9,
            "name": "Spade",
            "is_nobodys": True,
            "deleted_by_id": 1,
            "deleted_at": AT,
            "batch": "b" * 32,
            "data": '{"rows": [["product", {"id": 9, "name": "Spade"}]], "links": []}',
        }
        | ENTITY
    ],
    "deleted_file": [{"id": 1, "deleted_record_id": 1, "sha256": "d" * 64}],
    "field_change": [
        {
            "id": 1,
            "at": AT,
            "entity": "party",
            "record_id": 1,
            "act": "change",
            "changes": '{"name": ["Ромашк", "Ромашка"]}',
            "actor_id": 1,
            "salt": "5" * 32,
        }
    ],
    "audit_seal": [
        {"no": 1, "made_at": AT, "count": 1, "rows": "9", "rows_sha256": "e" * 64, "previous": "", "link": "f" * 64}
    ],
    "state_change": [
        {"id": 1, "at": AT, "entity": "sale_order", "record_id": 1, "before": "draft", "after": "confirmed"}
    ],
    "payment_term": [
        {
            "id": 1,
            "name": "30 days",
            "steps": '[["days", 30]]',
            "discount_percent": fine("2"),
            "discount_days": 7,
            "discount_tax": "early",
        }
        | ENTITY
    ],
    "payment_term_text": [{"id": 1, "payment_term_id": 1, "language": "nl", "text": "binnen 30 dagen"}],
    "organisation": [
        {
            "id": 1,
            "name": "Grachten Handel B.V.",
            "country": "NL",
            "currency": "EUR",
            "language": "nl",
            "time_zone": "Europe/Amsterdam",
            "tax_number": "NL854502130B01",
            "street": "Keizersgracht 1",
            "city": "Amsterdam",
            "tax_rounding": "per_line",
            "prices_include_tax": False,
            "payment_term_id": 1,
            "lock_date": "2025-12-31",
        }
        | ENTITY
    ],
    "organisation_bank_account": [{"id": 1, "organisation_id": 1} | BANK],
    "price_list": [
        {"id": 1, "name": "Wholesale", "currency": "EUR", "prices_include_tax": False, "audience": "chosen"}
        | {"priority": 5, "is_active": True, "valid_from": "2026-01-01"}
        | ENTITY
    ],
    "party": [
        {
            "price_list_id": 1,
            "id": at,
            "kind": "company",
            "name": name,
            "is_customer": True,
            "is_supplier": False,
            "is_partner": False,
            "country": country,
            "language": "ru",
            "tax_number": number,
            "credit_limit": money("1000.50"),
            "name_key": name,
            "search_text": words,
        }
        | OWNED
        for at, name, country, number, words in (
            (1, "ООО «Ромашка»", "RU", "7707083893", TEXT),
            (2, "Tulpen & Zonen B.V.", "NL", None, "  tulpen  zonen  b  v"),
        )
    ],
    "bulk_run": [
        {
            "id": 1,
            "entity": "party",
            "act": "edit",
            "state": "done",
            "given": '{"country": "NL"}',
            "total_rows": 1,
            "done_rows": 1,
            "changed_rows": 1,
            "same_rows": 0,
            "refused_rows": 0,
        }
        | OWNED
    ],
    "bulk_row": [
        {
            "id": 1,
            "run_id": 1,
            "record_id": 2,
            "outcome": "changed",
            "before": '{"country": "BE"}',
            "after": '{"country": "NL"}',
        }
    ],
    "party_address": [{"id": 1, "party_id": 1, "usage": "legal", "street": "ул. Ленина, 1", "city": "Москва"}],
    "party_bank_account": [{"id": 1, "party_id": 2} | BANK],
    "party_channel": [{"id": 1, "party_id": 1, "kind": "phone", "value": "+74951234567", "label": "склад"}],
    "party_contact": [{"id": 1, "party_id": 1, "name": "Анна", "role": "бухгалтер"}],
    "party_identifier": [{"id": 1, "party_id": 1, "scheme": "okpo", "value": "12345678"}],
    "import_run": [
        {
            "id": 1,
            "entity": "party",
            "state": "done",
            "file_name": "parties.csv",
            "file_id": 2,
            "mapping": '{"Название": "name"}',
            "options": '{"mode": "create"}',
            "total_rows": 2,
            "read_rows": 2,
            "created_rows": 1,
            "updated_rows": 0,
            "duplicate_rows": 0,
            "rejected_rows": 1,
            "created_by_id": 1,
            "warned_rows": 0,
            "report": "{}",
        }
        | OWNED
    ],
    "import_problem": [
        {
            "id": 1,
            "run_id": 1,
            "row": 3,
            "column": "ИНН",
            "reason": "a wrong check digit",
            "is_duplicate": False,
            "cells": '["Ромашка", "1"]',
        }
    ],
    "idempotency_key": [
        {
            "id": 1,
            "user_id": 1,
            "key": "once",
            "body_sha256": "c" * 64,
            "status": 201,
            "answer": '{"id": 1}',
            "created_at": AT,
        }
    ],
    "tax": [
        {"id": 1, "name": "21 %", "country": "NL", "code": "standard", "category": "S", "rate": rate("0.21")} | ENTITY
    ],
    "unit": [{"id": 1, "code": "C62", "sign": "st", "decimals": 0} | ENTITY],
    "product_category": [{"id": 1, "name": "Bulbs", "path": "Bulbs"} | ENTITY],
    "product": [
        {
            "id": 1,
            "category_id": 1,
            "formula": "boxes * 10",
            "kind": "goods",
            "sku": "T-1",
            "name": "Tulip bulbs",
            "unit_id": 1,
            "price": fine("10"),
            "cost_price": fine("4"),
            "currency": "EUR",
            "tax_id": 1,
            "is_active": True,
            "name_key": "tulip bulbs",
            "search_text": "  tulip  bulbs  t  1",
        }
        | ENTITY
    ],
    "product_parameter": [
        {"id": 1, "product_id": 1, "position": 1, "name": "boxes", "least": fine("1"), "usual": fine("1")}
    ],
    "price_item": [
        {"id": 1, "price_list_id": 1, "position": 1, "product_id": 1, "from_quantity": fine("10"), "price": fine("9.5")}
    ],
    "discount_rule": [
        {"id": 1, "name": "Good customers", "percent": fine("3"), "currency": "EUR", "category_id": 1, "tag_id": 1}
        | {"past": "turnover", "past_months": 12, "past_least": fine("500"), "stacks": True, "priority": 0}
        | {"is_active": True}
        | ENTITY
    ],
    "sales_plan": [
        {"id": 1, "month": "2026-03-01", "subject": "person", "metric": "turnover", "currency": "EUR", "category_id": 1}
        | {"target_amount": money("25000")}
        | OWNED,
        {"id": 2, "month": "2026-03-01", "subject": "team", "metric": "calls", "target_count": 40}
        | OWNED
        | {"owner_id": None},
    ],
    "segment": [
        {"id": 1, "name": "Bulb buyers", "kind": "static", "search_text": "  bulb  buyers", "frozen_at": AT}
        | {"definition": '{"version": 1, "all": [{"field": "country", "is": "eq", "value": "NL"}]}'}
        | OWNED
    ],
    "segment_member": [{"id": 1, "segment_id": 1, "party_id": 1, "at": AT}],
    "segment_count": [{"segment_id": 1, "user_id": 1, "members": 1, "at": AT}],
    "number_series": [
        {
            "id": at,
            "organisation_id": 1,
            "kind": kind,
            "prefix": prefix,
            "pattern": "{prefix}{year}-{n:05}",
            "restart": "yearly",
            "is_default": True,
        }
        | ENTITY
        for at, kind, prefix in ((1, "invoice", "INV-"), (2, "credit_note", "CN-"), (3, "sale_order", "SO-"))
    ],
    "number_counter": [
        {"series_id": series, "period": "2026", "first": 1, "last": 1, "last_on": "2026-03-31"} for series in (1, 2, 3)
    ],
    "pipeline": [{"id": 1, "name": "Sales", "currency": "EUR", "is_default": True} | ENTITY],
    "stage": [
        {"id": at, "pipeline_id": 1, "position": at, "name": name, "type": kind, "probability": chance}
        | {"colour": "blue", "needs_on_entry": '["amount"]', "needs_on_exit": "[]", "norm_minutes": 480}
        | ENTITY
        for at, name, kind, chance in ((1, "New", "open", 10), (2, "Won", "won", 100), (3, "Lost", "lost", 0))
    ],
    "stage_check": [{"id": 1, "stage_id": 1, "position": 1, "text": "Budget known"}],
    "stage_move": [{"id": 1, "pipeline_id": 1, "stage_id": 1, "to_id": 2}],
    "lost_reason": [{"id": 1, "name": "Price", "position": 1, "is_active": True} | ENTITY],
    "deal": [
        {"id": 1, "title": "Bulbs for the park", "party_id": 1, "pipeline_id": 1, "stage_id": 1, "state": "open"}
        | {"amount": money("30"), "currency": "EUR", "expected_on": "2026-04-30", "source": "Fair"}
        | {"entered_at": AT, "last_touch_at": AT, "search_text": TEXT}
        | OWNED,
        {"id": 2, "title": "Spades", "party_id": 1, "pipeline_id": 1, "stage_id": 3, "state": "lost"}
        | {"currency": "EUR", "lost_reason_id": 1, "lost_note": "Too dear", "lost_from_id": 1, "closed_at": AT}
        | {"entered_at": AT, "last_touch_at": AT, "search_text": TEXT}
        | OWNED,
    ],
    "deal_line": [
        {"id": 1, "deal_id": 1, "position": 1, "product_id": 1, "text": "Tulip bulbs", "quantity": fine("3")}
        | {"unit_id": 1, "unit_price": fine("10"), "discount_percent": fine("0"), "tax_id": 1, "net": money("30")}
    ],
    "deal_contact": [{"id": 1, "deal_id": 1, "contact_id": 1, "role": "decides"}],
    "deal_check": [{"id": 1, "deal_id": 1, "check_id": 1, "at": AT, "by_id": 1}],
    "stage_log": [
        {"id": 1, "deal_id": 2, "at": AT, "to_id": 1, "to_name": "New", "state": "open", "by_id": 1},
        {"id": 2, "deal_id": 2, "at": AT, "from_id": 1, "from_name": "New", "to_id": 3, "to_name": "Lost"}
        | {"state": "lost", "seconds": 0, "working_minutes": 0, "by_id": 1},
    ],
    "lead_source": [
        {"id": 1, "name": "Website", "code": "website", "channel": "form", "is_active": True, "priority": "normal"}
        | {"norm_minutes": 30, "assignment": "in_turn", "team_id": 1, "language": "nl", "country": "NL"}
        | {"per_minute": 120, "per_address": 10}
        | ENTITY
    ],
    "lead_source_key": [{"source_id": 1, "sealed": "…", "made_at": AT}],
    "lead_receiver": [{"id": 1, "source_id": 1, "user_id": 1, "country": "NL", "language": "nl", "turn": 1}],
    "lead": [
        {"id": 1, "state": "converted", "priority": "normal", "channel": "form", "source_id": 1, "name": "Anna"}
        | {"phone": "+31201234567", "email": "anna@example.org", "text": "Bulbs", "language": "nl", "country": "NL"}
        | {"utm_source": "fair", "page": "https://example.org/", "party_id": 1, "deal_id": 1, "received_at": AT}
        | {"remind_at": AT, "respond_by": AT, "responded_at": AT, "response_minutes": 12, "converted_at": AT}
        | {"made": '{"deal": [1, 1]}', "search_text": TEXT}
        | OWNED,
        {"id": 2, "state": "merged", "priority": "low", "channel": "message", "channel_name": "chat"}
        | {"messenger": "@anna", "merged_into_id": 1, "received_at": AT, "search_text": TEXT}
        | OWNED,
        {"id": 3, "state": "rejected", "priority": "high", "channel": "api", "held_because": "limit"}
        | {"rejected_reason": "junk", "error": "This is no JSON", "received_at": AT, "search_text": TEXT}
        | OWNED,
    ],
    "lead_arrival": [
        {"id": 1, "source_id": 1, "external_id": "a-1", "lead_id": 1, "party_id": 1, "received_at": AT, "raw": "{}"}
        | {"text": "Bulbs", "address": "c" * 64}
    ],
    "lead_form": [
        {"id": 1, "name": "Contact", "code": "contact", "source_id": 1, "is_active": True, "theme": "system"}
        | {"colour": "#1a2b3c", "sites": "https://example.org"}
        | ENTITY
    ],
    "lead_form_field": [{"id": 1, "form_id": 1, "position": 1, "field": "email", "is_required": True}],
    "lead_form_text": [{"id": 1, "form_id": 1, "language": "nl", "title": "Vraag het ons"}],
    "contract": [
        {"id": 1, "state": "active", "number": "C-2026-00001", "amendment": 0, "kind": "service", "organisation_id": 1}
        | {"party_id": 1, "deal_id": 1, "subject": "Care of the garden", "terms": "We water.", "language": "nl"}
        | {"amount": money("1200"), "currency": "EUR", "valid_from": "2026-01-01", "valid_until": "2026-12-31"}
        | {"renewal": "automatic", "renew_months": 12, "notice_days": 30, "reminder_days": 30, "renewals": 0}
        | {"sent_on": "2025-12-20", "ends_on": "2026-12-31", "remind_on": "2026-11-01", "search_text": TEXT}
        | OWNED
    ],
    "contract_signature": [
        {"id": 1, "contract_id": 1, "side": "theirs", "signed_on": "2025-12-22", "name": "Anna", "is_electronic": True}
        | {"content_sha256": "d" * 64, "address": "203.0.113.7", "noted_at": AT}
    ],
    "contract_obligation": [
        {"id": 1, "contract_id": 1, "side": "ours", "text": "Water the tulips", "due_on": "2026-04-30"}
        | {"every_months": 1}
    ],
    "quote": [
        DOCUMENT
        | {"id": 1, "state": "draft", "edition": 1, "language": "nl", "valid_until": "2026-04-30"}
        | totals("30", "6.30", "36.30")
    ],
    "quote_line": [{"id": 1, "quote_id": 1} | line("3", "30", "6.30", "36.30")],
    "sale_order": [
        DOCUMENT
        | {"id": 1, "state": "confirmed", "number": "SO-2026-00001", "series_id": 3, "ordered_on": "2026-03-30"}
        | {"deal_id": 1, "margin": money("18")}
        | totals("30", "6.30", "36.30")
    ],
    "sale_order_line": [
        {"id": 1, "order_id": 1, "unit_cost": fine("4"), "parameters": '{"boxes": "1"}'}
        | {"price_steps": '[{"kind": "product", "price": "10", "currency": "EUR"}]'}
        | line("3", "30", "6.30", "36.30")
    ],
    "delivery": [
        {"id": 1, "kind": "out", "state": "planned", "organisation_id": 1, "order_id": 1, "party_id": 1}
        | {"planned_on": "2026-04-02", "carrier": "Post", "city": "Москва", "country": "RU", "search_text": TEXT}
        | OWNED
    ],
    "delivery_line": [{"id": 1, "delivery_id": 1, "order_line_id": 1, "position": 1, "quantity": fine("2")}],
    "invoice": [
        DRAFT | {"id": 1, "kind": "invoice", "order_id": 1} | totals("30", "6.30", "36.30"),
        DRAFT | {"id": 2, "kind": "credit_note", "credits_id": 1} | totals("10", "2.10", "12.10"),
        DRAFT | {"id": 3, "kind": "invoice"} | totals("20", "4.20", "24.20"),
    ],
    "invoice_line": [
        {"id": 1, "invoice_id": 1, "order_line_id": 1} | line("3", "30", "6.30", "36.30"),
        {"id": 2, "invoice_id": 2, "credits_line_id": 1} | line("1", "10", "2.10", "12.10"),
        {"id": 3, "invoice_id": 3} | line("2", "20", "4.20", "24.20"),
    ],
    "invoice_tax": [
        {"id": at, "invoice_id": at, "position": 1, "category": "S", "rate": rate("0.21"), "base": base, "tax": tax}
        for at, base, tax in ((1, money("30"), money("6.30")), (2, money("10"), money("2.10")))
    ],
    "document_template": [
        {"id": 1, "name": "Letter", "kind": "letter", "language": "nl", "is_active": True, "is_default": True}
        | {"needs_approval": False, "body": "<p>Dag</p>"}
        | PAGE
        | ENTITY
    ],
    "document_template_version": [
        {"id": 1, "template_id": 1, "number": 1, "published_at": AT, "body": "<p>Dag</p>"} | PAGE
    ],
    "made_document": [
        {"id": 1, "state": "issued", "kind": "letter", "title": "Letter", "language": "nl", "organisation_id": 1}
        | {"party_id": 1, "entity": "party", "record_id": 1, "template_version_id": 1, "is_archival": False}
        | {"data": '{"fields": {"buyer.name": "Anna"}}', "file_id": 1, "sha256": "a" * 64, "issued_at": AT}
        | {"search_text": TEXT}
        | OWNED
    ],
    "invoice_snapshot": [],  # these three come with the issue, below
    "chain_link": [],
    "file_link": [],
    "payment": [
        {
            "id": 1,
            "kind": "receipt",
            "state": "recorded",
            "organisation_id": 1,
            "party_id": 1,
            "paid_on": "2026-04-02",
            "amount": money("25"),
            "currency": "EUR",
            "method": "bank_transfer",
            "bank_account_id": 1,
            "reference": "INV-2026-00001",
            "search_text": TEXT,
        }
        | OWNED
    ],
    "allocation": [
        {
            "id": 1,
            "allocated_on": "2026-04-02",
            "amount": money("20"),
            "credit_amount": money("20"),
            "payment_id": 1,
            "invoice_id": 1,
            "created_at": AT,
            "by_id": 1,
        },
        {
            "id": 2,
            "allocated_on": "2026-04-03",
            "amount": money("12.10"),
            "credit_amount": money("12.10"),
            "credit_note_id": 2,
            "invoice_id": 1,
            "created_at": AT,
        },
    ],
    "letter": [
        {
            "id": 1,
            "state": "pending",
            "organisation_id": 1,
            "party_id": 1,
            "entity": "invoice",
            "record_id": 1,
            "purpose": "invoice",
            "language": "ru",
            "from_address": "post@example.org",
            "to_address": "anna@example.org",
            "subject": "INV-2026-00001",
            "body": "…",
            "attachment_id": 1,
            "message_id": "<1@example.org>",
            "due_at": AT,
            "tries": 0,
            "search_text": TEXT,
        }
        | OWNED
    ],
    "letter_file": [{"id": 1, "letter_id": 1, "attachment_id": 1}],
    "letter_template": [
        {"id": 1, "name": "Thanks", "language": "en", "subject": "Thank you", "text": "{me}", "is_active": True}
        | ENTITY
    ],
    "reminder_level": [
        {"id": 1, "organisation_id": 1, "position": 1, "days": 7, "gap_days": 3, "fee": money("5"), "is_active": True}
        | {"since": "2026-03-31"}
        | ENTITY
    ],
    "reminder_text": [{"id": 1, "level_id": 1, "language": "en", "subject": "{number}", "text": "Please pay {rest}."}],
    "invoice_reminder": [{"id": 1, "invoice_id": 1, "level": 1, "made_at": AT, "letter_id": 1}],
    "mail_template": [{"id": 1, "name": "Spring", "channel": "email", "is_active": True, "number": 1} | ENTITY],
    "mail_template_text": [{"id": 1, "template_id": 1, "language": "en", "subject": "Tulips", "preheader": "New ones"}],
    "mail_template_block": [
        {"id": 1, "template_id": 1, "position": 1, "language": "en", "kind": "text", "text": "Dear {name}"}
    ],
    "mail_template_version": [{"id": 1, "template_id": 1, "number": 1, "content": "{}", "made_at": AT}],
    "mailing": [
        {"id": 1, "name": "Spring", "state": "sending", "kind": "marketing", "channel": "email", "organisation_id": 1}
        | {"template_id": 1, "version_id": 1, "window_from": 0, "window_to": 24, "holdout_percent": 10}
        | {"attribution_days": 14, "tracks_opens": False, "tracks_clicks": True, "seed": "0" * 32, "checked_at": AT}
        | OWNED
    ],
    "mailing_party": [{"id": 1, "mailing_id": 1, "party_id": 1}],
    "mailing_recipient": [
        {"id": 1, "mailing_id": 1, "phase": "queued", "address": "anna@tulpen.example", "domain": "tulpen.example"}
        | {"party_id": 1, "name": "Anna", "language": "nl", "words": "{}", "due_at": AT, "tries": 0}
        | {"zones": "Europe/Amsterdam", "quiet_until": AT}
        | OWNED
    ],
    "mailbox": [
        {"id": 1, "name": "Sales", "host": "imap.example.com", "port": 993, "security": "tls", "login": "sales"}
        | {"folder": "INBOX", "source_id": 1, "since": "2026-03-01", "every_minutes": 5, "after": "seen"}
        | {"is_active": True, "validity": 1, "last_uid": 1}
        | ENTITY
    ],
    "suppression": [
        {
            "id": 1,
            "channel": "email",
            "address": "gone@example.org",
            "digest": "a" * 64,
            "reason": "bounced",
            "since": AT,
        }
        | ENTITY
    ],
    "address_failure": [{"id": 1, "channel": "email", "digest": "a" * 64, "is_hard": True, "at": AT}],
    "contact_made": [{"id": 1, "party_id": 1, "contact_id": 1, "channel": "email", "at": AT}],
    "contact_refusal": [
        {"id": 1, "refused_at": AT, "party_id": 1, "channel": "email", "kind": "marketing", "reason": "no_consent"}
        | {"sender": "mailing"}
        | ENTITY
    ],
    "contact_policy": [
        {"id": 1, "organisation_id": 1, "cap_count": 2, "cap_days": 7, "quiet_from": "21:00"}
        | {"quiet_until": "09:00", "quiet_days": "67", "soft_count": 5, "soft_days": 30}
        | ENTITY
    ],
    "mail_server": [
        {"id": 1, "organisation_id": 1, "host": "smtp.example.com", "port": 587, "security": "starttls"}
        | {"login": "office", "is_active": True}
        | ENTITY
    ],
    "sms_provider": [
        {"id": 1, "organisation_id": 1, "kind": "smsc", "login": "office", "sender": "Grachten", "is_active": True}
        | ENTITY
    ],
    "sms_provider_key": [{"provider_id": 1, "sealed": "…", "made_at": AT}],
    "text_message": [
        {"id": 1, "phase": "sent", "organisation_id": 1, "party_id": 1, "purpose": "test", "kind": "personal"}
        | {"to_address": "+31612345678", "text": "Tulips", "parts": 1, "due_at": AT, "tries": 1, "sent_at": AT}
        | {"report": "undelivered", "reported_at": AT, "report_reason": "30003"}
        | OWNED
    ],
    "text_arrival": [{"id": 1, "provider_id": 1, "number": "0" * 64, "received_at": AT}],
    "contact_rule": [
        {"id": 1, "name": "Birthdays", "is_active": True, "organisation_id": 1, "occasion": "birthday", "days": 0}
        | {"hour": 10, "kind": "marketing", "channel": "email", "template_id": 1, "since": "2026-03-31"}
        | {"tracks_opens": True, "tracks_clicks": True, "holdout_percent": 10, "attribution_days": 14, "seed": "0f"}
        | {"held_out_since": AT}
        | ENTITY
    ],
    "rule_occurrence": [
        {"id": 1, "rule_id": 1, "occasion": "birthday", "party_id": 1, "slot": "birthday 2026", "done_at": AT}
        | {"happens_on": "2026-03-31", "due_at": AT, "state": "written", "letter_id": 1, "version_id": 1}
        | {"words": "{}", "counts_from": "2026-03-31", "counts_until": "2026-04-14", "opened_at": AT}
        | {"clicked_at": AT, "answered_at": AT, "unsubscribed_at": AT}
        | ENTITY
    ],
    "mail_server_key": [{"server_id": 1, "purpose": "password", "sealed": "…", "made_at": AT}],
    "mailbox_key": [{"mailbox_id": 1, "sealed": "…", "made_at": AT}],
    "received_mail": [
        {"id": 1, "mailbox_id": 1, "validity": 1, "uid": 1, "number": "<1@example.com>", "kind": "party", "size": 10}
        | {"from_address": "a@example.com", "subject": "Bulbs", "received_at": AT, "party_id": 1, "settled_at": AT}
        | {"raw_id": 1, "letter_id": 1, "lead_id": 1, "entity": "party", "record_id": 1}
        | ENTITY
    ],
    "party_interest": [
        {"id": 1, "party_id": 1, "topic": "Tulip bulbs", "product_id": 1, "strength": "clear", "since": "2026-03-01"}
        | {"source": "Fair"}
    ],
    "party_metric": [
        {"party_id": 1, "orders_count": 1, "first_order_on": "2026-03-31", "last_order_on": "2026-03-31"}
        | {"orders_per_year": money("1"), "turnover": money("100"), "average_check": money("100")}
        | {"open_balance": money("0"), "payment_lag_days": 3, "last_touch_on": "2026-03-31", "counted_at": AT}
    ],
    "party_mark": [{"id": 1, "party_id": 1}],
    "party_pair": [
        {"id": 1, "one_id": 1, "other_id": 2, "state": "dismissed", "score": 40, "reasons": "name", "found_at": AT}
        | {"by_id": 1}
    ],
    "party_merge": [
        {"id": 1, "party_id": 1, "loser_id": 2, "state": "undone", "fields": "{}", "loser_before": "{}"}
        | {"conflicts": "[]", "merged_at": AT, "by_id": 1, "undone_at": AT, "undone_by_id": 1}
    ],
    "party_merge_row": [
        {"id": 1, "merge_id": 1, "table_name": "invoice", "column_name": "party_id", "row_id": 1, "fate": "moved"}
    ],
    "consent": [
        {"id": 1, "party_id": 1, "purpose": "marketing_mail", "state": "given", "address": "info@example.org"}
        | {"source": "paper", "wording": "I agree.", "evidence_id": 1, "said_at": AT, "noted_at": AT, "by_id": 1}
    ],
    "erasure": [{"id": 1, "party_id": 9, "reason": "Asked for", "counts": '{"party": [1, 0]}', "by_id": 1} | ENTITY],
    "person_export": [
        {"id": 1, "party_id": 1, "language": "nl", "state": "done", "total_rows": 3, "done_rows": 3, "records": 9}
        | {"file_id": 1}
        | OWNED
    ],
    "document_bundle": [
        {"id": 1, "entity": "invoice", "form": "pdf", "language": "nl", "state": "done", "keys": "[1]"}
        | {"missing": '[[1, "none"]]', "total_rows": 1, "done_rows": 1, "files": 1, "file_id": 1, "settings": "{}"}
        | OWNED
    ],
    "retention_rule": [{"id": 1, "name": "bin", "days": 30, "ran_at": AT, "ran_rows": 2} | ENTITY],
    "participant": [
        {"id": 1, "activity_id": 1, "user_id": 2},
        {"id": 2, "activity_id": 1, "contact_id": 1},
    ],
    "activity_link": [{"id": 1, "activity_id": 1, "entity": "invoice", "record_id": 1}],
    "bank_profile": [
        {"id": 1, "name": "ING", "columns_sha256": "a" * 64, "columns": '{"Datum": "booked_on"}', "delimiter": ";"}
        | {"encoding": "utf-8-sig", "date_format": "YYYYMMDD", "decimal_mark": ",", "skip_rows": 0}
        | ENTITY
    ],
    "bank_rule": [{"id": 1, "name": "Fees", "text": "kosten", "reason": "Bank charge", "is_active": True} | ENTITY],
    "bank_statement": [
        {"id": 1, "organisation_id": 1, "account_id": 1, "format": "csv", "state": "loaded", "currency": "EUR"}
        | {"opening": money("0"), "closing": money("25"), "from_on": "2026-04-02", "until_on": "2026-04-02"}
        | {"line_count": 1, "open_count": 0, "known_count": 0, "sha256": "b" * 64, "profile_id": 1}
        | ENTITY
    ],
    "bank_line": [
        {"id": 1, "statement_id": 1, "account_id": 1, "key": "c" * 64, "position": 1, "booked_on": "2026-04-02"}
        | {"amount": money("25"), "currency": "EUR", "payer": "Tulpen & Zonen", "text": "INV-2026-00001"}
        | {"state": "matched", "payment_id": 1, "made_payment": False, "party_id": 1, "settled_at": AT}
        | ENTITY
    ],
    "calendar_feed": [{"id": 1, "user_id": 1, "token_sha256": "f" * 64, "made_at": AT}],
    "company_holiday": [
        {"id": 1, "held_on": "2026-04-06", "name": "Inventory", "country": None, "is_working": False} | ENTITY
    ],
    "absence": [
        {"id": 1, "user_id": 1, "kind": "leave", "begins_on": "2026-03-01", "ends_on": "2026-03-14"}
        | {"substitute_id": 2, "substitution_id": 1}
        | ENTITY
    ],
}
GONE = {("import_run", "created_by_id")}  # columns that the newest version has no more


def content(about: dict[str, Any], said: dict[str, Any], each: dict[str, Any], tax: dict[str, Any]) -> dict[str, Any]:
    """What an issued document says, as the first version that issued documents wrote it down."""
    document = {
        "organisation_id": 1,
        "payment_term_id": 1,
        "issued_on": "2026-03-31",
        "delivery_on": "2026-03-31",
        "delivery_until": None,
        "due_on": "2026-04-30",
        "buyer_reference": None,
        "language": "nl",
        "currency": "EUR",
        "exchange_rate": None,
        "prices_include_tax": False,
        "returns": False,
        "discount": "0.00",
        "charge": "0.00",
        "note": None,
        "number_period": "2026",
        "number_n": 1,
        "credit_reason": None,
    }
    named = {"position": 1, "product_id": 1, "text": "Tulip bulbs", "unit_id": 1, "unit_price": "10", "tax_id": 1}
    return {
        "format": 1,
        "template": 1,
        "document": document | about | said,
        "seller": {"name": "Grachten Handel B.V."},
        "buyer": {"name": "ООО «Ромашка»"},
        "lines": [named | {"discount_percent": "0"} | each],
        "taxes": [{"position": 1, "category": "S", "rate": "0.21", "tax_home": None} | tax],
    }


CONTENTS = {
    1: content(
        {"kind": "invoice", "number": "INV-2026-00001", "series_id": 1, "order_id": 1, "credits_id": None},
        {"net": "30.00", "tax": "6.30", "gross": "36.30"},
        {"quantity": "3", "credits_line_id": None, "net": "30.00", "tax_amount": "6.30", "gross": "36.30"},
        {"base": "30.00", "tax": "6.30"},
    ),
    2: content(
        {"kind": "credit_note", "number": "CN-2026-00001", "series_id": 2, "order_id": None, "credits_id": 1},
        {"net": "10.00", "tax": "2.10", "gross": "12.10"},
        {"quantity": "1", "credits_line_id": 1, "net": "10.00", "tax_amount": "2.10", "gross": "12.10"},
        {"base": "10.00", "tax": "2.10"},
    ),
}


def link(series: int, of: str, digest: str) -> str:
    return chain.link(KEY, series_id=series, position=1, previous="", of=of, digest=digest)


def issue(put: Callable[[str, dict[str, Any]], None], connection: Connection) -> None:
    """Issue the invoice and its credit note: numbers, days, chains and snapshots, and a file for the first."""
    for key, said in CONTENTS.items():
        digest, series = chain.sha256(said), said["document"]["series_id"]
        chained = {"series_id": series, "position": 1, "invoice_id": key, "previous": "", "made_at": AT, "id": key}
        made = link(series, "document", digest)
        connection.execute(
            text(
                "UPDATE invoice SET state = 'issued', number = :number, series_id = :series, number_period = '2026', "
                "number_n = 1, issued_on = '2026-03-31', due_on = '2026-04-30', content_sha256 = :digest, "
                "chain_position = 1, chain_link = :made WHERE id = :key"
            ),
            {"number": said["document"]["number"], "series": series, "digest": digest, "made": made, "key": key},
        )
        words = chain.canonical(said).decode()
        put("invoice_snapshot", {"id": key, "invoice_id": key, "content": words, "made_at": AT})
        put("chain_link", chained | {"content_sha256": digest, "link": made})
        if key == 1:
            connection.execute(text("UPDATE invoice SET file_id = 1 WHERE id = 1"))
            put("file_link", chained | {"attachment_id": 1, "sha256": "a" * 64, "link": link(1, "file", "a" * 64)})


def tables_of(connection: Connection) -> dict[str, set[str]]:
    """The tables that hold rows of the program, each with its columns."""
    about = inspect(connection)
    return {
        name: {column["name"] for column in about.get_columns(name)}
        for name in about.get_table_names()
        if name != "alembic_version" and "_fts" not in name
    }


def fill(connection: Connection) -> None:
    """Write the company's rows into the tables that there are."""
    tables, dialect = tables_of(connection), connection.dialect.name

    def put(table: str, row: dict[str, Any]) -> None:
        known = {name: value for name, value in row.items() if name in tables[table]}
        names = ", ".join(f'"{name}"' for name in known)
        values = ", ".join(f":{name}" for name in known)
        given = {name: value.on(dialect) if isinstance(value, Exact) else value for name, value in known.items()}
        connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({values})'), given)

    for table, rows in ROWS.items():
        if table not in tables:
            continue
        if table == "invoice_snapshot":
            issue(put, connection)
        for row in rows:
            put(table, row)
