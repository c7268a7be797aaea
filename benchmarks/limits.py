"""What each figure should be, and why one that is not reached is not: floors and targets of docs/performance.md."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """The floor (what must be) and the target (what we want) of one figure; `what` names it to a reader."""

    what: str
    floor: float | None = None
    target: float | None = None


PAGES: dict[str, Limit] = {
    "list": Limit("list of parties, first page", 60, 30),
    "list_own": Limit("the same for a manager who sees his own", 60, 30),
    "deep": Limit("list of parties, its last page", 60, 36),
    "find_common": Limit("list filtered by part of a name: common", 60, 45),
    "find_rare": Limit("… rare", 60, 45),
    "find_two": Limit("… two letters", 60, 45),
    "find_one": Limit("… one letter", 60, 45),
    "find_missing": Limit("… nothing found", 60, 45),
    "card": Limit("card of a party", None, 40),
    "add": Limit("form of a new party", 30, 25),
    "edit": Limit("form of a party", 30, 25),
    "invoices": Limit("list of invoices", 60, 30),
    "invoices_own": Limit("list of invoices for a manager who sees his own", 60, 30),
    "invoices_find": Limit("list of invoices filtered by part of a number", 60, 45),
    "invoice": Limit("card of an invoice", None, 40),
    "invoice_add": Limit("form of a new invoice", 30, 25),
    "lookup_common": Limit("select in a form: part of a name", 60, 45),
    "lookup_two": Limit("select in a form: two letters", 60, 45),
    "rest_list": Limit("REST: list", 60, 30),
    "rest_get": Limit("REST: one party", None, 30),
    "home": Limit("start page", 60, 30),
    "day": Limit("my day of a manager", 60, 30),
    "leads": Limit("list of leads", 60, 30),
    "deals": Limit("board of deals, up to 2,000 open ones", 150, 100),
    "alike": Limit("notice of duplicates while a party is typed", 50, 30),
    "login": Limit("sign-in page", None, 30),
}
COSTS = {
    "list": "list of parties",
    "invoices": "list of invoices",
    "card": "card of a party",
    "invoice": "card of an invoice",
    "palette": "palette, two letters",
}
READERS = {
    "own": "his own",
    "team": "his team's",
    "region": "7 teams",
    "company": "all 50 teams",
}
COST = Limit("the row rule", 1.2, 1.2)  # times a reader whose rows are not cut
ACTS: dict[str, Limit] = {
    "issue": Limit("issue an invoice with 3 lines, with its commit", 30, 15),
    "rest_make": Limit("make an invoice with 3 lines over REST", None, 25),
    "rest_issue": Limit("make and issue one over REST, two calls", None, 40),
    "pdf": Limit("its PDF, one page, warm", 150, 150),
}
SCREENS: dict[str, str] = {
    "home": "start page",
    "list": "list of parties",
    "find_common": "list of parties filtered by part of a name",
    "card": "card of a party",
    "add": "form of a new party",
    "invoices": "list of invoices",
    "invoice": "card of an invoice",
    "invoice_add": "form of a new invoice",
    "board": "board of orders",
    "calendar": "calendar of orders",
    "chart": "chart of invoices",
    "gallery": "gallery of parties",
}
GESTURES: dict[str, Limit] = {
    "tick": Limit("rows of a list are walked over and ticked by keys", 100, 50),
    "filters": Limit("the filters of a list open", 100, 50),
    "palette": Limit("the palette opens", 100, 50),
    "lines": Limit("a key in a document of 200 lines, with its totals", 100, 50),
    "palette_find": Limit("five letters in the palette until records are there (120 ms of it waiting)"),
    "list_find": Limit("five letters in the search of a list until the rows are there"),
    "tab": Limit("a part of a card opens, from the server", 300, 100),
}
SERVER = Limit("server", 60, 30)
PAINT = Limit("first paint", 400, 200)
FIRST = Limit("first paint of a first visit", None, 400)
STATEMENTS = Limit("SQL statements of a list", 12, 12)
KILOBYTES = Limit("size of a page", 150, 80)
MEMORY = Limit("memory of the server process", 250, 200)
START = Limit("start of a web worker", None, 2.5)
RUN = Limit("second start of `crm run`, web server and worker, until it answers", 5, 5)
IMPORT = Limit("import of 10,000 parties", 20, 10)

# Why a figure stays behind its limit, for as long as it does; printed only then.
WHY: dict[str, str] = {
    "pdf": "the renderer's own processor time; its fonts, styles and templates are kept warm already",
    "find_common": "tens of thousands match; all are sorted by name before 25 are shown, and counted up to 10,000",
    "find_two": "thousands match: all of them are sorted by name before 25 are shown",
    "find_one": "tens of thousands match; all are sorted by name before 25 are shown, and counted up to 10,000",
    "lookup_common": "tens of thousands match and are sorted by name before 20 are offered",
    "lookup_two": "thousands match and are sorted by name before 20 are offered",
}
