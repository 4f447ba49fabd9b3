"""Small objects: whole, exclusive, and never from a cache, in a folder and in a bucket."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from io_managers.publish import claim_epoch
from resources.errors import LakeError, SettingError
from resources.lake.lake import Lake
from tests.lakes import lake_in_bucket
from tests.object_store import ObjectStore

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(params=["folder", "bucket"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "folder":
        return Lake(str(tmp_path / "lake"))
    return lake_in_bucket(request.getfixturevalue("s3"))


def test_an_object_is_read_as_another_writer_left_it(lake: Lake) -> None:
    other = Lake(lake.root, lake.storage_options)
    assert lake.get("_quire/a") is None
    assert lake.names("_quire") == []
    assert lake.find("_quire") == {}
    other.put("_quire/a", b"one")
    assert lake.get("_quire/a") == b"one"
    assert lake.names("_quire") == ["a"]
    assert lake.size("_quire/a") == 3
    other.put("_quire/a", b"three")
    assert (lake.get("_quire/a"), lake.size("_quire/a")) == (b"three", 5)
    other.delete("_quire/a")
    assert lake.get("_quire/a") is None
    assert lake.size("_quire/a") is None
    assert not lake.has("_quire/a")
    assert lake.names("_quire") == []


def test_many_objects_are_read_in_order_and_missing_ones_are_none(lake: Lake) -> None:
    for number in range(5):
        lake.put(f"_quire/batches/{number}.json", str(number).encode())
    paths = [f"_quire/batches/{number}.json" for number in (3, 9, 0, 3)]
    assert lake.get_all(paths) == [b"3", None, b"0", b"3"]
    assert lake.get_all([]) == []


def test_only_one_writer_makes_an_object(lake: Lake) -> None:
    assert lake.put_new("_quire/epochs/1", b"")
    assert not lake.put_new("_quire/epochs/1", b"mine")
    assert lake.get("_quire/epochs/1") == b""


def test_a_folder_is_listed_and_removed_whole(lake: Lake) -> None:
    for path in ("_quire/x/1", "_quire/x/y/2", "_quire/xy"):
        lake.put(path, b"12")
    assert lake.names("_quire") == ["x", "xy"]
    found = lake.find("_quire/x")
    assert {path: info["size"] for path, info in found.items()} == {
        "_quire/x/1": 2,
        "_quire/x/y/2": 2,
    }
    lake.delete_folder("_quire/x")
    lake.delete_folder("_quire/x")
    lake.delete("_quire/gone")
    assert lake.names("_quire") == ["xy"]


def claim_some(root: str, options: dict[str, str], n: int, folder: str) -> None:
    claimed = [claim_epoch(Lake(root, options), "docs", "b1") for _ in range(n)]
    Path(folder, "-".join(map(str, claimed))).touch()


def test_no_two_processes_ever_have_the_same_epoch(lake: Lake, tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.mkdir()
    arguments = (lake.root, lake.storage_options, 5, str(told))
    processes = [SPAWN.Process(target=claim_some, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    claimed = [int(number) for path in told.iterdir() for number in path.name.split("-")]
    assert sorted(claimed) == list(range(1, 16))


@pytest.mark.slow
def test_large_objects_are_exclusive_too(s3: ObjectStore) -> None:
    lake = lake_in_bucket(s3)
    large = bytes(101 * 2**20)  # s3fs puts it in parts
    assert lake.put_new("_quire/large", large)
    assert not lake.put_new("_quire/large", large)
    bucket = lake.root.split("/")[2]
    assert "Uploads" not in s3.client.list_multipart_uploads(Bucket=bucket)


def test_a_bucket_that_is_not_there_is_no_empty_lake(s3: ObjectStore) -> None:
    lake = Lake("s3://no-such-bucket-here/lake", s3.storage_options)
    for look in (
        lambda: lake.get("_quire/a"),
        lambda: lake.get_all(["_quire/a", "_quire/b"]),
        lambda: lake.names("_quire"),
        lambda: lake.find("_quire"),
        lambda: lake.has("_quire/a"),
        lambda: lake.open("docs"),
        lake.check_writable,
    ):
        with pytest.raises(LakeError, match="there is no such bucket"):
            look()


@pytest.mark.parametrize("root", ["s3://bucket/my lake", "s3://bucket/a%20b", "s3://bucket/ä"])
def test_prefixes_that_other_readers_cannot_open_are_refused(root: str) -> None:
    with pytest.raises(SettingError):
        Lake(root)
