"""The rules of the house that no linter knows: where commits, clocks, SQL and wide looks may stand, and how large."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
APP = ROOT / "app"

# Files that may pass 400 lines, each with its reason.
LARGE: dict[str, str] = {}
# Places that look over all rows, each for a reason that its `why` says.
EVERYTHING: dict[str, int] = {
    "app/demo/__init__.py": 1,
    "app/services/activity.py": 1,
    "app/services/allocation.py": 2,
    "app/services/attachment.py": 1,
    "app/services/anchor.py": 1,
    "app/services/balance.py": 2,
    "app/services/document_chain.py": 1,
    "app/services/lost_reason.py": 1,
    "app/services/vital.py": 1,
    "app/services/pipeline.py": 2,
    "app/services/stage.py": 1,
    "app/services/bin.py": 2,
    "app/services/bulk.py": 2,
    "app/services/delivery.py": 1,
    "app/services/document.py": 2,
    "app/services/export_alarm.py": 1,
    "app/services/export_run.py": 2,
    "app/services/find_index.py": 2,
    "app/services/handover.py": 3,
    "app/services/handover_kinds.py": 2,
    "app/services/handover_plan.py": 1,
    "app/services/import_party.py": 2,
    "app/services/invoice_rules.py": 3,
    "app/services/invoice_advance.py": 2,
    "app/services/invoicing.py": 3,
    "app/services/lead.py": 1,
    "app/services/lead_assignment.py": 1,
    "app/services/lead_clock.py": 1,
    "app/services/lead_convert.py": 1,
    "app/services/letter_ledger.py": 1,
    "app/services/letter_writing.py": 1,
    "app/services/suppression.py": 1,
    "app/services/text_ledger.py": 1,
    "app/services/text_report.py": 1,
    "app/services/mailing_count.py": 1,
    "app/services/mailing_effect.py": 1,
    "app/services/next_step.py": 1,
    "app/services/looking.py": 1,
    "app/services/party_alike.py": 2,
    "app/services/order_progress.py": 3,
    "app/services/overdue.py": 1,
    "app/services/party_duplicate.py": 1,
    "app/services/party_merge.py": 1,
    "app/services/personal_erase.py": 2,
    "app/services/personal_export.py": 1,
    "app/services/contract.py": 3,
    "app/services/contract_clock.py": 1,
    "app/services/contract_link.py": 1,
    "app/services/contract_term.py": 2,
    "app/services/contract_use.py": 1,
    "app/services/quote.py": 2,
    "app/services/quote_link.py": 1,
    "app/services/sales_plan.py": 1,
    "app/services/retention.py": 2,
    "app/services/rule_effect.py": 1,
    "app/services/rule_forecast.py": 1,
    "app/services/rule_link.py": 1,
    "app/services/rule_occurrence.py": 1,
    "app/services/preference.py": 3,
    "app/services/price.py": 1,
    "app/services/product.py": 1,
    "app/services/sign_in.py": 1,
    "app/services/tax.py": 1,
    "app/services/verify.py": 1,
    "app/web/happened.py": 2,
    "app/web/totals.py": 1,
}
# Modules that speak SQL as text or ask tables without the mapper: they must think of the row rule themselves.
CORE: frozenset[str] = frozenset(
    {
        "app/db.py",  # pragmas, transactions
        "app/backup.py",  # copies whole databases
        "app/dump.py",  # rows of all tables
        "app/doctor.py",  # SELECT 1
        "app/migrating.py",  # asks for the version
        "app/models/triggers.py",  # triggers
        "app/services/find_statement.py",  # the full-text tables; the row rule stands in each statement
        "app/services/history.py",  # writes rows of history
        "app/services/search.py",  # the full-text table
        "app/web/shell.py",  # SELECT 1
    }
)
# The outermost edges, where whatever breaks must be answered.
EDGES: dict[str, int] = {
    "app/doctor.py": 1,  # any refusal is the right answer there
    "app/documents/child.py": 2,  # templates and the renderer fail in many ways
    "app/exchange/bank_child.py": 1,  # whatever is wrong with a bank's file
    "app/documents/docx_child.py": 1,  # so do files of word processors
    "app/tasks/dispatch.py": 1,
    "app/tasks/mailbox.py": 1,  # a mail of strangers breaks itself alone
    "app/tasks/running.py": 1,
    "app/tasks/sweeper.py": 1,
    "app/web/errors.py": 1,
    "app/web/shell.py": 1,
}


@cache
def source(path: Path) -> str:
    return path.read_text()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(source(path), str(path))


def modules(under: Path = APP) -> list[Path]:
    return sorted(path for path in under.rglob("*.py") if "node_modules" not in path.parts)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def count(found: list[str]) -> dict[str, int]:
    return {each: found.count(each) for each in sorted(set(found))}


# --- size -------------------------------------------------------------------------------------------------------------


def test_no_file_passes_four_hundred_lines_without_a_reason():
    lines = {name(path): source(path).count("\n") for path in modules()}
    large = {each: size for each, size in lines.items() if size > 400 and each not in LARGE}
    assert large == {}
    assert {each for each in LARGE if each not in lines} == set(), "a listed file is gone"


def test_files_over_five_hundred_lines_hold_less_than_fifteen_percent():
    sizes = [source(path).count("\n") for path in modules()]
    assert sum(size for size in sizes if size > 500) / sum(sizes) < 0.15


def test_functions_fit_on_a_screen():
    long = {}
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
                size = node.end_lineno - node.lineno + 1
                if size > 50 and "openapi" not in name(path):
                    long[f"{name(path)}:{node.name}"] = size
    described = {"app/web/sign_in.py:login"}  # most of it is its description for OpenAPI
    assert {where: size for where, size in long.items() if where not in described and size > 70} == {}


# --- transactions, time, errors ---------------------------------------------------------------------------------------


def test_only_the_unit_of_work_commits():
    found = [name(path) for path in modules() for _call, called in calls(path) if called.endswith(".commit")]
    raw = [
        each for each in found if each not in {"app/backup.py", "app/dump.py"}
    ]  # copies, on connections of their own
    assert count(raw) == {"app/db.py": 1}


def test_only_the_clock_reads_the_clock():
    told = re.compile(r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.time|time_ns|localtime|gmtime)$")
    found = [name(path) for path in modules() for _call, called in calls(path) if told.search(called)]
    assert set(found) - {"app/tasks/folder.py"} == {"app/clock.py"}  # it names files in the order they come


def test_nothing_catches_everything_but_the_edges():
    found = []
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler):
                caught = "bare" if node.type is None else ast.unparse(node.type)
                kept = any(isinstance(each, ast.Raise) and each.exc is None for each in ast.walk(node))
                if caught in {"bare", "Exception", "BaseException"} and not kept:
                    found.append(name(path))
    assert {each: number for each, number in count(found).items() if EDGES.get(each, 0) < number} == {}


# --- rows -------------------------------------------------------------------------------------------------------------


def test_looking_over_all_rows_happens_where_it_is_listed_and_says_why():
    found = []
    for path in modules():
        for call, called in calls(path):
            if called.rpartition(".")[2] == "everything" and name(path) != "app/services/access.py":
                found.append(name(path))
                [why] = [word.value for word in call.keywords if word.arg == "why"]
                assert isinstance(why, ast.Constant), name(path)
                assert len(str(why.value).split()) >= 3, f"{name(path)}: why={why.value!r} says too little"
    assert count(found) == EVERYTHING


def test_acting_as_the_system_happens_outside_requests():
    found = {name(path) for path in modules() if re.search(r"\bSYSTEM\b", source(path))}
    inside = [each for each in found if each.startswith(("app/web/", "app/views/", "app/api/", "app/models/"))]
    assert inside == []


@cache
def owned_names() -> set[str]:
    """Return the names of mapped classes that somebody owns."""
    found = set()
    for path in modules(APP / "models"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and "Owned" in {ast.unparse(base) for base in node.bases}:
                found.add(node.name)
    return found


def test_owned_records_are_not_taken_from_the_identity_map():
    """`session.get` gives back what is loaded already without asking the row rule; `access.get` always asks."""
    assert "Party" in owned_names()
    found = []
    for path in modules():
        if not name(path).startswith(("app/web/", "app/views/", "app/api/", "app/services/")):
            continue
        for call, called in calls(path):
            is_get = called.endswith(".get") and called != "access.get" and call.args
            if is_get and ast.unparse(call.args[0]) in owned_names():
                found.append(f"{name(path)}:{call.lineno}")
    assert found == []


def test_sql_past_the_mapper_stands_in_listed_modules():
    found = set()
    for path in modules():
        imported = {
            alias.name
            for node in ast.walk(tree(path))
            if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy"
            for alias in node.names
        }
        core = imported & {"text", "table", "insert"}
        for _call, called in calls(path):
            if called.endswith("exec_driver_sql") or re.search(r"__table__\.(select|update|insert|delete)$", called):
                core.add(called)
        if core:
            found.add(name(path))
    unlisted = {each for each in found - CORE if not each.startswith(("app/models/", "app/demo/", "app/tasks/"))}
    assert unlisted - SET_BASED == set()


SET_BASED = frozenset(
    {
        "app/services/audit.py",  # entries, which nobody owns and nobody changes
        "app/services/bank_statement.py",  # lines of a statement at hand, which nobody owns
        "app/services/bin.py",  # its own rows, by key, and one of history
        "app/services/bin_rows.py",  # rows of a record that the mapper has read for the actor
        "app/services/bulk.py",  # rows of a run, reached through it, and how far it is
        "app/services/chain.py",  # links, which nobody changes and nobody owns
        "app/services/gate.py",  # addresses of recipients at hand; the answer is the same whoever asks
        "app/services/handover.py",  # lines of a hand-over, and by key the records that its plan has found
        "app/services/import_run.py",  # problems of a file, reached through their run
        "app/services/import_party.py",  # writes rows of an import by the thousand, with their owner
        "app/services/user_erase.py",  # what opened one account, and what was for its eyes only, by its key
        "app/services/invoice_issue.py",  # the snapshot of a document that is at hand
        "app/services/mailing_audience.py",  # rows of a mailing's ledger, reached through it, with its owner
        "app/services/mailing_ledger.py",  # that a marketing mail has left, of rows of the ledger at hand
        "app/services/paper_run.py",  # that letters on paper were posted, of rows of the ledger at hand
        "app/services/party_merge.py",  # rows of a merge, reached through it
        "app/services/party_metric.py",  # figures of counterparties, counted over all rows, by key
        "app/services/segment.py",  # how many members its reader has counted
        "app/services/segment_members.py",  # keys of members, by a statement that is cut to the actor's rows
        "app/services/sign_in.py",  # login_attempt belongs to nobody
    }
)


# --- texts, addresses, shapes -----------------------------------------------------------------------------------------


def test_no_address_of_a_machine_or_person_stands_in_the_code():
    machine = re.compile(
        r"https?://(?!127\.0\.0\.1|localhost|[\w.]*example\.(org|com|net)|\{)[\w.-]+\.\w+|(?<![\w.])/(home/\w+/|root/|Users/|work/|tmp/)"
    )
    known = re.compile(r"urn:|www\.w3\.org|schemas\.|xmlsoap|unece\.org|oasis|cen\.eu")
    found = {}
    for path in [*modules(), ROOT / "config.py", ROOT / "run.py"]:
        hits = [
            ast.unparse(node)[:80]
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value.strip() != ast.get_docstring(tree(path))
            and machine.search(node.value)
            and not known.search(node.value)
        ]
        if hits:
            found[name(path)] = hits
    assert found == {}


def test_verbs_of_services_take_the_session_first():
    """A public function that names a session names it first; what is told by keyword comes after the record."""
    wrong = []
    for path in modules(APP / "services"):
        for node in tree(path).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            names = [argument.arg for argument in node.args.args]
            if "session" in names and names[0] != "session":
                wrong.append(f"{name(path)}:{node.name} takes the session late")
            if "session" in [argument.arg for argument in node.args.kwonlyargs]:
                wrong.append(f"{name(path)}:{node.name} takes the session by keyword")
            told = {"at", "on", "by"} & set(names) if "session" in names else set()
            wrong += [f"{name(path)}:{node.name} takes “{one}” by position" for one in sorted(told)]
    assert wrong == []


def test_screens_and_jobs_are_no_place_for_rules_of_the_web():
    """Services know no request: neither flask's globals nor a signed-in user of theirs."""
    web = re.compile(r"^\s*(from|import) (flask(?!_appbuilder\.(security|Model))|flask_login)\b", re.MULTILINE)
    assert [name(path) for path in modules(APP / "services") if web.search(source(path))] == []


