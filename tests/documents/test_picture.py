"""Uploaded pictures drawn anew: what is kept, how large, and what is refused."""

import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from app.documents import picture
from app.errors import DomainError
from tests.attack import attack


def made(form="PNG", size=(40, 20), mode="RGBA", colour=(255, 0, 0, 128), **about):
    target = io.BytesIO()
    Image.new(mode, size, colour).save(target, format=form, **about)
    return target.getvalue()


def opened(content):
    return Image.open(io.BytesIO(content))


@pytest.fixture(autouse=True)
def speaking(app):
    with app.app_context():
        yield


def test_a_clear_ground_stays_and_a_large_picture_becomes_smaller():
    kept = opened(picture.drawn(made(size=(2_400, 600))))
    assert (kept.format, kept.mode, kept.size) == ("PNG", "RGBA", (1_200, 300))
    assert kept.getpixel((0, 0)) == (255, 0, 0, 128)
    photo = opened(picture.drawn(made("JPEG", mode="RGB", colour=(0, 0, 255))))
    assert (photo.format, photo.mode, photo.size) == ("PNG", "RGB", (40, 20))


def test_the_same_picture_gives_the_same_bytes():
    assert picture.drawn(made()) == picture.drawn(made())


def test_a_photo_that_lies_on_its_side_is_turned():
    turned = Image.Exif()
    turned[0x0112] = 6
    kept = opened(picture.drawn(made("JPEG", mode="RGB", colour=(0, 0, 255), exif=turned.tobytes())))
    assert kept.size == (20, 40)


@attack(212, "a picture that carries more than what is seen, or is none")
def test_only_pixels_are_kept_and_what_is_no_picture_is_refused():
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", "<script>alert(1)</script>")
    kept = picture.drawn(made(pnginfo=said, icc_profile=b"x" * 200) + b"PK\x03\x04 hidden")
    assert b"script" not in kept
    assert b"hidden" not in kept
    assert set(opened(kept).info) <= {"dpi"}
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    gif = made("GIF", mode="P", colour=1)
    for content in (svg, gif, b"", b"%PDF-1.7", made()[:60], made("JPEG", mode="RGB", colour=(1, 2, 3))[:100]):
        with pytest.raises(DomainError, match="Choose a picture as PNG or JPEG"):
            picture.drawn(content)
    with pytest.raises(DomainError, match="At most 2 MB"):
        picture.drawn(b"\x89PNG" + b"x" * picture.MOST_BYTES)


def _bomb(width, height):
    """A picture of a few bytes whose head says that it is huge."""
    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 99)), (b"IEND", b""))
    chunks = (struct.pack("!I", len(body)) + kind + body + struct.pack("!I", zlib.crc32(kind + body))
              for kind, body in parts)  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@attack(213, "a picture of a few bytes that unpacks into gigabytes")
@pytest.mark.parametrize("size", [(4_001, 4_000), (12_000, 9_000), (65_000, 65_000)])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked(size):
    with pytest.raises(DomainError, match="At most 16 million pixels"):
        picture.drawn(_bomb(*size))
