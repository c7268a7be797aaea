"""What the demo company's mailings say, in four languages."""

from typing import Final

from app.demo.team import DOMAIN

# One block: kind, text, where it leads.
Block = tuple[str, str, str | None]
Said = dict[str, tuple[str, str, tuple[Block, ...]]]  # language → subject, first line, blocks

SHOP = f"https://www.{DOMAIN}"
CATALOGUE: Final[Said] = {
    "en": (
        "{first name|Dear customer}, our new catalogue is here",
        "Sixteen new articles, and free delivery until the end of the month",
        (
            ("heading", "The new catalogue", None),
            (
                "text",
                (
                    "Dear {name|customer},\n\nour new catalogue is ready. Whatever you order until the end of the"
                    " month is delivered to {city|your door} free of charge."
                ),
                None,
            ),
            ("button", "Look at the catalogue", f"{SHOP}/en/catalogue"),
            ("columns", "Questions?\nJust answer this mail.\n---\nYour contact\n{manager|Our sales desk}", None),
            ("footer", "Prices are net of tax. {organisation}", None),
        ),
    ),
    "nl": (
        "{first name|Beste klant}, onze nieuwe catalogus is er",
        "Zestien nieuwe artikelen, en gratis bezorging tot het einde van de maand",
        (
            ("heading", "De nieuwe catalogus", None),
            (
                "text",
                (
                    "Beste {name|klant},\n\nonze nieuwe catalogus is klaar. Alles wat u tot het einde van de maand"
                    " bestelt, bezorgen wij gratis in {city|uw plaats}."
                ),
                None,
            ),
            ("button", "Bekijk de catalogus", f"{SHOP}/nl/catalogus"),
            ("columns", "Vragen?\nBeantwoord gewoon deze mail.\n---\nUw contact\n{manager|Onze verkoop}", None),
            ("footer", "Prijzen zonder btw. {organisation}", None),
        ),
    ),
    "ru": (
        "{first name|Уважаемый клиент}, вышел наш новый каталог",
        "Шестнадцать новинок и бесплатная доставка до конца месяца",
        (
            ("heading", "Новый каталог", None),
            (
                "text",
                (
                    "Здравствуйте, {name|уважаемый клиент}!\n\nВышел наш новый каталог. Всё, что вы закажете до конца"
                    " месяца, мы доставим бесплатно. Ваш город: {city|уточните при заказе}."
                ),
                None,
            ),
            ("button", "Открыть каталог", f"{SHOP}/ru/catalogue"),
            ("columns", "Есть вопросы?\nОтветьте на это письмо.\n---\nВаш менеджер\n{manager|Отдел продаж}", None),
            ("footer", "Цены указаны без НДС. {organisation}", None),
        ),
    ),
    "hy": (
        "{first name|Հարգելի հաճախորդ}, մեր նոր կատալոգը պատրաստ է",
        "Տասնվեց նորույթ և անվճար առաքում մինչև ամսվա վերջ",
        (
            ("heading", "Նոր կատալոգը", None),
            (
                "text",
                (
                    "Հարգելի՛ {name|հաճախորդ},\n\nմեր նոր կատալոգը պատրաստ է։ Այն ամենը, ինչ կպատվիրեք մինչև ամսվա"
                    " վերջ, կառաքենք անվճար։ Ձեր քաղաքը՝ {city|նշեք պատվիրելիս}։"
                ),
                None,
            ),
            ("button", "Դիտել կատալոգը", f"{SHOP}/hy/catalogue"),
            ("columns", "Հարցե՞ր ունեք\nՊատասխանեք այս նամակին։\n---\nՁեր մենեջերը\n{manager|Վաճառքի բաժին}", None),
            ("footer", "Գներն առանց ԱԱՀ են։ {organisation}", None),
        ),
    ),
}
DELIVERY: Final[Said] = {
    "en": (
        "From next month we deliver on Saturdays, too",
        "Orders of Thursday arrive on Saturday",
        (
            ("heading", "Saturdays, too", None),
            (
                "text",
                (
                    "Dear {name|customer},\n\nfrom next month we deliver on Saturdays, too. What {company|you} order by"
                    " Thursday noon arrives on Saturday."
                ),
                None,
            ),
            ("button", "Delivery days", f"{SHOP}/en/delivery"),
        ),
    ),
    "nl": (
        "Vanaf volgende maand bezorgen wij ook op zaterdag",
        "Besteld op donderdag, bezorgd op zaterdag",
        (
            ("heading", "Ook op zaterdag", None),
            (
                "text",
                (
                    "Beste {name|klant},\n\nvanaf volgende maand bezorgen wij ook op zaterdag. Een bestelling van"
                    " {company|u} vóór donderdagmiddag komt zaterdag aan."
                ),
                None,
            ),
            ("button", "Bezorgdagen", f"{SHOP}/nl/bezorging"),
        ),
    ),
    "ru": (
        "Со следующего месяца доставляем и по субботам",
        "Заказ в четверг — доставка в субботу",
        (
            ("heading", "Теперь и по субботам", None),
            (
                "text",
                (
                    "Здравствуйте, {name|уважаемый клиент}!\n\nСо следующего месяца мы доставляем и по субботам."
                    " Заказы, сделанные до полудня четверга, приедут в субботу. Получатель: {company|вы}."
                ),
                None,
            ),
            ("button", "Дни доставки", f"{SHOP}/ru/delivery"),
        ),
    ),
    "hy": (
        "Հաջորդ ամսվանից առաքում ենք նաև շաբաթ օրերին",
        "Պատվեր հինգշաբթի, առաքում՝ շաբաթ",
        (
            ("heading", "Նաև շաբաթ օրերին", None),
            (
                "text",
                (
                    "Հարգելի՛ {name|հաճախորդ},\n\nհաջորդ ամսվանից առաքում ենք նաև շաբաթ օրերին։ Մինչև հինգշաբթի կեսօր"
                    " արված պատվերները տեղ կհասնեն շաբաթ օրը։ Ստացող՝ {company|դուք}։"
                ),
                None,
            ),
            ("button", "Առաքման օրերը", f"{SHOP}/hy/delivery"),
        ),
    ),
}
PICK_UP: Final[dict[str, str]] = {
    "en": "{first name|Hello}, your order is ready to be picked up at Veenkade 12 until 18:00. {organisation}",
    "nl": "{first name|Hallo}, uw bestelling ligt tot 18.00 uur klaar op Veenkade 12. {organisation}",
    "ru": "{first name|Здравствуйте}, ваш заказ готов: Veenkade 12, до 18:00. {organisation}",
    "hy": "{first name|Բարև ձեզ}, ձեր պատվերը պատրաստ է՝ Veenkade 12, մինչև 18:00։ {organisation}",
}
