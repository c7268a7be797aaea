"""Numbers of the demo data with right check digits, so that they pass the same rules as real ones."""

from random import Random

from app.services.identifier import account_key_fits

BIK = "049900001"  # region 99 belongs to no bank
BANK_CODES = {"NL": "DEMO", "GB": "DEMO", "BE": "999"}  # banks that do not exist
BICS = {"NL": "DEMONL2A", "GB": "DEMOGB2L", "BE": "DEMOBE22", "AM": "DEMOAM22"}

_INN_TENTH = (2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_ELEVENTH = (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_TWELFTH = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
_GB_WEIGHTS = range(8, 1, -1)
_RSIN_WEIGHTS = range(9, 1, -1)
_GLN_PREFIX = {"NL": "87", "BE": "54", "RU": "46", "AM": "485", "GB": "50"}


def pattern(random: Random, text: str) -> str:
    """Return the text with a digit for each `#` and a capital letter for each `@`."""
    return "".join(
        str(random.randrange(10)) if sign == "#" else random.choice("ABCDEGHJKLNPRSTVWXZ") if sign == "@" else sign
        for sign in text
    )


def serial(at: int) -> str:
    """Return seven digits that stand for the n-th record alone, and look as if they were drawn."""
    return str((at * 7_368_787 + 1_234_567) % 9_000_000 + 1_000_000)


def digits(random: Random, count: int) -> str:
    """Return that many digits, the first not zero."""
    return str(random.randrange(10 ** (count - 1), 10**count))


def inn(serial: str, *, person: bool) -> str:
    """Return a Russian ИНН for seven digits: 10 digits for a company, 12 for a person."""
    if not person:
        base = f"99{serial}"
        return base + _inn_digit(base, _INN_TENTH)
    base = f"990{serial}"
    base += _inn_digit(base, _INN_ELEVENTH)
    return base + _inn_digit(base, _INN_TWELFTH)


def _inn_digit(base: str, weights: tuple[int, ...]) -> str:
    return str(_sum(base, weights) % 11 % 10)


def ogrn(random: Random, *, person: bool) -> str:
    """Return a Russian ОГРН of 13 digits or an ОГРНИП of 15."""
    beginning, length, modulus = ("3", 13, 13) if person else ("1", 11, 11)
    while True:
        base = beginning + digits(random, length)
        check = int(base) % modulus
        if check < 10:  # noqa: PLR2004 -- one digit: then every reading of the rule agrees on it
            return f"{base}{check}"


def rsin(serial: str) -> str:
    """Return a Dutch number of nine digits for seven, one that passes the eleven test."""
    bases = [f"{serial}{last}" for last in range(10)]
    checks = [_sum(base, _RSIN_WEIGHTS) % 11 for base in bases]
    return next(f"{base}{check}" for base, check in zip(bases, checks, strict=True) if check < 10)  # noqa: PLR2004 -- one digit


def vat_be(serial: str) -> str:
    """Return a Belgian VAT number for seven digits."""
    base = f"0{serial}"
    return f"BE{base}{97 - int(base) % 97:02d}"


def vat_gb(serial: str) -> str:
    """Return a British VAT number of nine digits for seven."""
    return f"{serial}{97 - (_sum(serial, _GB_WEIGHTS) + 55) % 97:02d}"


def gln(random: Random, country: str) -> str:
    """Return a GS1 location number of 13 digits."""
    prefix = _GLN_PREFIX[country]
    base = prefix + digits(random, 12 - len(prefix))
    return base + str(-_sum(base, (1, 3) * 6) % 10)


def iban(random: Random, country: str) -> str:
    """Return an IBAN at a bank that does not exist."""
    bank = BANK_CODES[country]
    if country == "NL":
        rest = bank + digits(random, 10)
    elif country == "GB":
        rest = bank + digits(random, 14)
    else:
        account = bank + digits(random, 7)
        rest = account + f"{int(account) % 97 or 97:02d}"
    number = int("".join(str(int(sign, 36)) for sign in f"{rest}{country}00"))
    return f"{country}{98 - number % 97:02d}{rest}"


def russian_account(random: Random, *, beginning: str = "40702810", bik: str = BIK) -> str:
    """Return an account whose ninth digit is the control key that the bank's code demands."""
    rest = digits(random, 11) if not beginning.startswith("30101") else "2" + digits(random, 7) + bik[-3:]
    return next(number for key in range(10) if account_key_fits(bik, number := f"{beginning}{key}{rest}"))


def _sum(base: str, weights: "tuple[int, ...] | range") -> int:
    return sum(int(digit) * weight for digit, weight in zip(base, weights, strict=True))
