"""The keeper of the catalogues finds every kind of defect, and nothing in a sound catalogue."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from app.i18n import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import messages  # noqa: E402
from message_texts import BrokenSource, app_texts, framework_texts  # noqa: E402

SOURCE = """
from app.i18n import gettext as _, lazy_gettext as later, ngettext

TITLE = later("Invoice")
CODE = _("IBAN")
PAGES = ngettext("One page", "%(num)s pages", 2)

def tell(count, name):
    if count:
        return ngettext("%(num)s line", "%(num)s lines", count, name=_("Nobody"))
    return _("Hello, %(name)s! " "Bye.", name=name) + _(text="Which one?")
"""
TEMPLATE = '<p>{{ _("Paid: %(sum)s", sum=sum) }}{% trans %}<b>Due</b>{% endtrans %}</p>'
SOUND = {
    "ru": {
        "Invoice": "Счёт",
        "%(num)s line": ("%(num)s строка", "%(num)s строки", "%(num)s строк"),
        "One page": ("%(num)s страница", "%(num)s страницы", "%(num)s страниц"),
        "Nobody": "Никто",
        "Hello, %(name)s! Bye.": "Здравствуйте, %(name)s! До встречи.",
        "Which one?": "Какой?",
        "Paid: %(sum)s": "Оплачено: %(sum)s",
        "<b>Due</b>": "<b>Срок</b>",
        "Use {field}.": "Поле {field}.",
    },
    "hy": {
        "Invoice": "Հաշիվ",
        "%(num)s line": ("%(num)s տող",),
        "One page": ("%(num)s էջ",),
        "Nobody": "Ոչ ոք",
        "Hello, %(name)s! Bye.": "Բարև, %(name)s։ Ցտեսություն։",
        "Which one?": "Ո՞ր մեկը",
        "Paid: %(sum)s": "Վճարված՝ %(sum)s",
        "<b>Due</b>": "<b>Ժամկետ</b>",
        "Use {field}.": "{field} դաշտը։",
    },
    "nl": {
        "Invoice": "Factuur",
        "%(num)s line": ("%(num)s regel", "%(num)s regels"),
        "One page": ("Eén pagina", "%(num)s pagina’s"),
        "Nobody": "Niemand",
        "Hello, %(name)s! Bye.": "Hallo, %(name)s! Dag.",
        "Which one?": "Welke?",
        "Paid: %(sum)s": "Betaald: %(sum)s",
        "<b>Due</b>": "<b>Vervalt</b>",
        "Use {field}.": "Gebruik {field}.",
    },
}
FRAMEWORK = '#: forms.py\nmsgid "Use {field}."\nmsgstr ""\n'


@pytest.fixture
def project(tmp_path):
    """Make a small product whose catalogues are complete."""
    (tmp_path / "app" / "templates").mkdir(parents=True)
    (tmp_path / "translations").mkdir()
    (tmp_path / "babel.cfg").write_text((ROOT / "babel.cfg").read_text())
    (tmp_path / "app" / "invoice.py").write_text(SOURCE)
    (tmp_path / "app" / "templates" / "invoice.html").write_text(TEMPLATE)
    (tmp_path / "translations" / "framework.pot").write_text(FRAMEWORK)
    (tmp_path / "translations" / "same-as-english.txt").write_text("# why\nru hy nl | IBAN | international\n")
    messages.extract(tmp_path)
    for language, texts in SOUND.items():
        catalogue = read(tmp_path, language)
        for text, translation in {**texts, "IBAN": "IBAN"}.items():
            catalogue[text].string = translation
        messages.save(tmp_path, language, catalogue)
    return tmp_path


def read(project: Path, language: str) -> Catalog:
    return messages.read(messages.catalogue_path(project, language), language)


def say(project: Path, language: str, text: str, translation: str | tuple[str, ...]) -> None:
    catalogue = read(project, language)
    catalogue[text].string = translation
    messages.save(project, language, catalogue)


def found(project: Path) -> list[str]:
    return messages.problems(project, packages=False)


def test_sound_catalogues_have_no_problem(project):
    assert found(project) == []


def test_the_languages_are_those_of_the_product():
    assert tuple(LANGUAGES) == messages.LANGUAGES


@pytest.mark.parametrize(
    ("language", "text", "translation", "problem"),
    [
        ("hy", "Nobody", "", "hy: 'Nobody': not translated"),
        ("ru", "%(num)s line", ("", "", ""), "ru: '%(num)s line': not translated"),
        ("ru", "%(num)s line", ("%(num)s строка", "", ""), "ru: '%(num)s line': needs 3 plural forms"),
        ("ru", "%(num)s line", ("%(num)s строка", "%(num)s строк"), "ru: '%(num)s line': needs 3 plural forms"),
        (
            "ru",
            "%(num)s line",
            ("одна строка", "%(num)s строки", "%(num)s строк"),  # this form says 1, 21 and 101
            "ru: '%(num)s line': placeholders differ: ['%(num)s'] and []",
        ),
        (
            "nl",
            "%(num)s line",
            ("één regel", "%(num)s regels"),
            "nl: '%(num)s line': placeholders differ: ['%(num)s'] and []",
        ),
        (
            "ru",
            "Paid: %(sum)s",
            "Оплачено: %(сумма)s",
            "ru: 'Paid: %(sum)s': placeholders differ: ['%(sum)s'] and ['%(сумма)s']",
        ),
        (
            "en",
            "Paid: %(sum)s",
            "Paid: %(amount)s",
            "en: 'Paid: %(sum)s': placeholders differ: ['%(sum)s'] and ['%(amount)s']",
        ),
        (
            "nl",
            "Use {field}.",
            "Gebruik {veld}.",
            "nl: 'Use {field}.': placeholders differ: ['{field}'] and ['{veld}']",
        ),
        ("ru", "Paid: %(sum)s", "Оплачено 100%: %(sum)s", "ru: 'Paid: %(sum)s': a lone % (write %%)"),
        ("nl", "<b>Due</b>", "<b>Nog 5%</b>", "nl: '<b>Due</b>': a lone % (write %%)"),
        ("ru", "Invoice", "Invoice", "ru: 'Invoice': without a letter of its script (cyrillic)"),
        ("hy", "Invoice", "Счёт", "hy: 'Invoice': without a letter of its script (armenian)"),
        ("nl", "Invoice", "Invoice", "nl: 'Invoice': equal to English"),
        ("ru", "Invoice", " Счёт", "ru: 'Invoice': leading whitespace differs"),
        ("nl", "Invoice", "Factuur ", "nl: 'Invoice': trailing whitespace differs"),
        ("nl", "Invoice", "Factuur.", "nl: 'Invoice': ends differently: 'e' and '.'"),
        ("ru", "Which one?", "Какой", "ru: 'Which one?': ends differently: '?' and 'й'"),
        ("hy", "Which one?", "Որ մեկը", "hy: 'Which one?': ends differently: '?' and 'ը'"),
        ("hy", "Use {field}.", "{field} դաշտը", "hy: 'Use {field}.': ends differently: '.' and 'ը'"),
        ("ru", "<b>Due</b>", "<i>Срок</i>", "ru: '<b>Due</b>': tags differ"),
        ("ru", "Invoice", "Cчёт", "ru: 'Invoice': the word 'Cчёт' mixes scripts"),  # the first letter is Latin
        ("hy", "Nobody", "Ոչ ոք եւ ոչինչ", "hy: 'Nobody': և is one letter in the reformed spelling"),
    ],
)
def test_a_planted_defect_is_the_only_problem(project, language, text, translation, problem):
    say(project, language, text, translation)
    assert found(project) == [problem]


def test_a_fuzzy_translation_is_a_problem(project):
    catalogue = read(project, "nl")
    catalogue["Invoice"].flags.add("fuzzy")
    messages.save(project, "nl", catalogue)
    assert found(project) == ["nl: 'Invoice': fuzzy"]


def test_a_new_text_is_missing_in_every_language_until_it_is_extracted(project):
    (project / "app" / "order.py").write_text('TITLE = lazy_gettext("Order")')
    assert found(project) == [f"{language}: 'Order': not in the catalogue; run extract" for language in LANGUAGES]
    messages.extract(project)
    assert found(project) == [f"{language}: 'Order': not translated" for language in ("ru", "hy", "nl")]


def test_a_text_that_is_gone_is_a_problem_until_extract_drops_it(project):
    (project / "app" / "templates" / "invoice.html").write_text('{{ _("Paid: %(sum)s", sum=sum) }}')
    assert found(project) == [f"{language}: '<b>Due</b>': not in the source; run extract" for language in LANGUAGES]
    messages.extract(project)
    assert found(project) == []
    assert "Due" not in messages.catalogue_path(project, "ru").read_text()


def test_a_changed_text_loses_its_translation(project):
    (project / "app" / "invoice.py").write_text(SOURCE.replace('"Invoice"', '"Invoices"'))
    messages.extract(project)
    assert [line for line in found(project) if line.startswith("nl")] == ["nl: 'Invoices': not translated"]


def test_a_plural_added_to_a_known_text_loses_its_translation(project):
    (project / "app" / "more.py").write_text('ngettext("Nobody", "Nobodies", 2)')
    messages.extract(project)
    assert found(project) == [f"{language}: 'Nobody': not translated" for language in ("ru", "hy", "nl")]


@pytest.mark.parametrize(
    ("name", "source", "problem"),
    [
        ("a.py", '_(f"{n} lines")', "app/a.py: line 1: the text is built from values; use %(name)s placeholders"),
        ("a.py", '_("%s lines" % n)', "app/a.py: line 1: the text is built from values; use %(name)s placeholders"),
        ("a.py", '_("{}".format(n))', "app/a.py: line 1: the text is built from values; use %(name)s placeholders"),
        ("a.py", '_("cut', "app/a.py: unterminated string literal (detected at line 1) (<unknown>, line 1)"),
        (
            "a.py",
            'ngettext("Nobody", "A", 2)\nngettext("Nobody", "B", 2)',
            "app/a.py: 'Nobody' has two plurals, 'A' and 'B'",
        ),
    ],
)
def test_a_source_that_cannot_be_translated_is_the_problem(project, name, source, problem):
    (project / "app" / name).write_text(source)
    assert found(project) == [problem]
    with pytest.raises(BrokenSource):
        messages.extract(project)


def test_a_broken_template_is_a_problem_that_names_it(project):
    (project / "app" / "templates" / "broken.html").write_text("{% if %}")
    assert [line.partition(":")[0] for line in found(project)] == ["app/templates/broken.html"]


def test_a_lone_percent_in_a_template_is_a_problem_of_the_source(project):
    (project / "app" / "templates" / "more.html").write_text('{{ _("Rate, %") }}')
    assert found(project)[0] == "source: 'Rate, %': a lone % in a template (write %%)"


def test_exceptions_need_a_reason_and_a_use(project):
    (project / "translations" / "same-as-english.txt").write_text(
        "ru hy nl | IBAN | international\nnl | Invoice | same word\nde | IBAN | no such language\nnl | Nobody |  \n"
    )
    assert found(project) == [
        "same-as-english.txt:3: expected 'languages | text | reason'",
        "same-as-english.txt:4: expected 'languages | text | reason'",
        "same-as-english.txt:2: nl does not need the exception for 'Invoice'",
    ]


def test_without_exceptions_an_abbreviation_is_a_problem(project):
    (project / "translations" / "same-as-english.txt").unlink()
    assert found(project) == [
        "ru: 'IBAN': without a letter of its script (cyrillic)",
        "hy: 'IBAN': without a letter of its script (armenian)",
        "nl: 'IBAN': equal to English",
    ]


def test_a_conflict_marker_in_a_catalogue_is_a_problem(project):
    path = messages.catalogue_path(project, "nl")
    path.write_text(path.read_text() + "<<<<<<< mine\n")
    assert found(project)[0].startswith("nl: Unknown or misformatted keyword on ")


def test_texts_are_found_in_every_form(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "babel.cfg").write_text("[python: app/**.py]")
    (tmp_path / "app" / "all.py").write_text(
        "from app.i18n import lazy_gettext as later\n"
        '_("Yes" if answer else "No"), later("La" + "ter"), babel.gettext("Attribute"), _(known)\n'
        'lazy_ngettext(one="cat", many="cats", num=_("in " "side")), gettext(string="named"), other("no text")\n'
    )
    assert sorted(app_texts(tmp_path), key=lambda text: (isinstance(text.ids, tuple), text)) == [
        ("Attribute", "app/all.py"),
        ("Later", "app/all.py"),
        ("No", "app/all.py"),
        ("Yes", "app/all.py"),
        ("in side", "app/all.py"),
        ("named", "app/all.py"),
        (("cat", "cats"), "app/all.py"),
    ]


def test_extract_is_stable_and_writes_neither_dates_nor_line_numbers(project):
    before = messages.catalogue_path(project, "nl").read_text()
    (project / "app" / "invoice.py").write_text("# one line more\n" + SOURCE)
    assert messages.extract(project) == []
    lines = before.splitlines()
    assert lines[:9] == [
        "# Countinghouse, Dutch.",
        'msgid ""',
        'msgstr ""',
        '"Language: nl\\n"',
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"',
        '"MIME-Version: 1.0\\n"',
        '"Content-Type: text/plain; charset=utf-8\\n"',
        '"Content-Transfer-Encoding: 8bit\\n"',
        "",
    ]
    assert {line for line in lines if line.startswith("#:")} == {
        "#: app/invoice.py",
        "#: app/templates/invoice.html",
        "#: forms.py",
    }
    assert [line for line in lines if line.startswith("msgid ")][1:] == sorted(
        line for line in lines[9:] if line.startswith("msgid ")
    )


def test_compile_writes_only_what_is_stale_and_readers_see_it(project):
    paths = [messages.catalogue_path(project, language).with_suffix(".mo") for language in messages.LANGUAGES]
    assert messages.compile_catalogues(project) == paths
    assert messages.compile_catalogues(project) == []
    os.utime(paths[1].with_suffix(".po"), ns=(1, 1))  # an older catalogue was put back
    assert messages.compile_catalogues(project) == [paths[1]]
    assert messages.compile_catalogues(project) == []


def test_compiled_catalogues_speak_with_the_plurals_of_their_language(project):
    from babel.support import Translations

    messages.compile_catalogues(project)
    spoken = {
        language: [
            Translations.load(project / "translations", [language]).ngettext("%(num)s line", "%(num)s lines", number)
            % {"num": number}
            for number in (1, 2, 5, 21)
        ]
        for language in messages.LANGUAGES
    }
    assert spoken == {
        "en": ["1 line", "2 lines", "5 lines", "21 lines"],
        "ru": ["1 строка", "2 строки", "5 строк", "21 строка"],
        "hy": ["1 տող", "2 տող", "5 տող", "21 տող"],
        "nl": ["1 regel", "2 regels", "5 regels", "21 regels"],
    }


def test_texts_of_the_packages_include_those_they_do_not_mark():
    texts = {found.ids for found in framework_texts()}
    assert {
        "Access is Denied",  # a constant of Flask-AppBuilder
        "Page size",  # a template of it
        "The user role on the application, this will associate with a list of permissions",  # formatted later
        "This field is required.",
        ("Field must be at least %(min)d character long.", "Field must be at least %(min)d characters long."),
        "The CSRF token has expired.",
        "File does not have an approved extension: {extensions}",
        "Please log in to access this page.",
        "Please reauthenticate to access this page.",
    } <= texts
    assert not [text for text in texts if not text]


def test_framework_template_is_written_once(tmp_path):
    (tmp_path / "translations").mkdir()
    assert messages.framework(tmp_path) == [tmp_path / "translations" / "framework.pot"]
    assert messages.framework(tmp_path) == []


def test_a_template_of_other_packages_is_a_problem(project):
    assert messages.problems(project)[0] == "framework.pot: the installed packages have other texts; run framework"


def test_texts_of_the_packages_are_translated_into_every_language(tmp_path, capsys):
    (tmp_path / "app").mkdir()
    shutil.copy(ROOT / "babel.cfg", tmp_path)
    shutil.copytree(ROOT / "translations", tmp_path / "translations")
    texts = {found.ids for found in framework_texts()}
    reasons = tmp_path / "translations" / "same-as-english.txt"
    lines = [line for line in reasons.read_text().splitlines() if not line.startswith("#")]
    kept = [line for line in lines if line.split(" | ")[1] in texts]
    reasons.write_text("\n".join(kept))
    assert messages.main(["extract"], tmp_path) == 0
    capsys.readouterr()
    assert messages.main(["check"], tmp_path) == 0
    assert capsys.readouterr().out == "translations: ok\n"


def test_check_exits_with_1_and_a_line_per_problem(project, capsys):
    say(project, "nl", "Invoice", "")
    assert messages.main(["check"], project) == 1
    assert capsys.readouterr().out == (
        "framework.pot: the installed packages have other texts; run framework\n"
        "nl: 'Invoice': not translated\n"
        "translations: 2 problems\n"
    )


def test_extract_exits_with_1_when_a_source_is_broken(project, capsys):
    (project / "app" / "broken.py").write_text("def")
    assert messages.main(["extract"], project) == 1
    assert capsys.readouterr().err == "app/broken.py: invalid syntax (<unknown>, line 1)\n"


def test_the_program_runs_by_its_path_and_knows_four_verbs():
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "messages.py", "tidy"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert run.returncode == 2
    assert "invalid choice: 'tidy' (choose from 'extract', 'compile', 'check', 'framework')" in run.stderr
