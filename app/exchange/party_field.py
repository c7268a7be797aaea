"""What a column of a file may say of a counterparty: the fields, and how people head them in four languages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.i18n import lazy_gettext as _l
from app.search import fold


@dataclass(frozen=True)
class Field:
    """A field of the file.

    `target` is the field of the rules that it fills ("tax_number" for the ИНН); `country` is the one whose
    counterparties have it; `names` are headings, compared folded and without blanks.
    """

    label: Any
    target: str
    names: str
    country: str | None = None


FIELDS: dict[str, Field] = {
    "name": Field(
        _l("Name"),
        "name",
        "name; company; company name; organisation; organization; customer; customer name; client; client name;"
        "supplier; supplier name; counterparty; business name; trade name; full name; party; display name;"
        "название; наименование; компания; организация; контрагент; клиент; покупатель; поставщик; имя; фио;"
        "наименование контрагента; наименование организации; краткое наименование; сокращенное наименование;"
        "название компании; название организации; имя клиента;"
        "անվանում; անուն; ընկերություն; կազմակերպություն; հաճախորդ; գործընկեր; պատվիրատու; գնորդ; մատակարար;"
        "կազմակերպության անվանումը; ընկերության անվանումը; անվանումը;"
        "naam; bedrijf; bedrijfsnaam; organisatie; klant; klantnaam; relatie; relatienaam; leverancier; handelsnaam",
    ),
    "legal_name": Field(
        _l("Legal name"),
        "legal_name",
        "legal name; registered name; full legal name; полное наименование; юридическое название; юр. название;"
        "полное название; юридическое наименование; լրիվ անվանում; իրավաբանական անվանում;"
        "statutaire naam; juridische naam; officiele naam",
    ),
    "kind": Field(
        _l("Kind"),
        "kind",
        "kind; party kind; legal form; вид; вид контрагента; юр/физ лицо; юр. / физ. лицо; физ/юр лицо;"
        "тип лица; տեսակ; soort; rechtsvorm; soort relatie",
    ),
    "inn": Field(_l("INN (Russia)"), "tax_number", "inn; инн; инн контрагента; инн организации", "RU"),
    "kpp": Field(_l("KPP (Russia)"), "tax_branch", "kpp; кпп", "RU"),
    "ogrn": Field(
        _l("OGRN (Russia)"), "registration_number", "ogrn; ogrnip; огрн; огрнип; огрн/огрнип; огрн(ип)", "RU"
    ),
    "btw": Field(
        _l("VAT number (Netherlands)"),
        "tax_number",
        "btw; btw-nummer; btwnr; btw nr; btw-id; btw-identificatienummer; btw id; btw-nr.",
        "NL",
    ),
    "kvk": Field(
        _l("Chamber of commerce number (Netherlands)"),
        "registration_number",
        "kvk; kvk-nummer; kvk nr; kvknr; kvk-nr.; kamer van koophandel; kvk number; coc number; coc",
        "NL",
    ),
    "hvhh": Field(_l("Tax code (Armenia)"), "tax_number", "hvhh; հվհհ; tin; հարկ վճարողի հաշվառման համար", "AM"),
    "vat": Field(
        _l("VAT or tax number"),
        "tax_number",
        "vat; vat number; vat no; vat id; vat nr; vat registration number; tax number; tax id; tax no; tax code;"
        "fiscal number; taxpayer id; налоговый номер; номер налогоплательщика; унп; бин; հարկային համար; հարկային կոդ;"
        "fiscaal nummer; ust-idnr.; ust-id",
    ),
    "tax_branch": Field(_l("Tax branch"), "tax_branch", "tax branch; branch code; код филиала"),
    "registration_number": Field(
        _l("Registration number"),
        "registration_number",
        "registration number; company number; registration no; reg. no.; reg no; trade register number;"
        "регистрационный номер; рег. номер; գրանցման համար; պետական գրանցման համար; registratienummer; handelsregister",
    ),
    "country": Field(_l("Country"), "country", "country; country code; страна; код страны; երկիր; land; landcode"),
    "phone": Field(
        _l("Phone"),
        "phone",
        "phone; phone number; phones; telephone; tel; tel.; mobile; mobile phone; cell; cell phone; telephone number;"
        "телефон; телефоны; номер телефона; тел; тел.; мобильный; мобильный телефон; рабочий телефон; телефон компании;"
        "հեռախոս; հեռախոսահամար; հեռ.; բջջային; telefoon; telefoonnummer; tel.nr.; mobiel; gsm; mobiele telefoon",
    ),
    "email": Field(
        _l("E-mail"),
        "email",
        "email; e-mail; email address; e-mail address; mail; почта; эл. почта; электронная почта; эл почта; емейл;"
        "имейл; адрес электронной почты; e-mail компании; էլ. փոստ; էլփոստ; էլ. հասցե; էլեկտրոնային փոստ;"
        "e-mailadres; mailadres; emailadres",
    ),
    "website": Field(
        _l("Website"),
        "website",
        "website; web site; web; site; url; homepage; www; сайт; веб-сайт; вебсайт; адрес сайта; կայք; վեբ կայք;"
        "webpagina; internetadres; webadres; internet",
    ),
    "street": Field(
        _l("Street"),
        "addresses-0-street",
        "street; street address; address line 1; address1; улица; улица, дом; փողոց; straat; straat en huisnummer;"
        "straatnaam",
    ),
    "address": Field(
        _l("Address in one line"),
        "addresses-0-street",
        "address; full address; legal address; registered address; postal address; адрес; юридический адрес;"
        "юр. адрес; почтовый адрес; фактический адрес; полный адрес; адрес организации; հասցե; իրավաբանական հասցե;"
        "adres; vestigingsadres; postadres; bezoekadres",
    ),
    "postal_code": Field(
        _l("Postal code"),
        "addresses-0-postal_code",
        "postal code; postcode; zip; zip code; post code; индекс; почтовый индекс; փոստային ինդեքս;"
        "ինդեքս; փոստային կոդ",
    ),
    "city": Field(
        _l("City"),
        "addresses-0-city",
        "city; town; place; locality; город; населенный пункт; нас. пункт; քաղաք; բնակավայր; plaats; stad; woonplaats;"
        "vestigingsplaats; plaatsnaam",
    ),
    "region": Field(
        _l("Region"),
        "addresses-0-region",
        "region; state; province; county; регион; область; край; субъект рф; մարզ; provincie; regio",
    ),
    "contact": Field(
        _l("Contact person"),
        "contacts-0-name",
        "contact; contact person; contact name; attention; attn; контакт; контактное лицо; контактное лицо (фио);"
        "фио контактного лица; представитель; կոնտակտային անձ; կոնտակտ; կապի անձ; contactpersoon; t.a.v.; tav",
    ),
    "contact_role": Field(
        _l("Position of the contact person"),
        "contacts-0-role",
        "position; job title; contact position; должность; должность контактного лица; պաշտոն; functie",
    ),
    "contact_phone": Field(
        _l("Phone of the contact person"),
        "contacts-0-phone",
        "contact phone; contact person phone; contact mobile; телефон контактного лица; контактный телефон;"
        "телефон контакта; կոնտակտային հեռախոս; կոնտակտային անձի հեռախոս; telefoon contactpersoon;"
        "mobiel contactpersoon",
    ),
    "contact_email": Field(
        _l("E-mail of the contact person"),
        "contacts-0-email",
        "contact email; contact e-mail; contact person email; email контактного лица; e-mail контактного лица;"
        "почта контактного лица; контактный email; կոնտակտային էլ. փոստ; e-mail contactpersoon; email contactpersoon",
    ),
    "iban": Field(_l("IBAN"), "bank_accounts-0-iban", "iban; iban-nummer; iban number; ибан; iban nr"),
    "account": Field(
        _l("Account number"),
        "bank_accounts-0-account",
        "account number; bank account; bank account number; account no; расчетный счет; р/с; р/счет; рс; рсчет; счет;"
        "номер счета; банковский счет; հաշվեհամար; բանկային հաշիվ; հաշվի համար; rekeningnummer; bankrekening;"
        "bankrekeningnummer",
    ),
    "bic": Field(_l("BIC"), "bank_accounts-0-bic", "bic; swift; bic/swift; swift/bic; swift code; bic code; свифт"),
    "bik": Field(_l("BIK (Russia)"), "bank_accounts-0-bik", "bik; бик; бик банка"),
    "correspondent_account": Field(
        _l("Correspondent account (Russia)"),
        "bank_accounts-0-correspondent_account",
        "correspondent account; корреспондентский счет; корр. счет; корсчет; к/с; кор. счет; корр счет",
    ),
    "bank_name": Field(
        _l("Bank"),
        "bank_accounts-0-bank_name",
        "bank; bank name; банк; наименование банка; название банка; բանկ; banknaam",
    ),
    "type": Field(
        _l("Customer, supplier, partner: in words"),
        "type",
        "type; relation; relation type; party type; тип; тип контрагента; роль; отношение; տիպ; type relatie;"
        "relatietype",
    ),
    "is_customer": Field(
        _l("Customer: yes or no"),
        "is_customer",
        "is customer; это клиент; является клиентом; է հաճախորդ; is klant",
    ),
    "is_supplier": Field(
        _l("Supplier: yes or no"),
        "is_supplier",
        "is supplier; это поставщик; является поставщиком; է մատակարար; is leverancier",
    ),
    "is_partner": Field(
        _l("Partner: yes or no"),
        "is_partner",
        "is partner; это партнер; является партнером; է գործընկեր; is partner",
    ),
    "note": Field(
        _l("Note"),
        "note",
        "note; notes; comment; comments; remark; remarks; description; комментарий; комментарии; примечание;"
        "примечания; заметка; заметки; описание; նշում; նշումներ; մեկնաբանություն; notitie; notities; opmerking;"
        "opmerkingen; omschrijving; toelichting",
    ),
    "language": Field(_l("Language"), "language", "language; язык; լեզու; taal; correspondentietaal"),
    "currency": Field(_l("Currency"), "currency", "currency; currency code; валюта; արժույթ; valuta; munt"),
    "external_id": Field(
        _l("External number"),
        "external_id",
        "external id; external number; customer id; customer number; customer no; client id; client number;"
        "debtor number; код контрагента; код клиента; номер клиента; внешний код; внешний номер; հաճախորդի կոդ;"
        "հաճախորդի համար; klantnummer; debiteurnummer; relatienummer; debiteurennummer; klantcode",
    ),
    "birthday": Field(
        _l("Birthday"),
        "birthday",
        "birthday; date of birth; birth date; день рождения; дата рождения; ծննդյան օր; ծննդյան ամսաթիվ; geboortedatum;"
        "verjaardag",
    ),
    "credit_limit": Field(
        _l("Credit limit"),
        "credit_limit",
        "credit limit; кредитный лимит; лимит кредита; лимит; վարկային սահման; վարկային սահմանաչափ; kredietlimiet;"
        "kredietlimit",
    ),
    "source": Field(_l("Source"), "source", "source; lead source; источник; աղբյուր; bron; herkomst"),
    "owner": Field(
        _l("Owner (user name)"),
        "owner",
        "owner; account manager; responsible; assigned to; ответственный; менеджер; владелец; պատասխանատու; մենեջեր;"
        "eigenaar; accountmanager; verantwoordelijke",
    ),
}
IGNORED = frozenset({"tags", "-", "ignore"})  # may be named in a mapping, and are left out
OF_PROBLEMS = frozenset({"row", "column", "reason"})  # what our own file of errors adds


def key(heading: str) -> str:
    """Return a heading as headings are compared: "E-Mail" and "e mail" are "email"."""
    return fold(heading).replace(" ", "")


def _headings() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, field in FIELDS.items():
        for heading in (name, *field.names.split(";")):
            found.setdefault(key(heading), name)
    return found


_HEADINGS = _headings()


def guess(columns: Sequence[str]) -> dict[str, str]:
    """Return the fields that columns are headed by, each field once: the first column that says it has it.

    A bare "id" or "code" is left to the reader: two programs number their customers from 1.
    """
    found: dict[str, str] = {}
    for column in columns:
        name = _HEADINGS.get(key(column))
        if name is not None and name not in found.values():
            found[column] = name
    return found
