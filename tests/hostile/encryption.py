"""Documents that are locked, by a known handler, an unknown one, or a broken one."""

from __future__ import annotations

from typing import Any

import pymupdf

from resources.samples import locked
from tests.hostile.case import Draft, Hostile

PASSWORDS = ["wrong", locked.KNOWN_PASSWORD, "Pässwörd"]
"""What QUIRE_PASSWORDS holds while the set is ingested."""


def encrypted(words: str, **options: Any) -> bytes:
    with pymupdf.open(stream=Draft(words).file(), filetype="pdf") as document:
        return bytes(document.tobytes(**options))


def user_password() -> bytes:
    kind = pymupdf.PDF_ENCRYPT_AES_256
    return encrypted("a secret", encryption=kind, user_pw="unknown", owner_pw="unknown too")


def user_password_rc4() -> bytes:
    kind = pymupdf.PDF_ENCRYPT_RC4_40
    return encrypted("a secret", encryption=kind, user_pw="unknown", owner_pw="unknown too")


def known_password() -> bytes:
    kind = pymupdf.PDF_ENCRYPT_AES_256
    return encrypted("an open secret", encryption=kind, user_pw="Pässwörd", owner_pw="other")


def owner_password() -> bytes:
    kind = pymupdf.PDF_ENCRYPT_AES_128
    return encrypted("no secret", encryption=kind, user_pw="", owner_pw="other", permissions=0)


def _handler(dictionary: bytes) -> bytes:
    draft = Draft("a secret")
    draft.trailer = b"/ID[<00><00>]/Encrypt<<%s>>" % dictionary
    return draft.file()


def handler_dangling() -> bytes:
    draft = Draft("nothing encrypted")
    draft.trailer = b"/Encrypt 99 0 R"
    return draft.file()


def handler_of_itself() -> bytes:
    draft = Draft("a secret")
    number = draft.next()
    draft.add(b"<</Filter %d 0 R/V %d 0 R/R %d 0 R>>" % (number, number, number))
    draft.trailer = b"/Encrypt %d 0 R" % number
    return draft.file()


CASES = (
    Hostile("locked-aes.pdf", user_password, "no password that was given fits", ("encrypted",),
            n_pages=None, absent="a secret"),
    Hostile("locked-rc4.pdf", user_password_rc4, "no password that was given fits", ("encrypted",),
            n_pages=None, absent="a secret"),
    Hostile("locked-sample.pdf", locked.unknown_password, "the sample's own handler",
            ("encrypted",), n_pages=None),
    Hostile("locked-known.pdf", known_password, "a password that was given fits",
            text="an open secret"),
    Hostile("locked-owner.pdf", owner_password, "the owner's password forbids, it does not lock",
            text="no secret"),
    Hostile("handler-unknown.pdf", lambda: _handler(b"/Filter/Nobodys.Handler/V 1"),
            "a handler that nobody has", ("encrypted",), n_pages=None),
    Hostile("handler-certificate.pdf",
            lambda: _handler(b"/Filter/Adobe.PubSec/SubFilter/adbe.pkcs7.s4/V 2/Recipients[<00>]"),
            "a certificate opens it, no password", ("encrypted",), n_pages=None),
    Hostile("handler-version.pdf",
            lambda: _handler(b"/Filter/Standard/V 99/R 99/O(x)/U(x)/P -1"),
            "a version of the handler that does not exist", ("encrypted", "corrupt"), n_pages=None),
    Hostile("handler-dangling.pdf", handler_dangling, "an encryption that is not there is none",
            text="nothing encrypted"),
    Hostile("handler-loop.pdf", handler_of_itself, "a handler that is its own name",
            ("encrypted", "corrupt"), n_pages=None),
)  # fmt: skip
"""Expected before the first run, from DESIGN 5."""
