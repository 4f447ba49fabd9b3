"""The head of a report's file, with the policy that lets the page do nothing but be seen.

Here: everything before the body. Not here: style sheets, which are each report's own.
"""

from __future__ import annotations

import base64
import hashlib

from resources.report.escaping import safe


def opening(title: str, style: str) -> str:
    """The beginning of the file, to its body.

    The policy allows one style sheet, by its hash, and pictures that are inside the file or beside
    it: no script, no frame, no form, no request to anywhere.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data: file: 'self'; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{safe(title)}</title>\n<style>{style}</style></head>\n<body>\n"
    )
