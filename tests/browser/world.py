"""A small company to look at: an application with a database of its own, counterparties in four scripts, a real server.

    python -m tests.browser.world FOLDER PORT forty|demo|empty

makes the database in FOLDER (forty counterparties, the demo company, or nothing) and serves it on 127.0.0.1.
"""

import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.servers import Server

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "correct horse battery"

# name, country, tax number, phone, e-mail without its end, city, contact person
COMPANIES = (
    ("Tulpen & Zonen B.V.", "NL", "NL854502130B01", "020 624 1111", "info@tulpen-zonen", "Amsterdam", "Sanne de Vries"),
    ("Van der Berg Kozijnen B.V.", "NL", "NL854641737B03", "010 413 2200", "verkoop@vdbkozijnen", "Rotterdam",
     "Bram van der Berg"),
    ("Scheepswerf De Hoop", "NL", "NL824061317B03", "0517 413 300", "werf@dehoop", "Harlingen", "Femke Dijkstra"),
    ("Bakkerij Het Stoepje", "NL", "NL807715785B03", "030 231 4050", None, "Utrecht", "Joost Bakker"),
    ("Koster Elektrotechniek", "NL", "NL820523914B02", "050 312 7788", "service@koster-et", "Groningen",
     "Anouk Koster"),
    ("Fietsenfabriek Zuiderzee B.V.", "NL", "NL871739410B01", "036 534 9090", "sales@zuiderzee-fiets",
     "Almere", "Thijs Mulder"),
    ("Grachtenhotel De Drie Haringen", "NL", "NL859916121B03", "020 555 7300", "frontoffice@drieharingen",
     "Amsterdam", "Lotte Visser"),
    ("Jansen Transport en Opslag", "NL", "NL803994973B03", "0180 441 230", "planning@jansentransport",
     "Barendrecht", "Ruud Jansen"),
    ("ООО «Ромашка»", "RU", "7707083893", "8 (495) 123-45-67", "info@romashka", "Москва", "Ирина Соколова"),
    ("ООО «Северные окна»", "RU", "7702659816", "8 (812) 334-20-11", "zakaz@sevokna", "Санкт-Петербург", "Павел Ёлкин"),
    ("АО «Уралмашкомплект»", "RU", "7728776338", "8 (343) 226-14-40", "snab@uralmk", "Екатеринбург", "Олег Шестаков"),
    ("ИП Щукина Марина Львовна", "RU", None, "8 (926) 700-18-18", "salon@shchukina", "Москва", "Марина Щукина"),
    ("ООО «Волга-Логистик»", "RU", "7745285393", "8 (831) 410-77-30", "tender@volgalog", "Нижний Новгород",
     "Тимур Гареев"),
    ("ООО «Чайная комната»", "RU", "7731302955", "8 (495) 641-09-90", None, "Москва", "Анна Берёзкина"),
    ("ООО «НПО «Прецизионные измерительные системы»", "RU", "7740951385", "8 (499) 905-55-01",
     "office@npo-pis", "Зеленоград", "Юрий Подъячев"),
    ("Туристическое бюро «Меридиан»", "RU", "7762098481", "8 (863) 299-41-15", "tour@meridian",
     "Ростов-на-Дону", "Ольга Цветкова"),
    ("«Արարատ Շին» ՍՊԸ", "AM", "00123453", "010 52 34 56", "info@araratshin", "Երևան", "Անի Հակոբյան"),
    ("«Մասիս Տուր» ՍՊԸ", "AM", None, "010 58 11 20", "booking@masistour", "Երևան", "Գոռ Սարգսյան"),
    ("«Գարուն» ԱՁ Նարե Պետրոսյան", "AM", None, "091 42 30 30", "nare@garun", "Գյումրի", "Նարե Պետրոսյան"),
    ("«Սևանի Ձուկ» ՓԲԸ", "AM", None, "0261 2 30 40", "vacharq@sevanfish", "Սևան", "Տիգրան Մկրտչյան"),
    ("«Նոյ» Գինեգործարան", "AM", None, "0235 9 10 20", "export@noywine", "Արտաշատ", "Լիլիթ Ավետիսյան"),
    ("«Դիլիջան» Հյուրատուն", "AM", None, "0268 2 44 55", "stay@dilijan", "Դիլիջան", "Վահե Գրիգորյան"),
    ("Harbour & Quill Ltd", "GB", None, "020 7946 0991", "accounts@harbourquill", "London", "Edith Moore"),
    ("Northgate Stationers", "GB", None, "0161 496 0345", "orders@northgate", "Manchester", "Callum Reid"),
    ("Alder Peak Outfitters, Inc.", "US", None, "(212) 555-0142", "hello@alderpeak", "New York", "Dana Whitfield"),
    ("Ferme du Moulin Bleu", "FR", None, "01 42 68 53 00", "contact@moulinbleu", "Lyon", "Élodie Fournier"),
    ("Gebrüder Öztürk Großhandel", "DE", None, "030 23125 555", "einkauf@oeztuerk", "Berlin", "Jürgen Öztürk"),
    ("Żabka i Syn, Łódź", "PL", None, "22 555 01 23", None, "Łódź", "Małgorzata Żak"),
)  # fmt: skip
PERSONS = (
    ("Ирина Аркадьевна Соколова", "RU", "8 (903) 555-12-34"), ("Елена Журавлёва", "RU", "8 (916) 555-88-01"),
    ("Анаит Мелконян", "AM", "093 20 10 44"), ("Արմեն Հովհաննիսյան", "AM", "094 71 22 10"),
    ("Մարիամ Ղազարյան", "AM", "077 33 90 15"), ("Noor El Amrani", "NL", "06 1234 5678"),
    ("Daan Willemsen", "NL", "06 2087 4411"), ("Isa Hendriks", "NL", None), ("Oliver Grant", "GB", "07700 900123"),
    ("Chloé Lefèvre", "FR", None), ("Пётр Ёжиков", "RU", "8 (921) 555-40-40"), ("Sofie Maes", "BE", "0470 12 34 56"),
)  # fmt: skip
_PATIENCE = 300  # seconds for the first start, which makes the whole demo company
OWNERS = ("manager", "manager2", "head", "office")
NOTE = (
    "Prefers to be called in the morning. Orders are placed by the office manager and confirmed by the director; "
    "the delivery entrance is at the back of the building."
)


