"""Copy the front-end files that pages and documents use from node_modules to app/static/lib.

Exactly the files named here are copied, each with the licence of its package; a missing one is an error. Scripts and
icons stand there once more as small as Brotli makes them, as `app/web/compress.py` sends them.
"""

import shutil
import sys
from pathlib import Path

import brotli
from icons import draw

ROOT = Path(__file__).resolve().parent.parent
LIB = ROOT / "app" / "static" / "lib"
LANGUAGES = ("ru", "nl", "hy")
SUBSETS = ("latin", "latin-ext", "cyrillic", "cyrillic-ext")
WEIGHTS = (400, 700)
EDITOR = (
    "commands", "gapcursor", "history", "keymap", "model", "schema-list", "state", "tables", "transform", "view",
)  # fmt: skip


def wanted() -> dict[str, str]:
    """Return where each file comes from: path under app/static/lib → path under node_modules."""
    files = {
        "flatpickr/flatpickr.min.js": "flatpickr/dist/flatpickr.min.js",
        "flatpickr/LICENSE.md": "flatpickr/LICENSE.md",
        "htmx/htmx.min.js": "htmx.org/dist/htmx.min.js",
        "htmx/LICENSE": "htmx.org/LICENSE",
        "sortablejs/sortable.min.js": "sortablejs/Sortable.min.js",
        "sortablejs/LICENSE": "sortablejs/LICENSE",
        "echarts/echarts.common.min.js": "echarts/dist/echarts.common.min.js",
        "echarts/LICENSE": "echarts/LICENSE",
        "tom-select/tom-select.min.js": "tom-select/dist/js/tom-select.complete.min.js",
        "tom-select/LICENSE": "tom-select/LICENSE",
        "icons/LICENSE": "lucide-static/LICENSE",
        "inter/LICENSE": "@fontsource-variable/inter/LICENSE",
        "noto-sans/LICENSE": "@fontsource/noto-sans/LICENSE",
    }
    for name in EDITOR:  # modules as they are: an import map of the page says where each is
        files[f"prosemirror/{name}.js"] = f"prosemirror-{name}/dist/index.js"
    for name, place in (("orderedmap", "dist/"), ("rope-sequence", "dist/"), ("w3c-keyname", "")):
        files[f"prosemirror/{name}.js"] = f"{name}/{place}index.js"
    files["prosemirror/LICENSE"] = "prosemirror-view/LICENSE"
    for code in LANGUAGES:
        files[f"flatpickr/l10n/{code}.js"] = f"flatpickr/dist/l10n/{code}.js"
    for code in ("ru", "nl"):  # Armenian is our own: static/js/chart-hy.js
        files[f"echarts/i18n/{code}.js"] = f"echarts/i18n/lang{code.upper()}.js"
    for subset in SUBSETS:
        files[f"inter/inter-{subset}.woff2"] = f"@fontsource-variable/inter/files/inter-{subset}-wght-normal.woff2"
        for weight in WEIGHTS:
            files[f"noto-sans/noto-sans-{subset}-{weight}.woff2"] = (
                f"@fontsource/noto-sans/files/noto-sans-{subset}-{weight}-normal.woff2"
            )
    for weight in WEIGHTS:
        files[f"noto-sans/noto-sans-armenian-{weight}.woff2"] = (
            f"@fontsource/noto-sans-armenian/files/noto-sans-armenian-armenian-{weight}-normal.woff2"
        )
    return files


ICONS = (
    "archive", "archive-restore", "arrow-left", "arrow-right", "banknote", "bell", "bell-off",
    "between-horizontal-end", "between-horizontal-start", "between-vertical-end", "between-vertical-start", "blocks",
    "bold", "book-open", "bookmark", "braces", "building", "building-2", "calendar", "calendar-days", "chart-column",
    "check", "chevron-down", "chevron-first", "chevron-last", "chevron-left", "chevron-right", "chevron-up", "circle",
    "circle-alert", "circle-check", "circle-help", "circle-x", "clock", "coins", "columns-3", "command", "copy",
    "corner-down-left", "credit-card", "download", "ellipsis", "external-link", "eye", "file-check", "file-down",
    "file-text", "file-up", "filter", "globe", "grip-vertical", "hash", "history", "house", "inbox", "info", "italic",
    "kanban", "key-round", "keyboard", "landmark", "languages", "layers", "layout-grid", "link", "list", "list-filter",
    "list-ordered", "lock", "lock-open", "log-out", "mail", "menu", "message-square", "monitor", "moon", "package",
    "panel-left", "paperclip", "pencil", "percent", "phone", "pin", "play", "plus", "printer", "receipt", "redo-2",
    "refresh-cw", "repeat", "rotate-ccw", "rows-3", "ruler", "search", "send", "separator-horizontal", "settings",
    "share-2", "shield", "shopping-cart", "split", "star", "sun", "table", "tag", "tags", "text-align-center",
    "text-align-end", "text-align-start", "trash-2", "triangle-alert", "truck", "underline", "undo-2", "upload",
    "user", "user-cog", "user-plus", "users", "wallet", "x",
)  # fmt: skip


def sprite(modules: Path) -> tuple[str, list[str]]:
    """Return one SVG with every icon as a symbol, and the paths of those that are missing."""
    symbols, missing = [], []
    for name in ICONS:
        source = modules / "lucide-static" / "icons" / f"{name}.svg"
        if not source.is_file():
            missing.append(f"lucide-static/icons/{name}.svg")
            continue
        inside = source.read_text().partition("<svg")[2].partition(">")[2].rpartition("</svg>")[0]
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{"".join(inside.split(chr(10))).strip()}</symbol>')
    text = f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>'
    return text, missing


def copy(modules: Path, to: Path) -> list[str]:
    """Replace `to` by the wanted files; nothing is changed when one is missing.

    Shape: returns the missing paths under node_modules, none when all went well.
    """
    files = wanted()
    icons, lacking = sprite(modules)
    missing = sorted([*(source for source in files.values() if not (modules / source).is_file()), *lacking])
    if missing:
        return missing
    fresh = to.with_name(to.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    for target, source in files.items():
        (fresh / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(modules / source, fresh / target)
    (fresh / "icons" / "icons.svg").write_text(icons)
    for file in [*fresh.rglob("*.js"), *fresh.rglob("*.svg")]:
        file.with_name(f"{file.name}.br").write_bytes(brotli.compress(file.read_bytes(), quality=11))
    shutil.rmtree(to, ignore_errors=True)
    fresh.rename(to)
    return []


def main() -> int:
    """Copy, or say what is missing."""
    missing = copy(ROOT / "node_modules", LIB)
    for name in missing:
        print(f"assets: missing node_modules/{name}", file=sys.stderr)
    if not missing:
        draw(LIB / "app")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
