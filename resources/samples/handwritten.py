"""A PDF file written from its objects, byte for byte, for what no library would write.

Here: header, objects, cross-reference table, trailer. Not here: the objects.
"""

from __future__ import annotations

from collections.abc import Sequence


def pdf_of(bodies: Sequence[bytes]) -> bytes:
    """The file of these objects, numbered from 1; the first is the catalog."""
    out = bytearray(b"%PDF-1.7\n")
    entries = [b"0000000000 65535 f \n"]
    for number, body in enumerate(bodies, start=1):
        entries.append(b"%010d 00000 n \n" % len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n%s" % (len(entries), b"".join(entries))
    out += b"trailer <</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(entries), start)
    return bytes(out)
