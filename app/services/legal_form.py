"""Names without their legal form, so that «Ромашка», ООО and ПАО "РОМАШКА" compare equal."""

from app.search import fold

KEY_LENGTH = 250

# As they are written by the firms themselves; compared folded, so case, dots and quotes do not matter here.
_FORMS = """
    ООО; ОАО; ЗАО; ПАО; АО; НАО; НКО; АНО; ИП; ЧП; КФХ; ГКФХ; ТСЖ; СНТ; ПСК; СПК; ГУП; МУП; ФГУП; ТОО; ОДО; УП; ЧУП;
    ТОВ; ФОП; Общество с ограниченной ответственностью; Акционерное общество; Публичное акционерное общество;
    Открытое акционерное общество; Закрытое акционерное общество; Непубличное акционерное общество;
    Индивидуальный предприниматель; Автономная некоммерческая организация; Товарищество с ограниченной ответственностью;
    ՍՊԸ; ԲԲԸ; ՓԲԸ; ԱՁ; Ա/Ձ; ՊՈԱԿ; ՀՈԱԿ; ՀԿ; ՍՊ ընկերություն; Սահմանափակ պատասխանատվությամբ ընկերություն;
    Փակ բաժնետիրական ընկերություն; Բաց բաժնետիրական ընկերություն; Անհատ ձեռնարկատեր;
    BV; NV; VOF; CV; UA; Stichting; Eenmanszaak; Maatschap; Besloten vennootschap;
    GmbH; gGmbH; mbH; AG; KG; OHG; UG; GbR; eK; eV; GmbH & Co. KG;
    Ltd; Limited; LLC; LLP; LP; PLC; Inc; Incorporated; Corp; Corporation; Co; Company;
    SA; SAS; SASU; SARL; EURL; SRL; SpA; SL; BVBA; SPRL; Sp. z o.o.; s.r.o.; AB; AS; ApS; Oy; Oyj; OÜ; UAB; SIA; Kft;
    CJSC; OJSC; JSC
"""
# Two Cyrillic letters with dots are initials («Иванов И. П.»), not a legal form.
_SPELT_OUT = 3


def _all_forms() -> frozenset[tuple[str, ...]]:
    forms = {tuple(fold(form).split()) for form in _FORMS.split(";")}
    single = [form[0] for form in forms if len(form) == 1]
    spelt = {tuple(word) for word in single if len(word) == _SPELT_OUT or (len(word) < _SPELT_OUT and word.isascii())}
    return frozenset(forms | spelt)


_STRIPPED = _all_forms()
_LONGEST = max(map(len, _STRIPPED))


def name_key(name: str) -> str:
    """Return the folded name without legal forms at its ends, its words in order: two names of one party share it.

    «Ромашка, ООО» and «ООО "РОМАШКА"» are "ромашка"; «Иван Петров» and «Петров Иван» are "иван петров". A name that
    consists of a legal form only keeps it.
    """
    words = fold(name).split()
    return " ".join(sorted(_without_forms(words) or words))[:KEY_LENGTH]


def _without_forms(words: list[str]) -> list[str]:
    for size in range(min(_LONGEST, len(words)), 0, -1):
        if tuple(words[:size]) in _STRIPPED:
            return _without_forms(words[size:])
        if tuple(words[-size:]) in _STRIPPED:
            return _without_forms(words[:-size])
    return words
