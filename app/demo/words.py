"""Words that the demo company's world is made of: names, trades, towns and streets in four languages, none of anybody.

Every list is combined with others at random, so a firm or a person of the demo data stands for nobody; addresses on
the net end in `.example` and telephone numbers lie in blocks that are not given to subscribers or are kept for fiction.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Town:
    """A town with the beginning of its postal codes and its telephone block.

    Shape: in `postal` each `#` becomes a digit and each `@` a letter; `phone` is E.164 with `#` likewise.
    """

    name: str
    region: str | None
    postal: str
    phone: str


@dataclass(frozen=True)
class Land:
    """What counterparties of one country are made of.

    Shape: `firms` are patterns over `{first}`, `{last}`, `{adjective}`, `{noun}`, `{trade}` and `{town}`; each comes
    with the pattern of its legal name. `people` are (first names, last names) pairs: in Russian the two must agree.
    """

    country: str
    language: str
    currency: str
    firms: tuple[tuple[str, str], ...]
    people: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    person: str
    patronymics: tuple[tuple[str, ...], ...]
    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    trades: tuple[str, ...]
    towns: tuple[Town, ...]
    streets: tuple[str, ...]
    street: str
    mobile: str
    roles: tuple[str, ...]
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    bank: str


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


_DUTCH_FIRST = _words(
    "Femke, Sanne, Lotte, Anouk, Fleur, Marit, Iris, Roos, Noor, Esther, Jasmijn, Willemijn, Daan, Bram, Thijs, Sven, "
    "Jeroen, Ruben, Maarten, Pieter, Gijs, Stijn, Wouter, Joost, Koen, Hidde, Tijmen, Floris, Sjoerd, Evert"
)
_DUTCH_LAST = _words(
    "de Wit, Hoekstra, Veenstra, van der Meulen, Terpstra, Bosman, Kuipers, Dijkstra, van Leeuwen, Postma, Schouten, "
    "Hofman, van den Brink, Wiersma, Zijlstra, Molenaar, Timmerman, van Rijn, Kramer, Boonstra, de Graaf, Verhoeven, "
    "Smeets, van Beek, Koster, Roelofs, Hendriks, Brouwer, ter Horst, Nijhuis, Scholten, van Veen, Oosterhuis, "
    "Langeveld, Wolters, Blom, Groeneveld, Steenbergen, Hazelaar, van Duin"
)
_NETHERLANDS = Land(
    country="NL",
    language="nl",
    currency="EUR",
    firms=(
        ("{last} {trade} B.V.", "{last} {trade} B.V."),
        ("{last} & Zonen {trade}", "{last} & Zonen {trade} V.O.F."),
        ("Gebroeders {last} {trade}", "Gebroeders {last} {trade} V.O.F."),
        ("{adjective} {noun} {trade}", "{adjective} {noun} {trade} B.V."),
        ("{trade} {adjective} {noun}", "{trade} {adjective} {noun} B.V."),
        ("{trade} {last} {town}", "{trade} {last} {town} B.V."),
        ("Stichting {adjective} {noun}", "Stichting {adjective} {noun}"),
    ),
    people=((_DUTCH_FIRST, _DUTCH_LAST),),
    person="{first} {last}",
    patronymics=((),),
    adjectives=_words(
        "De Gouden, De Blauwe, De Oude, De Stille, De Rode, De Witte, De Hoge, De Lange, De Vrolijke, De Zilveren, "
        "De Noordelijke, De Ronde, De Verre, De Vlugge, De Koperen, De Houten"
    ),
    nouns=_words(
        "Reiger, Molen, Sluis, Haven, Kade, Bever, Vuurtoren, Ooievaar, Wilg, Brug, Zwaluw, Anker, Polder, Spaarpot, "
        "Kompas, Fuik, Weegschaal, Lantaarn, Hamer, Karper, Egel, Zwaan, Boomgaard, Veerpont"
    ),
    trades=_words(
        "Bouwmaterialen, Transport, Fietsen, Kantoorinrichting, Bloemen, Zuivel, Installatietechniek, Verpakkingen, "
        "Houthandel, Schoonmaak, Drukkerij, Tuinbouw, Metaalbewerking, Scheepsbenodigdheden, Koffiebranderij, "
        "Logistiek, Meubelmakerij, Elektra, Bakkerij, Zaden, Textiel, Verlichting, Glashandel, Gereedschap"
    ),
    towns=(
        Town("Amsterdam", "Noord-Holland", "10## @@", "+3120555####"),
        Town("Rotterdam", "Zuid-Holland", "30## @@", "+3110555####"),
        Town("Utrecht", "Utrecht", "35## @@", "+3130555####"),
        Town("Groningen", "Groningen", "97## @@", "+3150555####"),
        Town("Eindhoven", "Noord-Brabant", "56## @@", "+3140555####"),
        Town("Zwolle", "Overijssel", "80## @@", "+3138555####"),
        Town("Leeuwarden", "Friesland", "89## @@", "+3158555####"),
        Town("Middelburg", "Zeeland", "43## @@", "+31118555###"),
        Town("Deventer", "Overijssel", "74## @@", "+31570555###"),
        Town("Haarlem", "Noord-Holland", "20## @@", "+3123555####"),
    ),
    streets=_words(
        "Havenstraat, Molenweg, Kerkstraat, Industrieweg, Stationsplein, Lindelaan, Kanaaldijk, Beukenlaan, "
        "Marktplein, Ambachtsweg, Zeedijk, Veenkade, Wilgenpad, Sluisweg, Noorderhaven, Schoolstraat"
    ),
    street="{street} {number}",
    mobile="+3161000####",
    roles=_words("Directeur, Inkoper, Boekhouder, Bedrijfsleider, Magazijnchef, Officemanager"),
    sources=_words("Vakbeurs, Website, Aanbeveling, Telefonisch, Nieuwsbrief"),
    notes=(
        "Levert alleen op werkdagen vóór 16.00 uur.",
        "Wil facturen graag per e-mail, met het inkoopnummer erop.",
        "Klant sinds de vakbeurs; belt liever dan dat hij mailt.",
        "Bij levering aan de achterzijde melden.",
    ),
    bank="Demobank Nederland",
)

_BELGIUM = Land(
    country="BE",
    language="nl",
    currency="EUR",
    firms=(
        ("{last} {trade} BV", "{last} {trade} BV"),
        ("{adjective} {noun} {trade} NV", "{adjective} {noun} {trade} NV"),
        ("{trade} {last} {town}", "{trade} {last} {town} BV"),
    ),
    people=(
        (
            _words("Lies, Elke, Griet, Hanne, Silke, Veerle, Katrien, Wout, Jef, Lander, Brecht, Seppe, Dries, Toon"),
            _words(
                "Peeters, Claes, Wouters, De Smet, Vermeersch, Goossens, Lambrecht, Maes, Coppens, Van Damme, "
                "Desmedt, Verstraete, Bogaert, De Clercq, Lauwers"
            ),
        ),
    ),
    person="{first} {last}",
    patronymics=((),),
    adjectives=_NETHERLANDS.adjectives,
    nouns=_NETHERLANDS.nouns,
    trades=_NETHERLANDS.trades,
    towns=(
        Town("Brussel", "Brussels Hoofdstedelijk Gewest", "10#0", "+322555####"),
        Town("Antwerpen", "Antwerpen", "20#0", "+323400####"),
        Town("Gent", "Oost-Vlaanderen", "90#0", "+329200####"),
    ),
    streets=_words("Stationsstraat, Kerkplein, Brugsesteenweg, Kanaalstraat, Vrijheidslaan, Nijverheidskaai"),
    street="{street} {number}",
    mobile="+3247000####",
    roles=_words("Zaakvoerder, Aankoper, Boekhouder, Magazijnier"),
    sources=_NETHERLANDS.sources,
    notes=_NETHERLANDS.notes,
    bank="Demobank België",
)

_RUSSIAN_WOMEN = _words(
    "Анна, Мария, Елена, Ольга, Наталья, Татьяна, Ирина, Светлана, Юлия, Дарья, Ксения, Вера, Надежда, Полина, Алёна"
)
_RUSSIAN_MEN = _words(
    "Алексей, Дмитрий, Сергей, Андрей, Михаил, Павел, Николай, Артём, Роман, Игорь, Фёдор, Кирилл, Степан, Виктор, Глеб"
)
_RUSSIAN_SURNAMES = _words(
    "Иванов, Лебедев, Соколов, Журавлёв, Берёзин, Калинин, Воронцов, Рябинин, Кузнецов, Орешкин, Тихонов, Ершов, "
    "Снегирёв, Лаптев, Голубев, Щукин, Зимин, Полянин, Синицын, Медников, Рощин, Ключев, Ветров, Солодов, Колосов, "
    "Дубровин, Яблоков, Морозов, Савин, Кедрин"
)
_RUSSIA = Land(
    country="RU",
    language="ru",
    currency="RUB",
    firms=(
        ("ООО «{adjective} {noun}»", "Общество с ограниченной ответственностью «{adjective} {noun}»"),
        ("ООО «{trade} {noun}»", "Общество с ограниченной ответственностью «{trade} {noun}»"),
        (
            "ООО «{adjective} {noun} {town}»",
            "Общество с ограниченной ответственностью «{adjective} {noun} {town}»",
        ),
        ("АО «{trade} «{adjective} {noun}»", "Акционерное общество «{trade} «{adjective} {noun}»"),
        ("ТД «{adjective} {noun}»", "Общество с ограниченной ответственностью «Торговый дом «{adjective} {noun}»"),
    ),
    people=(
        (_RUSSIAN_MEN, _RUSSIAN_SURNAMES),
        (_RUSSIAN_WOMEN, tuple(f"{name}а" for name in _RUSSIAN_SURNAMES)),
    ),
    person="{last} {first} {patronymic}",
    patronymics=(
        _words("Алексеевич, Дмитриевич, Сергеевич, Андреевич, Михайлович, Павлович, Николаевич, Игоревич, Викторович"),
        _words("Алексеевна, Дмитриевна, Сергеевна, Андреевна, Михайловна, Павловна, Николаевна, Игоревна, Викторовна"),
    ),
    adjectives=_words(
        "Северный, Янтарный, Тихий, Зелёный, Дальний, Ясный, Речной, Лесной, Каменный, Светлый, Степной, Медный, "
        "Белый, Звонкий, Утренний, Озёрный, Полевой, Вольный, Горный, Новый"
    ),
    nouns=_words(
        "Мост, Берег, Парус, Причал, Ключ, Колос, Компас, Ветер, Маяк, Родник, Кедр, Терем, Самовар, Якорь, Каравай, "
        "Аист, Подсолнух, Фонарь, Верстак, Калач, Журавль, Бобёр, Ручей, Туман"
    ),
    trades=_words(
        "Стройматериалы, Логистика, Хлебозавод, Мебельная фабрика, Типография, Агрокомплект, Электромонтаж, Упаковка, "
        "Лесоторговля, Инструмент, Стеклозавод, Текстиль, Склад-сервис, Автозапчасти, Кондитерская, Оргтехника"
    ),
    towns=(
        Town("Москва", None, "10####", "+7495000####"),
        Town("Санкт-Петербург", None, "19####", "+7812000####"),
        Town("Екатеринбург", "Свердловская область", "62####", "+7343000####"),
        Town("Новосибирск", "Новосибирская область", "63####", "+7383000####"),
        Town("Нижний Новгород", "Нижегородская область", "60####", "+7831000####"),
        Town("Самара", "Самарская область", "44####", "+7846000####"),
        Town("Казань", "Республика Татарстан", "42####", "+7843000####"),
        Town("Пермь", "Пермский край", "61####", "+7342000####"),
    ),
    streets=_words(
        "ул. Лесная, ул. Садовая, ул. Речная, пр-т Строителей, ул. Заводская, пер. Тихий, ул. Вокзальная, "
        "наб. Северная, ул. Полевая, ш. Восточное, ул. Мельничная, пл. Торговая"
    ),
    street="{street}, д. {number}",
    mobile="+7999000####",
    roles=_words("Директор, Закупщик, Главный бухгалтер, Заведующий складом, Секретарь, Коммерческий директор"),
    sources=_words("Выставка, Сайт, Рекомендация, Звонок, Рассылка"),
    notes=(
        "Отгрузка только по предоплате, пропуск на машину заказывать накануне.",
        "Оригиналы документов просит присылать почтой.",
        "Звонить после обеда: утром на объекте.",
        "Постоянный клиент, скидка согласована с руководителем.",
    ),
    bank="Демо-Банк",
)

_ARMENIA = Land(
    country="AM",
    language="hy",
    currency="AMD",
    firms=(
        ("«{adjective} {noun}» ՍՊԸ", "«{adjective} {noun}» սահմանափակ պատասխանատվությամբ ընկերություն"),
        ("«{noun} {trade}» ՍՊԸ", "«{noun} {trade}» սահմանափակ պատասխանատվությամբ ընկերություն"),
        ("«{last} {trade}» ՍՊԸ", "«{last} {trade}» սահմանափակ պատասխանատվությամբ ընկերություն"),
        ("«{adjective} {noun} {town}» ՍՊԸ", "«{adjective} {noun} {town}» սահմանափակ պատասխանատվությամբ ընկերություն"),
        ("«{trade} {adjective} {noun}» ՓԲԸ", "«{trade} {adjective} {noun}» փակ բաժնետիրական ընկերություն"),
    ),
    people=(
        (
            _words(
                "Անի, Նարե, Մարիամ, Լիլիթ, Գայանե, Շուշան, Աստղիկ, Հասմիկ, Արփի, Սոնա, Արամ, Տիգրան, Հայկ, Դավիթ, "
                "Գոռ, Վահե, Արմեն, Սուրեն, Նարեկ, Կարեն, Ռուբեն, Էրիկ, Լևոն, Գևորգ"
            ),
            _words(
                "Գրիգորյան, Սարգսյան, Հակոբյան, Պետրոսյան, Մկրտչյան, Ավետիսյան, Բաղդասարյան, Մարտիրոսյան, Ղազարյան, "
                "Դանիելյան, Ասատրյան, Թորոսյան, Մելիքյան, Վարդանյան, Կիրակոսյան, Եղիազարյան, Սիմոնյան, Նազարյան"
            ),
        ),
    ),
    person="{first} {last}",
    patronymics=((),),
    adjectives=_words(
        "Կապույտ, Կանաչ, Արծաթե, Նոր, Պայծառ, Ոսկե, Բարձր, Խաղաղ, Սպիտակ, Հյուսիսային, Քարե, Պղնձե, Առավոտյան, Լեռնային"
    ),
    nouns=_words(
        "Կամուրջ, Աղբյուր, Այգի, Ծիրան, Նուռ, Արև, Հովիտ, Աղավնի, Կողմնացույց, Ջրաղաց, Լապտեր, Ընկուզենի, Արագիլ, "
        "Պարտեզ, Գետակ, Բերդ, Ծիածան, Հասկ, Թռչնակ, Բարդի"
    ),
    trades=_words(
        "Շին, Տրանս, Ագրո, Պրինտ, Տեքստիլ, Կահույք, Գործիք, Փաթեթ, Լույս, Հաց, Էլեկտրա, Սերվիս, Պահեստ, Ապակի, Մետաղ"
    ),
    towns=(
        Town("Երևան", None, "00##", "+3741000####"),
        Town("Գյումրի", "Շիրակ", "31##", "+374312#####"),
        Town("Վանաձոր", "Լոռի", "20##", "+374322#####"),
        Town("Աշտարակ", "Արագածոտն", "02##", "+374232#####"),
        Town("Դիլիջան", "Տավուշ", "39##", "+374268#####"),
    ),
    streets=_words(
        "Այգեգործների փողոց, Աղբյուրի փողոց, Կայարանի փողոց, Շինարարների փողոց, Պարտեզի փողոց, Գետափի փողոց, "
        "Հյուսիսային պողոտա, Ջրաղացի փողոց"
    ),
    street="{street} {number}",
    mobile="+37499000###",
    roles=_words("Տնօրեն, Գնումների մասնագետ, Գլխավոր հաշվապահ, Պահեստապետ, Գրասենյակի ղեկավար"),
    sources=_words("Ցուցահանդես, Կայք, Խորհուրդ, Զանգ, Տեղեկագիր"),
    notes=(
        "Առաքումը՝ միայն նախապես պայմանավորված ժամին։",
        "Հաշիվները խնդրում է ուղարկել էլեկտրոնային փոստով։",
        "Նախընտրում է խոսել հեռախոսով, ժամը 15-ից հետո։",
        "Մշտական հաճախորդ, զեղչը համաձայնեցված է։",
    ),
    bank="Դեմո Բանկ",
)

_BRITAIN = Land(
    country="GB",
    language="en",
    currency="GBP",
    firms=(
        ("{last} {trade} Ltd", "{last} {trade} Limited"),
        ("{adjective} {noun} {trade}", "{adjective} {noun} {trade} Limited"),
        ("{last} & {noun} {trade}", "{last} & {noun} {trade} LLP"),
        ("The {adjective} {noun} Company", "The {adjective} {noun} Company Limited"),
        ("{town} {noun} {trade}", "{town} {noun} {trade} Limited"),
    ),
    people=(
        (
            _words(
                "Eleanor, Harriet, Imogen, Florence, Beatrice, Rosie, Maeve, Tabitha, Oliver, Rupert, Callum, Felix, "
                "Barnaby, Ewan, Jasper, Rory, Dylan, Hugo, Miles, Angus, Clara, Edith, Nell, Ivy"
            ),
            _words(
                "Whitfield, Hargreaves, Pemberton, Ashdown, Thornbury, Lockwood, Merriman, Sedgwick, Holloway, "
                "Fairclough, Birkett, Cartwright, Ellison, Greenhalgh, Kershaw, Lambourne, Netherby, Oakden, "
                "Prescott, Ravenhill, Stanfield, Tanfield, Underhill, Wexford, Yardley"
            ),
        ),
    ),
    person="{first} {last}",
    patronymics=((),),
    adjectives=_words(
        "Blue, Amber, Quiet, Northern, Copper, Silver, Winding, Old, Green, Bright, Crooked, Lucky, Misty, Upper, "
        "Little, Merry, Stone, Brisk"
    ),
    nouns=_words(
        "Heron, Harbour, Anvil, Lantern, Kestrel, Orchard, Compass, Mill, Badger, Otter, Beacon, Thimble, Sundial, "
        "Hedgerow, Pebble, Teapot, Weaver, Ferry, Bramble, Plough, Wren, Kettle"
    ),
    trades=_words(
        "Timber, Supplies, Bakery, Print, Haulage, Tools, Lighting, Packaging, Textiles, Coffee, Engineering, Glass, "
        "Furniture, Logistics, Nurseries, Stationery, Electrical, Metalwork, Seeds, Cycles"
    ),
    towns=(
        Town("London", "Greater London", "SE# #@@", "+44207946####"),
        Town("Leeds", "West Yorkshire", "LS# #@@", "+441134960###"),
        Town("Bristol", "Bristol", "BS# #@@", "+441174960###"),
        Town("Birmingham", "West Midlands", "B# #@@", "+441214960###"),
        Town("Edinburgh", "Midlothian", "EH# #@@", "+441314960###"),
        Town("Manchester", "Greater Manchester", "M# #@@", "+441614960###"),
    ),
    streets=_words(
        "Mill Lane, Station Road, Harbour Street, Church Walk, Orchard Close, Canal Row, Market Place, Foundry Yard, "
        "Weavers Court, Quarry Hill, Ferry Road, Lower Green"
    ),
    street="{number} {street}",
    mobile="+447400000###",
    roles=_words("Managing Director, Buyer, Bookkeeper, Warehouse Manager, Office Manager, Operations Lead"),
    sources=_words("Trade fair, Website, Recommendation, Phone call, Newsletter"),
    notes=(
        "Deliveries to the rear yard, mornings only.",
        "Needs a purchase order number on every invoice.",
        "Prefers a call to an e-mail.",
        "Discount agreed with the head of sales.",
    ),
    bank="Demo Bank UK",
)

# The Dutch company deals with its own country most, with Russia and Armenia through its eastern team.
LANDS: tuple[tuple[Land, int], ...] = ((_NETHERLANDS, 34), (_BELGIUM, 6), (_RUSSIA, 24), (_ARMENIA, 18), (_BRITAIN, 18))