TAG = re.compile(
    r"\{% block body_class %\}.*?\{% endblock %\}|<kbd>.*?</kbd>|"
    r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<script\b.*?</script>|<!--.*?-->",
    re.DOTALL,
)
SPOKEN = re.compile(r"[^\W\d_]{2,}")
ATTRIBUTE = re.compile(r"\s(?:title|placeholder|aria-label|alt)=\"([^\"{}]*)\"")


@pytest.mark.parametrize("path", sorted((APP / "templates" / "web").glob("*.html")), ids=lambda path: path.name)
def test_every_word_of_a_page_is_translated(path: Path):
    text = TAG.sub(" ", source(path))
    words = ATTRIBUTE.findall(text)
    words += re.findall(r">([^<>]+)<", f">{text}<")
    assert [word.strip() for word in words if SPOKEN.search(word.replace("&nbsp;", " "))] == []


def test_texts_for_people_are_whole_sentences_for_the_translator():
    """`_("…" + name)` and `_(f"…")` can never be found in a catalogue."""
    wrong = []
    for path in modules():
        for call, called in calls(path):
            if (
                called in {"_", "_l", "gettext", "lazy_gettext", "ngettext"}
                and call.args
                and name(path) != "app/i18n.py"
            ):
                first = call.args[0]
                if not (isinstance(first, ast.Constant) and isinstance(first.value, str)) and not isinstance(
                    first, ast.Name
                ):
                    wrong.append(f"{name(path)}:{call.lineno}")
                if isinstance(first, ast.Constant) and re.search(r"%[sd]", str(first.value)):
                    wrong.append(f"{name(path)}:{call.lineno} uses a placeholder without a name")
    assert wrong == []


