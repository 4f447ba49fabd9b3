"""Notifications: each event is told once, kept until it is heard, and no secret is printed."""

from __future__ import annotations

import json
import logging
import socket
import time
from pathlib import Path

import pytest

from resources.errors import SettingError
from resources.lake.lake import Lake
from resources.lake.sweeping import REMEMBER_SECONDS, old_notices
from resources.settings import load_settings
from resources.telemetry.notices import run_notice
from resources.telemetry.notify import (
    FAILED,
    SUCCEEDED,
    DeliveryError,
    LogNotifier,
    Notification,
    WebhookNotifier,
    make_notifier,
)
from resources.telemetry.outbox import FOLDER, GIVE_UP_SECONDS, Outbox
from tests.lakes import MIXED, Pdf, make_lake, publish_batch
from tests.resources.telemetry.receiver import Receiver, receiving

LOG = logging.getLogger("quire.tests")
BATCH = "b00000001"
HOUR = 3600.0


def notice(event_id: str = "run-1") -> Notification:
    return Notification(event_id, SUCCEEDED, BATCH, "/lake", files={"done": 2})


def outbox(lake: Lake, receiver: Receiver) -> Outbox:
    return Outbox(lake, make_notifier(receiver.url, LOG), LOG)


def kept(lake: Lake, place: str) -> list[str]:
    return lake.names(f"{FOLDER}/{place}")


def test_a_receiver_that_is_busy_hears_it_a_moment_later(
    lake: Lake, capfd: pytest.CaptureFixture[str]
) -> None:
    with receiving(503, 429, 204) as receiver:
        outbox(lake, receiver).announce(notice())
        outbox(lake, receiver).announce(notice())  # another process saw the same run
    assert [told["id"] for told in receiver.heard] == ["run-1"]
    assert receiver.n_asked == 3
    assert capfd.readouterr().out == ""  # where a command prints its JSON
    assert (kept(lake, "waiting"), kept(lake, "told"), kept(lake, "sending")) == ([], ["run-1"], [])


def test_what_is_not_heard_is_told_on_a_later_tick(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving(404, 200) as receiver:
        box = outbox(lake, receiver)
        box.announce(notice())
        box.announce(notice("run-2"))  # it is away: not asked again at once
        assert (receiver.n_asked, kept(lake, "waiting")) == (1, ["run-1", "run-2"])
        assert box.deliver() == 0
        assert box.deliver(time.time() + HOUR) == 2
    assert [told["id"] for told in receiver.heard] == ["run-1", "run-2"]
    assert kept(lake, "waiting") == []
    assert "QUIRE_WEBHOOK" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_receiver_that_is_gone_for_days_is_given_up_and_nothing_is_lost(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/hooks/s3cret"
    box = Outbox(lake, WebhookNotifier(url), LOG)
    box.announce(notice())
    assert kept(lake, "waiting") == ["run-1"]
    assert box.deliver(time.time() + 2 * GIVE_UP_SECONDS) == 0
    assert kept(lake, "waiting") == []
    (name,) = kept(lake, "undelivered")
    held = json.loads(lake.get(f"{FOLDER}/undelivered/{name}") or b"")
    assert held["notification"]["id"] == "run-1"
    assert f"undelivered/{'run-1'}" in caplog.text
    assert "s3cret" not in caplog.text


def test_damaged_records_stop_nothing(lake: Lake) -> None:
    with receiving() as receiver:
        for name in ("waiting/run-0", "sending/run-1", "away.json"):
            lake.put(f"{FOLDER}/{name}", b"{")
        outbox(lake, receiver).announce(notice())
        assert [told["id"] for told in receiver.heard] == ["run-1"]
    assert kept(lake, "waiting") == []


def test_one_that_another_process_is_sending_is_left_to_it_until_it_died(lake: Lake) -> None:
    with receiving() as receiver:
        box = outbox(lake, receiver)
        lake.put(f"{FOLDER}/sending/run-1", json.dumps({"since": time.time()}).encode())
        box.announce(notice())
        assert receiver.heard == []
        assert box.deliver(time.time() + HOUR) == 1
    assert len(receiver.heard) == 1


@pytest.mark.parametrize("code", [301, 400, 401, 500])
def test_no_answer_but_2xx_counts(code: int) -> None:
    with receiving(code) as receiver, pytest.raises(DeliveryError) as refused:
        WebhookNotifier(receiver.url).send(notice())
    assert receiver.heard == []
    assert str(code) in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_webhook_is_never_printed_whole(tmp_path: Path) -> None:
    url = "https://user:pw@hooks.example/T0/s3cret?token=s3cret"
    notifier = WebhookNotifier(url)
    assert repr(notifier) == "WebhookNotifier('https://hooks.example/...')"
    settings = load_settings({"QUIRE_WEBHOOK": url}, tmp_path)
    assert settings.webhook == url
    assert "s3cret" not in repr(settings)
    with pytest.raises(SettingError) as wrong:
        load_settings({"QUIRE_WEBHOOK": "hooks.example/s3cret"}, tmp_path)
    assert "s3cret" not in str(wrong.value)


def test_the_log_is_told_where_nothing_is_set(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    notifier = make_notifier(None, LOG)
    assert isinstance(notifier, LogNotifier)
    box = Outbox(lake, notifier, LOG)
    box.announce(notice())
    box.announce(Notification("run-2", FAILED, BATCH, "/lake", error="pages: no engine"))
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR"]
    assert "succeeded; files: 2 done" in caplog.text
    assert "no engine" in caplog.text
    assert lake.names(FOLDER) == []


def test_a_notice_counts_the_files_of_its_batch(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, BATCH, MIXED)
    publish_batch(lake, "b00000002", [Pdf("copy.pdf", content="broken.pdf"), Pdf("more.pdf")])
    first = run_notice(lake, BATCH, "run-1", None, started=0.5, ended=2.0)
    assert first.event == SUCCEEDED
    assert first.files == {"quarantined": 3, "blocked": 1, "waiting": 1, "partial": 1, "done": 3}
    assert first.failures["corrupt"] == 1
    assert first.run_path == "/runs/run-1"
    # A duplicate has its owner's state, in whatever batch that is.
    second = run_notice(lake, "b00000002", "run-2", "pages: gone")
    assert (second.event, second.files) == (FAILED, {"quarantined": 1, "done": 1})


def test_marks_of_what_was_told_are_swept_after_a_month(lake: Lake) -> None:
    with receiving() as receiver:
        outbox(lake, receiver).announce(notice())
    assert old_notices(lake) == []
    assert old_notices(lake, time.time() + REMEMBER_SECONDS + HOUR) == [f"{FOLDER}/told/run-1"]
