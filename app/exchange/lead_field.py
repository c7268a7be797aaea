"""What a column of a file may say of a lead, and how people head it in four languages."""

from collections.abc import Sequence

from app.exchange.party_field import Field, key
from app.i18n import lazy_gettext as _l

FIELDS: dict[str, Field] = {
    "name": Field(
        _l("Full name"),
        "name",
        "name; full name; contact; contact name; contact person; first name; имя; фио; контакт; контактное лицо;"
        "անուն; անուն ազգանուն; կոնտակտ; naam; volledige naam; contactpersoon; voornaam",
    ),
    "company": Field(
        _l("Company"),
        "company",
        "company; company name; organisation; organization; business; компания; организация; название компании;"
        "ընկերություն; կազմակերպություն; bedrijf; bedrijfsnaam; organisatie",
    ),
    "phone": Field(
        _l("Phone"),
        "phone",
        "phone; telephone; phone number; mobile; mobile phone; cell; tel; телефон; номер телефона; мобильный;"
        "мобильный телефон; тел; հեռախոս; հեռախոսահամար; բջջային; telefoon; telefoonnummer; mobiel; gsm",
    ),
    "email": Field(
        _l("E-mail"),
        "email",
        "email; mail; email address; почта; электронная почта; эл. почта; эл. адрес; էլ. փոստ; էլփոստ; էլ. հասցե;"
        "mailadres; emailadres",
    ),
    "text": Field(
        _l("Text"),
        "text",
        "text; message; question; request; comment; comments; note; notes; description; текст; сообщение; вопрос;"
        "запрос; комментарий; примечание; заявка; описание; տեքստ; հաղորդագրություն; հարց; հարցում; մեկնաբանություն;"
        "tekst; bericht; vraag; aanvraag; opmerking; omschrijving",
    ),
    "country": Field(_l("Country"), "country", "country; страна; երկիր; land"),
    "region": Field(
        _l("Region"),
        "region",
        "region; province; state; city; town; регион; область; город; մարզ; քաղաք; regio; provincie;plaats; stad",
    ),
    "language": Field(_l("Language"), "language", "language; язык; լեզու; taal"),
    "priority": Field(_l("Priority"), "priority", "priority; приоритет; առաջնահերթություն; prioriteit"),
    "page": Field(_l("Page"), "page", "page; url; landing page; страница; էջ; pagina"),
    "referrer": Field(_l("Came from"), "referrer", "referrer; referer; откуда; verwijzer"),
    "utm_source": Field(_l("Advertised at"), "utm_source", "utm_source; utm source"),
    "utm_medium": Field(_l("Medium"), "utm_medium", "utm_medium; utm medium"),
    "utm_campaign": Field(_l("Campaign"), "utm_campaign", "utm_campaign; utm campaign"),
    "utm_term": Field(_l("Search term"), "utm_term", "utm_term; utm term"),
    "utm_content": Field(_l("Content of the advertisement"), "utm_content", "utm_content; utm content"),
    "id": Field(
        _l("External number"), "id", "lead id; external id; request id; номер заявки; id заявки; aanvraagnummer"
    ),
}
_HEADINGS = {key(name): field for field, about in FIELDS.items() for name in about.names.split(";") if name.strip()}


def guess(columns: Sequence[str]) -> dict[str, str]:
    """Return the fields that columns are headed by, each field once: the first column that says it has it."""
    found: dict[str, str] = {}
    for column in columns:
        name = _HEADINGS.get(key(column))
        if name is not None and name not in found.values():
            found[column] = name
    return found
