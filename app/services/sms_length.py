"""How many parts a text message has: what is charged for.

Source: 3GPP TS 23.038 (the alphabet of 7 bits and its extension), TS 23.040 (parts of a longer message).
"""

from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")
_ONE_7, _MORE_7 = 160, 153
_ONE_16, _MORE_16 = 70, 67


@dataclass(frozen=True)
class Length:
    """Units: `size` in signs of the alphabet, `left` in the last part; `is_wide` says that 16 bits a sign are used."""

    size: int
    parts: int
    left: int
    is_wide: bool


def of(text: str) -> Length:
    """Return the length of a text message."""
    is_wide = not set(text) <= _BASIC | _EXTENDED
    sizes = [len(sign.encode("utf-16-be")) // 2 if is_wide else 1 + (sign in _EXTENDED) for sign in text]
    one, more = (_ONE_16, _MORE_16) if is_wide else (_ONE_7, _MORE_7)
    size = sum(sizes)
    if size <= one:
        return Length(size, 1, one - size, is_wide)
    parts, used = 1, 0
    for each in sizes:  # a sign of two halves is never parted
        if used + each > more:
            parts, used = parts + 1, 0
        used += each
    return Length(size, parts, more - used, is_wide)
