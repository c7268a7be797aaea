"""What the register of personal data leaves out, each with its reason: whole tables, and single columns of others."""

OURS = "our own people and their accounts: they end with the account, and by the terms of sign-in records"
COMPANY = "our own company"
GOODS = "what is sold, not who buys it"
PRICES = "what things cost; a party is named by its key only"
WORDS = "words that the company keeps for many records"
HASHES = "hashes and numbers that say nothing by themselves"
FRAMEWORK = "names of rights and screens"
RULES = "settings"

TABLES: dict[str, str] = {
    **dict.fromkeys(("ab_user", "ab_register_user", "ab_group", "ab_api_key", "api_key_note", "identity"), OURS),
    **dict.fromkeys(("user_profile", "sign_in", "pending_sign_in", "remembered_device", "login_attempt"), OURS),
    **dict.fromkeys(("old_password", "password_link", "recovery_code", "second_factor", "substitution"), OURS),
    **dict.fromkeys(("absence", "calendar_feed"), OURS),
    **dict.fromkeys(("ab_permission", "ab_view_menu", "ab_role", "role_base", "role_change", "export_cap"), FRAMEWORK),
    **dict.fromkeys(("organisation", "organisation_bank_account", "number_series", "number_counter", "team"), COMPANY),
    **dict.fromkeys(("product", "product_category", "product_parameter", "unit", "tax"), GOODS),
    **dict.fromkeys(("payment_term", "payment_term_text", "tag"), WORDS),
    **dict.fromkeys(("lead_source", "lead_form", "lead_form_field", "lead_form_text", "letter_template"), WORDS),
    **dict.fromkeys(("document_template", "document_template_version"), WORDS),
    **dict.fromkeys(
        ("lead_source_key", "lead_receiver", "mailbox", "mailbox_key", "mail_server", "mail_server_key"), OURS
    ),
    **dict.fromkeys(("sms_provider", "sms_provider_key"), OURS),
    **dict.fromkeys(("mail_template", "mail_template_text", "mail_template_block", "mail_template_version"), WORDS),
    **dict.fromkeys(("reminder_level", "reminder_text", "contact_rule"), WORDS),
    **dict.fromkeys(("bank_profile", "bank_rule"), RULES),
    "bank_statement": "balances and days of our own accounts",
    **dict.fromkeys(("mailing", "mailing_party"), "what is sent to many: names of mailings, keys of those who get it"),
    **dict.fromkeys(("pipeline", "stage", "stage_check", "lost_reason", "stage_log"), WORDS),
    **dict.fromkeys(("price_list", "price_item", "discount_rule"), PRICES),
    **dict.fromkeys(("address_failure", "contact_made", "text_arrival"), HASHES),
    **dict.fromkeys(("audit_seal", "chain_link", "file_link", "deleted_file"), HASHES),
    **dict.fromkeys(
        ("setting", "export_rule", "retention_rule", "contact_policy", "work_schedule", "company_holiday"), RULES
    ),
    **dict.fromkeys(("segment", "segment_count"), "conditions that find many, and how many: its members are keys"),
    "sales_plan": "what our own people and teams are to reach, by their keys",
    "erasure": "written without a word about the person: a reason that names him is refused",
}
STEM = "the kind of a record, by its stem"
CODE = "a code of a standard list"
MARK = "a random or technical mark"
COLUMNS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("activity.entity", "activity_link.entity", "attachment.entity", "bulk_run.entity"),
            *("deleted_record.entity", "export_run.entity"),
            *("field_change.entity", "field_change.part", "follower.entity", "handover_line.entity", "letter.entity"),
            *("made_document.entity", "received_mail.entity", "document_bundle.entity"),
            *("import_run.entity", "notification.entity", "recent_record.entity", "record_share.entity"),
            *("saved_view.entity", "search_entry.entity", "state_change.entity", "tagging.entity", "export_run.area"),
        ),
        STEM,
    ),
    **dict.fromkeys(
        (
            *("party.country", "party.language", "party.currency", "party_address.country", "party_contact.language"),
            *("party_bank_account.currency", "invoice.language", "invoice.currency", "sale_order.currency"),
            *("deal.currency", "lead.country", "lead.language"),
            *("quote.language", "quote.currency", "delivery.country", "contract.language", "contract.currency"),
            *("made_document.language", "mailing_recipient.language", "document_bundle.language"),
            *("bank_line.currency", "bank_line.code"),
            *("payment.currency", "letter.language", "person_export.language", "saved_view.role"),
        ),
        CODE,
    ),
    **dict.fromkeys(
        (
            "made_document.sha256",
            *("attachment.sha256", "attachment.media_type", "attachment.purpose", "bulk_run.act", "letter.purpose"),
            *("deleted_record.batch", "export_run.sha256", "export_run.request_id", "field_change.request_id"),
            *("field_change.salt", "field_change.sha256", "field_change.sign_in", "form_draft.key", "outbox.topic"),
            *("handover.fingerprint", "idempotency_key.key", "idempotency_key.body_sha256", "letter.message_id"),
            *("invoice.content_sha256", "invoice.chain_link", "invoice.number_period", "letter.token"),
            *(
                "party_merge_row.table_name",
                "party_merge_row.column_name",
                "party_pair.reasons",
                "party_merge.conflicts",
            ),
            "lead.made",
            *("bank_line.key", "bank_line.payer_bank", "bank_line.end_to_end"),
            *("bank_line.bank_reference", "bank_line.structured"),
            *("mailing_recipient.token", "mailing_recipient.digest", "text_message.token", "text_message.purpose"),
            *("outbox.token", "state_change.request_id", "import_run.encoding", "import_run.delimiter"),
            *("contract.link_nonce", "contract.link_sha256", "contract_signature.content_sha256"),
            *("quote.link_nonce", "quote.link_sha256", "sale_order.external_sha256", "sale_order.external_source"),
        ),
        MARK,
    ),
    **dict.fromkeys(("field_change.actor_name", "field_change.seen_as", "field_change.address"), OURS),
    "export_run.address": OURS,
    **dict.fromkeys(("letter.from_address", "letter.from_name"), COMPANY),
    **dict.fromkeys(("state_change.before", "state_change.after"), "names of states"),
    **dict.fromkeys(("field_change.erasure", "suppression.digest"), HASHES),
    "contact_refusal.sender": "which part of the program wanted to write",
    "allocation.note": "an entry of the books, which is only ever added; it says why an amount was written off",
    "activity.recurrence": "a rule of the calendar",
    "export_run.heads": "names of columns",
    "document_bundle.settings": "a sheet of labels, our own address, and the token of a claim",
    **dict.fromkeys(("document_bundle.keys", "document_bundle.missing"), "keys of documents, and why one is not there"),
    "document_bundle.message": "a sentence of ours that names nobody",
    **dict.fromkeys(("quote_line.price_steps", "sale_order_line.price_steps", "invoice_line.price_steps"), PRICES),
    **dict.fromkeys(("quote_line.parameters", "sale_order_line.parameters", "invoice_line.parameters"), GOODS),
    "handover.given": "keys of people and places",
    "handover.beside": "keys of people",
    "import_run.mapping": "names of columns",
    "import_run.options": "how a file is read",
}


def reason(table: str, column: str) -> str | None:
    """Return why a column stands outside of the register, None when it does not."""
    return TABLES.get(table) or COLUMNS.get(f"{table}.{column}")
