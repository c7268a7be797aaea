"""The words of the templates that come with the program, in each language: they are data, staff change them."""

from typing import Final

_GROSS: Final = '<span data-field="open"></span>'
_DUE: Final = '<span data-field="due"></span>'
_NUMBER: Final = '<span data-field="number"></span>'
_DAY: Final = '<span data-field="made_on"></span>'
WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "date": "Date",
        "reference": "Your reference",
        "valid_until": "Valid until",
        "due": "Due on",
        "order": "Order",
        "carrier": "Carrier",
        "received": "The goods were received complete and undamaged.",
        "accepted": "The work was done in full and accepted; neither side has claims.",
        "dear": "Dear Sir or Madam,",
        "overdue": f"our invoice {_NUMBER} was due on {_DUE}; {_GROSS} of it is still open. "
        "If you have paid in the meantime, please regard this letter as settled.",
        "stated": f"On {_DAY} the following was open:",
        "pay": "Please pay to",
        "regards": "Yours sincerely,",
        "document": "Document",
        "open": "Open",
        "balance": "Balance",
    },
    "nl": {
        "date": "Datum",
        "reference": "Uw kenmerk",
        "valid_until": "Geldig tot en met",
        "due": "Te betalen vóór",
        "order": "Order",
        "carrier": "Vervoerder",
        "received": "De goederen zijn compleet en onbeschadigd ontvangen.",
        "accepted": "De werkzaamheden zijn volledig uitgevoerd en goedgekeurd; partijen hebben niets te vorderen.",
        "dear": "Geachte heer, mevrouw,",
        "overdue": f"onze factuur {_NUMBER} had op {_DUE} betaald moeten zijn; hiervan staat nog {_GROSS} open. "
        "Heeft u inmiddels betaald, dan kunt u deze brief als niet verzonden beschouwen.",
        "stated": f"Op {_DAY} stond het volgende open:",
        "pay": "U kunt betalen op",
        "regards": "Met vriendelijke groet,",
        "document": "Document",
        "open": "Open",
        "balance": "Saldo",
    },
    "ru": {
        "date": "Дата",
        "reference": "Ваш номер",
        "valid_until": "Действительно до",
        "due": "Оплатить до",
        "order": "Заказ",
        "carrier": "Перевозчик",
        "received": "Товар получен полностью и без повреждений.",
        "accepted": "Работы выполнены полностью и в срок; стороны претензий друг к другу не имеют.",
        "dear": "Здравствуйте!",
        "overdue": f"Срок оплаты нашего счёта {_NUMBER} истёк {_DUE}; не оплачено {_GROSS}. "
        "Если вы уже оплатили счёт, пожалуйста, не обращайте внимания на это письмо.",
        "stated": f"На {_DAY} не оплачено:",
        "pay": "Реквизиты для оплаты",
        "regards": "С уважением,",
        "document": "Документ",
        "open": "Не оплачено",
        "balance": "Итого задолженность",
    },
    "hy": {
        "date": "Ամսաթիվ",
        "reference": "Ձեր համարը",
        "valid_until": "Ուժի մեջ է մինչև",
        "due": "Վճարման ժամկետը",
        "order": "Պատվեր",
        "carrier": "Փոխադրող",
        "received": "Ապրանքը ստացվել է ամբողջությամբ և անվնաս։",
        "accepted": "Աշխատանքները կատարվել են ամբողջությամբ և ընդունվել են. կողմերը պահանջներ չունեն։",
        "dear": "Հարգելի՛ գործընկեր,",
        "overdue": f"մեր {_NUMBER} հաշվի վճարման ժամկետը լրացել է {_DUE}. դեռ չի վճարվել {_GROSS}։ "
        "Եթե արդեն վճարել եք, խնդրում ենք անտեսել այս նամակը։",
        "stated": f"{_DAY} դրությամբ չի վճարվել՝",
        "pay": "Վճարման տվյալներ",
        "regards": "Հարգանքով՝",
        "document": "Փաստաթուղթ",
        "open": "Չվճարված",
        "balance": "Ընդհանուր պարտքը",
    },
}


def of(language: str) -> dict[str, str]:
    """Return the words in a language, in English where there are none."""
    return WORDS.get(language, WORDS["en"])
