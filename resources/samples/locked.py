"""Encrypted samples: one whose password the demo knows, one whose password nobody gave.

MuPDF can encrypt, but it draws a random file identifier each time and the key hangs on it; these
samples must be the same bytes on every run, so the standard handler (RC4, 128 bits, revision 3,
PDF 1.7 section 7.6) is written out here. It protects nothing and is for samples only.
Not here: which passwords are tried when a document is read (`resources/workers/documents.py`).
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator
from typing import Final

import pymupdf

from resources.samples.typeset import A5, finish, inset, single

KNOWN_PASSWORD: Final = "open-sesame"
"""The password that the demo puts into QUIRE_PASSWORDS."""

_PASSWORD_NOBODY_GAVE: Final = "left-in-a-drawer"
_PADDING: Final = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_PERMISSIONS: Final = -4
_KEY_BYTES: Final = 16
_ROUNDS: Final = 50
_STRING: Final = re.compile(rb"<<|>>|\((?:\\.|[^\\()])*\)|<[0-9A-Fa-f\s]*>", re.DOTALL)

DIARY: Final = """
<h1>A Winter on Gull Rock</h1>
<p class="by">From the keeper's diary, kept under lock</p>
<p>The relief boat was due on 3 December and came on 11 January. In those thirty-nine days the three
of us ate the last of the potatoes, mended every chair in the house, and kept the light burning
without a single failure.</p>
<p>The lamp uses two litres of oil in a winter night. By Christmas the tank stood at a third, and I
cut the turns of the lens from four a minute to three, which saves nothing at all but gave us the
feeling that we were doing something.</p>
<p>On the worst night the sea broke over the gallery, thirty-one metres above the rock. The glass
held. In the morning we found a cod on the balcony and had it for breakfast.</p>
"""
LEDGER: Final = """
<h1>A Ledger Nobody May Read</h1>
<p>The password of this document was never handed over, so it waits in quarantine until it is.</p>
"""


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 255
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) & 255
        j = (j + state[i]) & 255
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) & 255])
    return bytes(out)


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _rounds(key: bytes, data: bytes) -> bytes:
    """Encrypt twenty times, each with the key xored with the number of the round."""
    for number in range(20):
        data = _rc4(bytes(byte ^ number for byte in key), data)
    return data


def _handler(password: str, identifier: bytes) -> tuple[bytes, bytes, bytes]:
    """The file's key, and the O and U entries of its encryption dictionary."""
    padded = (password.encode("ascii") + _PADDING)[:32]
    owner_key = _md5(padded)
    for _ in range(_ROUNDS):
        owner_key = _md5(owner_key)
    owner = _rounds(owner_key, padded)
    key = _md5(padded + owner + struct.pack("<i", _PERMISSIONS) + identifier)
    for _ in range(_ROUNDS):
        key = _md5(key[:_KEY_BYTES])
    user = _rounds(key, _md5(_PADDING + identifier)) + _PADDING[:16]
    return key, owner, user


def _unescaped(literal: bytes) -> bytes:
    if literal.startswith(b"("):
        return re.sub(rb"\\(.)", rb"\1", literal[1:-1], flags=re.DOTALL)
    return bytes.fromhex(literal[1:-1].decode("ascii"))


def _objects(document: pymupdf.Document, key: bytes) -> Iterator[tuple[int, bytes]]:
    """Every object of the document with its strings and its stream encrypted."""
    for xref in range(1, document.xref_length()):
        salted = _md5(key + struct.pack("<I", xref)[:3] + b"\0\0")

        def encrypt(match: re.Match[bytes], salted: bytes = salted) -> bytes:
            token = match.group()
            if token in (b"<<", b">>"):
                return token
            return b"<" + _rc4(salted, _unescaped(token)).hex().encode("ascii") + b">"

        source = document.xref_object(xref, compressed=True).encode("latin-1")
        body = _STRING.sub(encrypt, source)
        if document.xref_is_stream(xref):
            stream = _rc4(salted, document.xref_stream_raw(xref))
            body += b"\nstream\n" + stream + b"\nendstream"
        yield xref, body


def _encrypted(document: pymupdf.Document, password: str) -> bytes:
    identifier = _md5(password.encode("ascii"))
    key, owner, user = _handler(password, identifier)
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    entries = [b"0000000000 65535 f \n"]
    for xref, body in _objects(document, key):
        entries.append(b"%010d 00000 n \n" % len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (xref, body)
    start = len(out)
    root, info = (document.xref_get_key(-1, k)[1].encode("ascii") for k in ("Root", "Info"))
    mark = b"<" + identifier.hex().encode("ascii") + b">"
    out += b"xref\n0 %d\n%s" % (len(entries), b"".join(entries))
    out += b"trailer\n<</Size %d/Root %s/Info %s" % (len(entries), root, info)
    out += b"/ID[%s%s]" % (mark, mark)
    out += b"/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P %d/O<%s>/U<%s>>>>>\n" % (
        _PERMISSIONS,
        owner.hex().encode("ascii"),
        user.hex().encode("ascii"),
    )
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def _plain_objects(html: str, title: str) -> pymupdf.Document:
    """The page with every object on its own, which is the form that `_encrypted` rewrites."""
    made = pymupdf.open("pdf", finish(single(html, A5, inset(A5, 44)), title))
    return pymupdf.open("pdf", made.tobytes(garbage=4, deflate=True, no_new_id=True))


def known_password() -> bytes:
    """A page that opens with `KNOWN_PASSWORD`."""
    return _encrypted(_plain_objects(DIARY, "A Winter on Gull Rock"), KNOWN_PASSWORD)


def unknown_password() -> bytes:
    """A page whose password no setting holds."""
    return _encrypted(_plain_objects(LEDGER, "A Ledger"), _PASSWORD_NOBODY_GAVE)
