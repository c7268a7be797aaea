"""How long finding anything takes: fills a temporary database with generated entries and asks it.

    python -m benchmarks.find --rows 100000                         SQLite
    python -m tests.servers postgres -- python -m benchmarks.find --rows 100000

With --records the database is filled with the demo company instead, and making all entries anew is timed too.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from flask import Flask
from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.models.search_entry import SearchEntry, SearchWord
from app.roles import Scope
from app.services import access, find
from app.services.find_text import LONGEST_WORD, SHORTEST_MISSPELT, latin, stored
from benchmarks.stage import PASSWORD, build, settings

CHUNK = 5_000
LETTERS = range(SHORTEST_MISSPELT, LONGEST_WORD + 1)
REPEATS = 15
SMALLEST = 160  # counterparties of the demo: its people and teams are needed
SHARES = {"party": 20, "product": 2, "order": 18, "invoice": 30, "payment": 25, "letter": 5}
FORMS = ("ООО «{}»", "АО «{}»", "{} B.V.", "{} & Zonen B.V.", "«{}» ՍՊԸ", "{} Ltd", "ИП {}", "{}")
SYLLABLES = (
    "ва", "ро", "машк", "ивано", "петро", "де", "молен", "tulp", "haag", "berg", "stein", "harbour", "quill", "north",
    "արա", "րատ", "շին", "վան", "սար", "կան", "ка", "ли", "на", "сол", "неч", "мор", "ской", "ger", "van", "veen",
    "dijk", "wood", "лес", "тор", "маш", "строй", "пром", "эко", "мед", "гар", "նոր", "հայ",
)  # fmt: skip
QUERIES = {
    "common": "ооо",
    "common, two words": "b.v. van",
    "part of many": "ovan",
    "rare": "Редкоземов",
    "rare, other script": "redkozemov",
    "exact number": "2020-000777",
    "beginning of numbers": "2026-000",
    "one letter": "и",
    "two letters": "va",
    "missing": "qqqqqq",
    "misspelt": "редказемов",
    "misspelt, two letters swapped": "redkoezmov",
    "phone digits": "0201234567",
}


def generated(rows: int, owners: list[int | None]) -> Iterator[dict[str, Any]]:
    """Yield entries as a company of that size has them, the same every time."""
    random = Random("find")
    stems, weights = list(SHARES), list(SHARES.values())
    begun = datetime(2020, 1, 1, tzinfo=UTC)
    names = [_name(random) for _at in range(max(rows // 8, 100))]
    names[:3] = ["ООО «Редкоземов и сыновья»"] * 3
    for at in range(1, rows + 1):
        stem = random.choices(stems, weights)[0]
        name = names[at % 3] if at % 33_333 == 1 else random.choice(names)
        number = f"{2020 + at % 7}-{at:06d}"
        digits = f"{random.randint(10**8, 10**9)}"
        is_named = stem in {"party", "product", "letter"}
        title, detail = (name, digits) if is_named else (number, name)
        parts = (
            title,
            detail,
            digits,
            f"+31{random.randint(10**8, 10**9)}",
            f"info@{latin(name).replace(' ', '-')}.example",
        )
        yield {
            "entity": stem,
            "record_id": at,
            "title": title,
            "detail": detail,
            "key": latin(title)[:120],
            "search_text": stored(parts if is_named else parts[:3])[0],
            "changed_at": begun + timedelta(minutes=at),
            "owner_id": random.choice(owners),
        }


def _name(random: Random) -> str:
    words = [
        "".join(random.choices(SYLLABLES, k=random.randint(2, 4))).capitalize() for _at in range(random.randint(1, 2))
    ]
    return random.choice(FORMS).format(" ".join(words))


def fill(session: Session, rows: int, owners: list[int | None]) -> None:
    """Write generated entries and their words."""
    session.connection().execute(delete(SearchEntry.__table__))  # type: ignore[arg-type]
    session.connection().execute(delete(SearchWord.__table__))  # type: ignore[arg-type]
    words: set[str] = set()
    entries = generated(rows, owners)
    while chunk := list(islice(entries, CHUNK)):
        session.connection().execute(insert(SearchEntry.__table__), chunk)  # type: ignore[arg-type]
        for entry in chunk:
            words.update(word for word in entry["search_text"].split() if word.isalpha() and len(word) in LETTERS)
    session.connection().execute(
        insert(SearchWord.__table__),  # type: ignore[arg-type]
        [{"search_text": f"  {word}"} for word in sorted(words)],
    )
    print(f"{rows} entries, {len(words)} words")


def tidy() -> None:
    """Do what PostgreSQL's autovacuum does within a minute."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE search_entry"))
            connection.execute(text("VACUUM ANALYZE search_word"))