# --- the whole --------------------------------------------------------------------------------------------------------


def test_the_layers_hold():
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_every_test_file_can_be_read_and_says_what_it_is_about():
    for path in modules(ROOT / "tests"):
        if path.name == "__init__.py" or not path.name.startswith("test_"):
            continue
        found = tree(path)
        assert ast.get_docstring(found), f"{name(path)} says nothing about itself"
        named = [
            node.name for node in ast.walk(found) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]
        assert named, f"{name(path)} tests nothing"
        top = [node.name for node in found.body if isinstance(node, ast.FunctionDef)]
        assert len(top) == len(set(top)), f"{name(path)} hides a test behind another of the same name"


def test_no_test_is_switched_off():
    off = re.compile(r"@pytest\.mark\.(skip|xfail)\b|pytest\.xfail\(|\bassert True\b|unittest\.mock|MagicMock")
    found = [
        name(path) for path in modules(ROOT / "tests") if path.name != "test_house.py" and off.search(source(path))
    ]
    assert set(found) <= {"tests/unit/test_tools.py"}  # it is about skipping


def test_every_icon_that_is_drawn_is_packed():
    """A name that the sprite does not know draws nothing."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("assets_of_house", ROOT / "tools" / "assets.py")
    assert spec is not None
    assert spec.loader is not None
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        assets = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(assets)
    finally:
        sys.path.remove(str(ROOT / "tools"))
    drawn = re.compile(r"ui\.icon\('([a-z0-9-]+)'\)|icon=\"([a-z0-9-]+)\"")
    named = {
        found
        for path in [*APP.rglob("*.html"), *APP.rglob("*.py")]
        for pair in drawn.findall(path.read_text(encoding="utf-8"))
        for found in pair
        if found
    }
    assert named
    assert named - set(assets.ICONS) == set()
