"""Keep the catalogues of translations: collect texts, compile them, and find what is wrong with them.

    python tools/messages.py extract     texts of app/ and of translations/framework.pot into every messages.po
    python tools/messages.py compile     messages.mo beside each messages.po that changed
    python tools/messages.py check       every problem on a line, exit 1 when there is one
    python tools/messages.py framework   translations/framework.pot from the installed packages

The catalogues hold no line numbers and no dates, so that a diff shows texts only. A changed English text is a new
text: nothing is matched by likeness, because a translation that is almost right is wrong.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po, write_po
from message_rules import SameAsEnglish, faults, has_lone_percent, is_formatted
from message_texts import BrokenSource, Found, Ids, app_texts, as_ids, framework_texts

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ("en", "ru", "hy", "nl")


def catalogue_path(root: Path, language: str) -> Path:
    """Return the place of a language's catalogue."""
    return root / "translations" / language / "LC_MESSAGES" / "messages.po"


def read(path: Path, language: str | None = None) -> Catalog:
    """Read a catalogue; one that does not exist yet is empty."""
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def _gather(found: Iterable[Found]) -> Catalog:
    """Collect texts into a template, each with the files it stands in."""
    known: dict[str, Ids] = {}
    files: dict[str, set[str]] = {}
    for ids, file in found:
        key = ids if isinstance(ids, str) else ids[0]
        before = known.setdefault(key, ids)
        if isinstance(before, str):
            known[key] = ids
        elif not isinstance(ids, str) and ids != before:
            raise BrokenSource(f"{file}: {key!r} has two plurals, {before[1]!r} and {ids[1]!r}")
        files.setdefault(key, set()).add(file)
    template = Catalog()
    for key, ids in known.items():
        template.add(ids, locations=[(file, 0) for file in sorted(files[key])])
    return template


def wanted(root: Path) -> Catalog:
    """Return the template of everything that has to be translated: our own texts and the frameworks'."""
    framework = read(root / "translations" / "framework.pot")
    below = (Found(as_ids(text.id), file) for text in framework if text.id for file, _line in text.locations)
    return _gather([*app_texts(root), *below])


def merged(template: Catalog, old: Catalog, language: str) -> Catalog:
    """Return the template's texts with the translations that the old catalogue has for exactly these texts."""
    new = Catalog(locale=language)
    for message in template:
        if not message.id:
            continue
        before = old.get(message.id)
        kept = before if before is not None and as_ids(before.id) == as_ids(message.id) else None
        new.add(
            message.id,
            kept.string if kept else None,
            locations=message.locations,
            flags=kept.flags if kept else (),
            user_comments=kept.user_comments if kept else (),
        )
    return new


def rendered(catalogue: Catalog, title: str) -> bytes:
    """Return a catalogue as the text of its file: sorted, without dates, tools and line numbers."""
    catalogue.header_comment = f"# {title}"
    buffer = BytesIO()
    write_po(buffer, catalogue, width=0, sort_output=True, include_lineno=False, ignore_obsolete=True)
    stays = ('"Language:', '"Plural-Forms:', '"MIME-Version:', '"Content-', "msg", "# ")
    head, _blank, texts = buffer.getvalue().decode().partition("\n\n")
    lines = [line for line in head.splitlines() if line.startswith(stays)]
    return ("\n".join(lines) + "\n\n" + texts.strip("\n") + "\n").encode()


def _write(path: Path, content: bytes) -> bool:
    """Put a file in place at once, so that a reader sees the old one or the new one; tell whether it changed."""
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)
    return True


def save(root: Path, language: str, catalogue: Catalog) -> bool:
    """Write a language's catalogue in its stable form; tell whether it changed."""
    locale = catalogue.locale
    return _write(
        catalogue_path(root, language), rendered(catalogue, f"Countinghouse, {locale and locale.english_name}.")
    )


def extract(root: Path = ROOT) -> list[Path]:
    """Bring every catalogue up to the texts of the source; return the files that changed."""
    template = wanted(root)
    return [
        catalogue_path(root, language)
        for language in LANGUAGES
        if save(root, language, merged(template, read(catalogue_path(root, language), language), language))
    ]


