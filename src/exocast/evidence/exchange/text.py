"""Text from files of others: decoded, freed of marks that are no text, and of a bounded length."""

from __future__ import annotations

import html
import re
import unicodedata

MOST_CHARACTERS = 4000
# A tag of markup: a name, attributes with their values, nothing else; so "p < 0.05" stays.
TAG = re.compile(
    r"</?[A-Za-z][\w:-]{0,40}"
    r"(?:\s+[\w:-]{1,40}\s*=\s*(?:\"[^\"<>]{0,400}\"|'[^'<>]{0,400}'|[^\s<>\"']{1,400})){0,20}"
    r"\s*/?>"
)
MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Control characters part words; marks of layout, half letters and private ones are nothing.
INSTEAD = {"Cc": " ", "Cf": "", "Cs": "", "Co": ""}
DOI = re.compile(r"10\.\d{4,9}/[^\s\"]+")
PMID = re.compile(r"[1-9]\d{0,8}")
PMCID = re.compile(r"PMC\d{1,9}", re.IGNORECASE)
NCT = re.compile(r"NCT\d{8}(?!\d)", re.IGNORECASE)
REGISTRATION = re.compile(
    r"\b(?:NCT\d{8}|ACTRN\d{14}|IRCT\w{1,20}\d|ISRCTN\d{1,12}|ChiCTR[\w-]{1,20}\d|JPRN-\w{1,20}"
    r"|20\d\d-\d{6}-\d\d(?:-\d\d)?)\b"
)
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


def decoded(data: bytes) -> tuple[str, str]:
    """Text of a file, and a sentence where the encoding was not plain UTF-8 (else empty).

    A byte order mark is believed; UTF-16 without one is known by its zero bytes; what is no UTF-8
    is read as Latin-1, in which every byte is a letter.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            text = data.decode(encoding, errors="replace")
            said = "" if encoding == "utf-8-sig" else "read as UTF-16"
            return text, said + (", with bytes that are none" if "\ufffd" in text else "")
    head = data[:4000]
    if len(head) >= 8 and head.count(0) * 3 >= len(head):
        order = "le" if head[1::2].count(0) >= head[::2].count(0) else "be"
        return data.decode(f"utf-16-{order}", errors="replace"), "read as UTF-16"
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        return data.decode("latin-1"), "no UTF-8, so read as Latin-1; look at letters with accents"


def plain(value: object, most: int = MOST_CHARACTERS) -> str:
    """A text on one line: entities decoded, tags taken off, control characters removed.

    Numbers are taken as their text; anything else that is no text gives an empty one. What is
    longer than ``most`` is cut and ends in an ellipsis.
    """
    if value == "" or isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value)[: 4 * most]
    for _ in range(2):  # "&lt;i&gt;" is a tag that was written as text
        text = html.unescape(text) if "&" in text else text
        text = TAG.sub("", text) if "<" in text else text
    if not text.isprintable():
        text = "".join(INSTEAD.get(unicodedata.category(c), c) for c in text)
    line = " ".join(unicodedata.normalize("NFC", text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def number(value: object) -> str:
    """The text if it is a finite number (thousands may have commas), else an empty one."""
    text = plain(value, 40).replace("−", "-")
    if re.fullmatch(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        text = text.replace(",", "")
    if not re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", text):
        return ""
    return text.removeprefix("+")


def doi(value: object) -> str:
    """The DOI in a text, without its resolver and without the signs that end a sentence."""
    found = DOI.search(plain(value, 300))
    if not found:
        return ""
    text = found[0].rstrip(".,;'")
    while text.endswith((")", "]", ">")) and text.count(")") > text.count("("):
        text = text[:-1].rstrip(".,;")
    return text


def year(value: object) -> str:
    """The first year in a text, else an empty one."""
    found = YEAR.search(plain(value, 200))
    return found[0] if found else ""


def each(pattern: re.Pattern[str], value: object) -> str:
    """All different matches in a text, in upper case for registry numbers, blanks between."""
    found = pattern.findall(plain(value, 200_000))
    if pattern in (NCT, PMCID):
        found = [one.upper() for one in found]
    return " ".join(dict.fromkeys(found))
