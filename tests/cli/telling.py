"""What commands say when they refuse, and what they run over."""

from __future__ import annotations

from collections.abc import Callable

Run = Callable[..., tuple[int, str, str]]
"""Runs a command over a lake: exit code, stdout, stderr (the fixture `quire`)."""
BATCH = "b00000001"


def one_line(err: str) -> str:
    """What was said on stderr, which has to be one line of ours."""
    assert err.startswith("quire: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err