def compile_catalogues(root: Path = ROOT) -> list[Path]:
    """Compile the catalogues that changed since; return the files written.

    A compiled file carries the moment of its catalogue, so that one older than before counts as changed too.
    """
    written = []
    for language in LANGUAGES:
        path = catalogue_path(root, language)
        target = path.with_suffix(".mo")
        if not path.exists():
            continue
        moment = path.stat().st_mtime_ns
        if target.exists() and target.stat().st_mtime_ns == moment:
            continue
        buffer = BytesIO()
        write_mo(buffer, read(path, language))
        _write(target, buffer.getvalue())
        os.utime(target, ns=(moment, moment))
        written.append(target)
    return written


def framework_template() -> bytes:
    """Return what translations/framework.pot has to hold for the packages installed now."""
    return rendered(_gather(framework_texts()), "Texts of the packages under us, made by tools/messages.py framework.")


def framework(root: Path = ROOT) -> list[Path]:
    """Write translations/framework.pot from the installed packages; return it when it changed."""
    path = root / "translations" / "framework.pot"
    return [path] if _write(path, framework_template()) else []


def _names(catalogue: Catalog) -> set[Ids]:
    return {as_ids(message.id) for message in catalogue if message.id}


def _first(ids: Iterable[str] | str) -> str:
    return ids if isinstance(ids, str) else next(iter(ids))


def _source_faults(template: Catalog) -> Iterator[str]:
    """Yield what is wrong with the English texts themselves."""
    for message in template:
        texts = [message.id] if isinstance(message.id, str) else list(message.id)
        if message.id and is_formatted(message) and any(has_lone_percent(text) for text in texts):
            yield f"source: {texts[0]!r}: a lone % in a template (write %%)"


def _catalogue_faults(root: Path, language: str, template: Catalog, same: SameAsEnglish) -> Iterator[str]:
    """Yield what is wrong with one language."""
    try:
        catalogue = read(catalogue_path(root, language), language)
    except PoFileError as error:
        yield f"{language}: {error}"
        return
    source, known = _names(template), _names(catalogue)
    yield from (
        f"{language}: {text!r}: not in the catalogue; run extract" for text in sorted(map(_first, source - known))
    )
    yield from (f"{language}: {text!r}: not in the source; run extract" for text in sorted(map(_first, known - source)))
    for message in catalogue:
        if message.id:
            for fault in faults(message, language, catalogue.num_plurals, same):
                yield f"{language}: {_first(message.id)!r}: {fault}"


def problems(root: Path = ROOT, *, packages: bool = True) -> list[str]:
    """Return every problem of the catalogues, one line each.

    `packages` compares translations/framework.pot with what is installed as well.
    """
    try:
        template = wanted(root)
        fresh = framework_template() if packages else b""
    except BrokenSource as error:
        return [str(error)]
    found = []
    pot = root / "translations" / "framework.pot"
    if packages and (not pot.exists() or pot.read_bytes() != fresh):
        found.append("framework.pot: the installed packages have other texts; run framework")
    same = SameAsEnglish(root / "translations" / "same-as-english.txt")
    found += [*same.faults, *_source_faults(template)]
    for language in LANGUAGES:
        found += _catalogue_faults(root, language, template, same)
    return [*found, *same.leftovers()]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run one verb; return the exit code."""
    parser = argparse.ArgumentParser(description="The catalogues of translations.")
    parser.add_argument("verb", choices=("extract", "compile", "check", "framework"))
    verb = parser.parse_args(arguments).verb
    if verb == "check":
        found = problems(root)
        print("\n".join([*found, f"translations: {len(found)} problems" if found else "translations: ok"]))
        return 1 if found else 0
    act = {"extract": extract, "compile": compile_catalogues, "framework": framework}[verb]
    try:
        changed = act(root)
    except (BrokenSource, PoFileError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in changed:
        print(path.relative_to(root))
    return 0


if __name__ == "__main__":
    sys.exit(main())
