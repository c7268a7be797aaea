"""Draw the icons with which devices show the installed program from our own SVG, for tools/assets.py."""

import io
from pathlib import Path

import pypdfium2
import weasyprint

IMAGES = Path(__file__).resolve().parent.parent / "app" / "static" / "img"
# Picture → the drawing it is made from, and its width in pixels. Apple's devices round the corners themselves.
PICTURES = {
    "icon-192.png": ("mark.svg", 192),
    "icon-512.png": ("mark.svg", 512),
    "maskable-512.png": ("maskable.svg", 512),
    "apple-touch-icon.png": ("maskable.svg", 180),
}


def picture(drawing: Path, width: int) -> bytes:
    """Return a square drawing as PNG, see-through where nothing is drawn."""
    style = f"@page {{ size: {width}px; margin: 0 }} body {{ margin: 0 }} img {{ display: block; width: {width}px }}"
    paper = weasyprint.HTML(string=f'<style>{style}</style><img src="{drawing.as_uri()}">').write_pdf()
    made = io.BytesIO()
    with pypdfium2.PdfDocument(paper) as document:
        bitmap = document[0].render(scale=96 / 72, fill_color=(0, 0, 0, 0))
        bitmap.to_pil().resize((width, width)).save(made, "PNG", optimize=True)
    return made.getvalue()


def draw(folder: Path) -> None:
    """Draw all into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (drawing, width) in PICTURES.items():
        (folder / name).write_bytes(picture(IMAGES / drawing, width))
