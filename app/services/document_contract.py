"""The words of the contract templates that come with the program, in each language: they are data, staff change them.

Numbers stand in brackets after what they count: a template does not know whether it is one month or two.
"""

from typing import Final


def _field(name: str) -> str:
    return f'<span data-field="{name}"></span>'


def _where(name: str, text: str) -> str:
    """Return a part of a sentence that is there when a field is filled."""
    return f'<span data-if="{name}">{text}</span>'


def _holds(text: str, until: str, for_ever: str) -> str:
    """Return from when to when a contract holds; an amendment without a last day of its own says nothing of one."""
    last = _where("valid_until", f" {until} {_field('valid_until')}")
    endless = f'<span data-unless="valid_until"><span data-unless="amends"> {for_ever}</span></span>'
    return f"{text} {_field('valid_from')}{last}{endless}."


def _signs(text: str, signer: str, form: str = "") -> str:
    """Return who signs for a side, in a case of the Russian language where one is given."""
    person, position = f"{signer}.person{form}", f"{signer}.position{form}"
    if form:
        return f"{text} {_where(signer + '.position', _field(position) + ' ')}{_field(person)}"
    return f"{text} {_field(person)}{_where(signer + '.position', ', ' + _field(position))}"


_AMENDMENT, _AMENDS = _field("amendment"), _field("amends")
_MONTHS, _DAYS = _field("renew_months"), _field("notice_days")
WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "amending": f"Amendment {_AMENDMENT} to contract {_AMENDS}",
        "and": "and",
        "agree": "agree as follows.",
        "registered": "registration number",
        "ours": _signs("represented by", "ours"),
        "theirs": _signs("represented by", "theirs"),
        "subject": "Subject",
        "terms": "Terms",
        "price": "Price",
        "duration": "Duration",
        "holds": _holds("In force from", "up to and including", "for an indefinite period"),
        "renewed": f"After its last day it is renewed (by months: {_MONTHS}) unless one side gives notice "
        f"(days before the end, at least: {_DAYS}).",
        "renewable": "After its last day it goes on when both sides agree in writing.",
        "rest": "Everything else stays as it was agreed.",
        "copies": "Each side receives one copy; both copies have equal force.",
    },
    "nl": {
        "amending": f"Addendum {_AMENDMENT} bij contract {_AMENDS}",
        "and": "en",
        "agree": "komen het volgende overeen.",
        "registered": "KvK-nummer",
        "ours": _signs("vertegenwoordigd door", "ours"),
        "theirs": _signs("vertegenwoordigd door", "theirs"),
        "subject": "Onderwerp",
        "terms": "Voorwaarden",
        "price": "Prijs",
        "duration": "Duur",
        "holds": _holds("Van kracht vanaf", "tot en met", "voor onbepaalde tijd"),
        "renewed": f"Na afloop wordt het contract verlengd (aantal maanden: {_MONTHS}), tenzij een van de partijen "
        f"opzegt (uiterlijk, in dagen vóór het einde: {_DAYS}).",
        "renewable": "Na afloop loopt het contract door als beide partijen daarmee schriftelijk instemmen.",
        "rest": "Voor het overige blijft het contract ongewijzigd.",
        "copies": "Elke partij ontvangt één exemplaar; beide exemplaren zijn gelijkwaardig.",
    },
    "ru": {
        "amending": f"Дополнительное соглашение № {_AMENDMENT} к договору {_AMENDS}",
        "and": "и",
        "agree": "договорились о нижеследующем.",
        "registered": "регистрационный номер",
        "ours": _signs("в лице", "ours", ".genitive"),
        "theirs": _signs("в лице", "theirs", ".genitive"),
        "subject": "Предмет",
        "terms": "Условия",
        "price": "Цена",
        "duration": "Срок действия",
        "holds": _holds("Действует с", "по", "бессрочно"),
        "renewed": f"По окончании срока действия продлевается (месяцев: {_MONTHS}), если ни одна из сторон не заявит "
        f"об отказе (дней до окончания, не менее: {_DAYS}).",
        "renewable": "По окончании срока действия продлевается по письменному согласию обеих сторон.",
        "rest": "В остальном условия договора остаются неизменными.",
        "copies": "Составлено в двух экземплярах равной силы, по одному для каждой стороны.",
    },
    "hy": {
        "amending": f"{_AMENDS} պայմանագրի թիվ {_AMENDMENT} լրացուցիչ համաձայնագիր",
        "and": "և",
        "agree": "պայմանավորվեցին հետևյալի մասին։",
        "registered": "գրանցման համարը՝",
        "ours": _signs("ներկայացուցիչ՝", "ours"),
        "theirs": _signs("ներկայացուցիչ՝", "theirs"),
        "subject": "Առարկան",
        "terms": "Պայմանները",
        "price": "Գինը",
        "duration": "Գործողության ժամկետը",
        "holds": _holds("Ուժի մեջ է՝ սկսած", "մինչև ներառյալ", "անորոշ ժամկետով").replace("</span>.", "</span>։"),
        "renewed": f"Ժամկետի ավարտից հետո երկարաձգվում է (ամիսներ՝ {_MONTHS}), եթե կողմերից մեկը չի հրաժարվում "
        f"(ավարտից առնվազն օր առաջ՝ {_DAYS})։",
        "renewable": "Ժամկետի ավարտից հետո երկարաձգվում է երկու կողմերի գրավոր համաձայնությամբ։",
        "rest": "Մնացած պայմանները մնում են անփոփոխ։",
        "copies": "Կազմված է երկու հավասարազոր օրինակից՝ մեկական յուրաքանչյուր կողմի համար։",
    },
}


def body(language: str, *, letterhead: str, name: str) -> str:
    """Return a contract as its card has it, in English where a language has no words; it serves amendments too."""
    said = WORDS.get(language, WORDS["en"])
    sums = f"{_field('amount')} ({_field('amount.words')}){_where('tax_note', ', ' + _field('tax_note'))}"
    return (
        f'{letterhead}<h1 data-unless="amends">{name} {_field("number")}</h1>'
        f'<h1 data-if="amends">{said["amending"]}</h1>'
        f'<p class="right">{_where("place", _field("place") + ", ")}{_field("made_on")}</p>'
        f"<p>{_side('seller', 'ours', said)} {said['and']}</p><p>{_side('buyer', 'theirs', said)}</p>"
        f"<p>{said['agree']}</p><h3>{said['subject']}</h3><p>{_field('subject')}</p>"
        f'<h3 data-if="terms">{said["terms"]}</h3><p class="lines" data-if="terms">{_field("terms")}</p>'
        f'<h3 data-if="amount">{said["price"]}</h3><p data-if="amount">{sums}</p>'
        f"<h3>{said['duration']}</h3><p>{said['holds']}</p>"
        f'<p data-if="is_renewed">{said["renewed"]}</p><p data-if="is_renewable">{said["renewable"]}</p>'
        f'<p data-if="amends">{said["rest"]}</p><p>{said["copies"]}</p><div data-block="signatures"></div>'
    )


def _side(who: str, signer: str, said: dict[str, str]) -> str:
    """Return how a side is told: its name, number, address, and who signs for it."""
    number, address = f"{who}.registration_number", f"{who}.address"
    parts = (
        _where(number, f", {said['registered']} {_field(number)}"),
        _where(address, f", {_field(address)}"),
        _where(f"{signer}.person", f", {said[signer]}"),
    )
    return f"<b>{_field(who + '.name')}</b>{''.join(parts)}"