def measure(actors: dict[str, access.Actor]) -> None:
    """Print for each query and reader the median, the least and this process's own time in ms, and the matches."""
    print(f"{'query':32}" + "".join(f"{name:>28}" for name in actors))
    for name, query in QUERIES.items():
        line = f"{name:32}"
        for actor in actors.values():
            taken, own, found = [], [], 0
            for _time in range(REPEATS):
                db.session.remove()
                session = db.session()
                access.act_as(session, actor)
                session.execute(text("SELECT 1"))
                begun, busy = time.perf_counter(), time.process_time()
                found = len(find.search(session, query, among=SHARES).hits)
                taken.append((time.perf_counter() - begun) * 1000)
                own.append((time.process_time() - busy) * 1000)
            line += f"{statistics.median(taken):9.1f}{min(taken):7.1f}{statistics.median(own):7.1f} ({found:2})"
        print(line)


def people(session: Session) -> dict[str, access.Actor]:
    """Return readers of each width: the system, and the owners of a tenth and of a thousandth."""
    named = text("SELECT id FROM ab_user WHERE username IN ('many', 'few') ORDER BY id")
    found = session.execute(named).scalars().all()
    return {
        "all": access.SYSTEM,
        "own, 10 %": access.Actor(found[0], "one", Scope.own),
        "own, few": access.Actor(found[1], "other", Scope.own),
        "teams without rows": access.Actor(found[1], "third", Scope.subtree, team_ids=frozenset({1, 2})),
    }


def make_people(app: Flask) -> list[int | None]:
    """Make the owners: one of a tenth of the rows, one of a thousandth."""
    from app.services import user as users

    with app.app_context():
        access.act_as(db.session(), access.SYSTEM)
        with unit_of_work(db.session()) as session:
            made = [
                users.make(
                    session,
                    username=name,
                    first_name=name,
                    last_name="B.",
                    email=f"{name}@example.org",
                    password=PASSWORD,
                    roles=[],
                )
                for name in ("many", "few")
            ]
            keys = [user.id for user in made]
    return [keys[0]] * 100 + [keys[1]] + [None] * 899


def main() -> None:
    """Read the wishes, fill, measure."""
    reader = argparse.ArgumentParser(description="How long finding anything takes")
    reader.add_argument("--rows", type=int, default=100_000)
    reader.add_argument("--records", action="store_true", help="the demo company instead of generated entries")
    wish = reader.parse_args()
    with tempfile.TemporaryDirectory(prefix="countinghouse-find-") as folder:
        server = os.environ.get("CRM_TEST_DATABASE_URL")
        url = f"sqlite:///{folder}/find.db"
        if server:
            from tests.servers import create_database

            url = create_database(server, "crm_find")
        app, taken = build(settings(url, Path(folder)), wish.rows if wish.records else SMALLEST)
        owners = make_people(app)
        with app.app_context():
            access.act_as(db.session(), access.SYSTEM)
            begun = time.perf_counter()
            with unit_of_work(db.session()) as session:
                if wish.records:
                    print(find.rebuild(session), f"{time.perf_counter() - begun:.1f} s, all anew; demo {taken:.1f} s")
                else:
                    fill(session, wish.rows, owners)
                    print(f"written in {time.perf_counter() - begun:.1f} s")
            tidy()
            actors = people(db.session())
            measure({name: actor for name, actor in actors.items() if name == "all" or not wish.records})
            db.session.remove()
            db.engine.dispose()


if __name__ == "__main__":
    main()