def seed(session: Session) -> None:
    """Fill an empty database: people of the company, forty counterparties, a few changes to them."""
    from app.models.party import PartyKind
    from tests.factories import Made, make_users

    make_users(session, PASSWORD)
    made = Made(session)
    currency = {"NL": "EUR", "RU": "RUB", "AM": "AMD", "GB": "GBP", "US": "USD", "PL": "PLN"}
    for place, (name, country, number, phone, mailbox, city, contact) in enumerate(COMPANIES):
        address = f"{mailbox}.example" if mailbox else None
        party = made.party(
            name,
            owner=OWNERS[place % len(OWNERS)],
            country=country,
            tax_number=number,
            phone=phone,
            email=address,
            currency=currency.get(country, "EUR"),
            is_customer=place % 3 != 2,
            is_supplier=place % 4 == 2,
            source=("Web form", "Exhibition", None)[place % 3],
            credit_limit=Decimal(2500 * (place + 1)) if place % 2 else None,
            website=f"www.{address.partition('@')[2]}" if address else None,
        )
        _fill(party, city, contact, address)
        session.flush()
    for place, (name, country, mobile) in enumerate(PERSONS):
        made.party(
            name,
            owner=OWNERS[place % len(OWNERS)],
            kind=PartyKind.person,
            country=country,
            phone=mobile,
            is_customer=True,
            birthday=date(1970 + place, place + 1, 7 + place),
        )
    _change(session)


def _fill(party: Any, city: str, contact: str, email: str | None) -> None:
    from app.models.party import AddressUsage, PartyAddress, PartyContact

    streets = {"NL": "Keizersgracht 12", "RU": "ул. Садовая, д. 7, оф. 31", "AM": "Տերյան փողոց 44"}
    party.addresses = [
        PartyAddress(street=streets.get(party.country, "12 Market Street"), city=city, country=party.country)
    ]
    if party.name.startswith(("Tulpen", "ООО «Ром", "«Արարատ")):
        party.note = NOTE
        party.addresses.append(
            PartyAddress(usage=AddressUsage.delivery, street="Dock 4, gate B", city=city, country=party.country)
        )
    party.contacts = [PartyContact(name=contact, role="Director", email=email)]


def _change(session: Session) -> None:
    """Leave something in the history of the first counterparty."""
    from app.models.party import Party
    from app.services import party as parties

    party = session.execute(select(Party).order_by(Party.id).limit(1)).scalar_one()
    for changes in ({"source": "Referral"}, {"credit_limit": Decimal(7500), "is_partner": True}):
        for name, value in changes.items():
            setattr(party, name, value)
        parties.save(session, party)
        session.flush()


def serve(folder: Path, port: int, holds: str) -> None:
    """Make the database and serve it until the process ends."""
    for name in [name for name in os.environ if name.startswith("CRM_")]:
        del os.environ[name]  # nobody's installation is touched
    os.environ |= {"CRM_VAR": str(folder), "PORT": str(port), "CRM_DEMO": str(int(holds == "demo"))}
    os.environ |= {"CRM_ADMIN_PASSWORD": PASSWORD, "CRM_DEMO_PASSWORD": PASSWORD}
    from werkzeug.serving import make_server

    from app import create_app, installation
    from app.db import db, unit_of_work
    from app.models.party import Party
    from app.services import access

    app = create_app()
    installation.prepare(app)
    if holds == "forty":
        with app.app_context():
            access.act_as(db.session(), access.SYSTEM)
            with unit_of_work(db.session()) as session:
                if session.execute(select(func.count()).select_from(Party)).scalar_one() == 0:
                    seed(session)
    make_server("127.0.0.1", port, app, threaded=True).serve_forever()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def running(folder: Path, holds: str = "forty") -> Iterator[str]:
    """Serve a company that holds `forty` counterparties, the `demo` or nothing (`empty`), and return its address."""
    given = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.browser.world"]
    server = Server(
        "Countinghouse", folder, lambda port: [*given, str(folder), str(port), holds], _answers, patience=_PATIENCE
    )
    try:
        server.start()
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()


@contextmanager
def whole_program(folder: Path, **more: str) -> Iterator[str]:
    """Start the program as `make run` does, with its worker and without the demo, and return its address."""
    settings = {
        "CRM_VAR": str(folder),
        "CRM_DEMO": "0",
        "CRM_ADMIN_PASSWORD": PASSWORD,
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }
    given = [f"{name}={value}" for name, value in (settings | more).items()]
    server = Server(
        "Countinghouse",
        folder,
        lambda port: ["env", "-i", *given, f"PORT={port}", sys.executable, "-m", "app.cli", "run"],
        _answers,
        patience=_PATIENCE,
    )
    try:
        server.start()
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
