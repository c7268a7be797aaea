"""Pictures that somebody has uploaded, drawn anew: only what is seen stays, as PNG of a bounded size."""

import io
import warnings
from typing import Final

from PIL import Image, ImageFile, ImageOps

from app.errors import DomainError
from app.i18n import gettext as _

MOST_BYTES: Final = 2 << 20
MOST_PIXELS: Final = 16_000_000  # before it is unpacked
WIDEST: Final = 1_200  # pixels of what is kept, either way
FORMATS: Final = ("PNG", "JPEG")


def drawn(content: bytes) -> bytes:
    """Return a picture as PNG without anything but its pixels. Raises DomainError for what is no such picture."""
    if len(content) > MOST_BYTES:
        raise DomainError(_("At most %(most)s MB", most=MOST_BYTES >> 20))
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # other libraries set it for the whole process
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as given:
                if given.width * given.height > MOST_PIXELS:
                    raise DomainError(_("At most %(most)s million pixels", most=MOST_PIXELS // 1_000_000))
                return _as_png(given)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DomainError(_("At most %(most)s million pixels", most=MOST_PIXELS // 1_000_000)) from None
    except (OSError, SyntaxError, ValueError, EOFError):  # what the library says of broken pictures
        raise DomainError(_("Choose a picture as PNG or JPEG")) from None


def _as_png(given: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(given)
    is_clear = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
    plain = upright.convert("RGBA" if is_clear else "RGB")
    plain.thumbnail((WIDEST, WIDEST))
    clean = Image.new(plain.mode, plain.size)  # profiles, places and texts stay behind
    clean.paste(plain)
    target = io.BytesIO()
    clean.save(target, format="PNG", optimize=True)
    return target.getvalue()
