"""A store that is slow, refuses, loses an answer or is away: asked again, or told with the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from io_managers.publish import claim_epoch, published_epoch
from io_managers.versions import register
from resources.errors import LakeError
from resources.lake.lake import Lake
from tests.io_managers.rows import VERSION
from tests.io_managers.test_publish import put
from tests.lakes import lake_in_bucket
from tests.object_store import ObjectStore
from tests.store_proxy import Answer, Request, Rule, StoreProxy, store_proxy


@pytest.fixture
def proxy(s3: ObjectStore) -> Iterator[StoreProxy]:
    with store_proxy(s3.endpoint) as proxy:
        yield proxy


@pytest.fixture
def lake(s3: ObjectStore, proxy: StoreProxy) -> Lake:
    plain = lake_in_bucket(s3)
    return Lake(plain.root, {**plain.storage_options, "aws_endpoint_url": proxy.endpoint})


def times(n: int, answer: Answer, where: Callable[[Request], bool]) -> Rule:
    """A rule that answers so to the first n requests of a kind."""
    left = [n]

    def rule(request: Request) -> Answer | None:
        if not left[0] or not where(request):
            return None
        left[0] -= 1
        return answer

    return rule


def is_commit(request: Request) -> bool:
    return request.method == "PUT" and "/docs/_delta_log/" in request.key


@pytest.mark.parametrize(
    "lost", [Answer(pass_on=True), Answer(500, "InternalError", pass_on=True)], ids=["cut", "500"]
)
def test_a_commit_whose_answer_is_lost_is_one_commit(
    lake: Lake, proxy: StoreProxy, lost: Answer
) -> None:
    put(lake, "b1", 1, "d1")
    with proxy.breaking(times(1, lost, is_commit)):
        put(lake, "b2", 1, "d2")
    other = Lake(lake.root, lake.storage_options)
    assert other.read("docs").sort("doc_id")["doc_id"].to_list() == ["d1", "d2"]
    assert published_epoch(other, "docs", "b2") == 1


def test_an_epoch_whose_answer_is_lost_is_claimed_by_nobody_else(
    lake: Lake, proxy: StoreProxy
) -> None:
    lost = Answer(500, "InternalError", pass_on=True)
    with proxy.breaking(times(1, lost, lambda request: request.method == "PUT")):
        first = claim_epoch(lake, "docs", "b1")
    assert claim_epoch(lake, "docs", "b1") > first


def test_a_store_that_asks_to_slow_down_is_asked_again(lake: Lake, proxy: StoreProxy) -> None:
    with proxy.breaking(times(5, Answer(503, "SlowDown"), lambda request: True)):
        put(lake, "b1", 1, "d1")
    assert lake.read("docs")["doc_id"].to_list() == ["d1"]


@pytest.mark.parametrize(
    "work",
    [
        lambda lake: lake.get("_quire/a"),
        lambda lake: lake.names("_quire"),
        lambda lake: lake.open("docs"),
        lambda lake: lake.check_writable(),
        lambda lake: register(lake, VERSION, "block"),
    ],
)
def test_refused_credentials_are_one_line_that_says_what_they_must_allow(
    lake: Lake, proxy: StoreProxy, work: Callable[[Lake], object]
) -> None:
    denied = times(-1, Answer(403, "AccessDenied"), lambda request: True)
    with proxy.breaking(denied), pytest.raises(LakeError, match="refuses these cred") as error:
        work(lake)
    assert "QUIRE_STORAGE_OPTIONS" in str(error.value)
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)


def test_rows_that_may_be_read_and_not_written_stay_as_they_are(
    lake: Lake, proxy: StoreProxy
) -> None:
    put(lake, "b1", 1, "d1")
    with (
        proxy.breaking(times(-1, Answer(403, "AccessDenied"), is_commit)),
        pytest.raises(LakeError, match="refuses these credentials"),
    ):
        put(lake, "b1", 2, "d2")
    assert lake.read("docs")["doc_id"].to_list() == ["d1"]


def test_a_table_that_nobody_changed_is_opened_with_one_request(
    lake: Lake, proxy: StoreProxy
) -> None:
    for number in range(3):
        put(lake, f"b{number}", 1, f"d{number}")
    published_epoch(lake, "docs", "b0")
    proxy.seen.clear()
    for number in range(3):
        assert published_epoch(lake, "docs", f"b{number}") == 1
    assert len(proxy.seen) == 3
    other = Lake(lake.root, lake.storage_options)
    put(other, "b9", 1, "d9")
    assert published_epoch(lake, "docs", "b9") == 1
    assert "d9" in lake.read("docs")["doc_id"]


def test_logs_in_a_bucket_are_checkpointed_every_twenty_commits(lake: Lake) -> None:
    for number in range(21):
        put(lake, f"b{number}", 1, f"d{number}")
    assert [name for name in lake.names("docs/_delta_log") if "checkpoint.parquet" in name]
    other = Lake(lake.root, lake.storage_options)
    assert all(published_epoch(other, "docs", f"b{number}") == 1 for number in range(21))
