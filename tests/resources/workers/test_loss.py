"""Workers, pools and parents that are lost: what ran goes on, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.errors import EngineError
from tests.resources.workers.running import a_pool, ends, pids, run, task

ROOT = Path(__file__).parents[3]
PARENT = """
import sys
from pathlib import Path
from tests.resources.workers.running import a_pool, task
with a_pool(workers=2, page_timeout=60.0) as pool:
    asked = [task(f"d{k}", 1, name="pid_file", folder=sys.argv[1]) for k in range(3)]
    list(pool.run(asked))
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A process whose two workers spin, and their ids."""
    (tmp_path / "pids").mkdir()
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "pids")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "tmp")},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until = time.monotonic() + 20
    while len(os.listdir(tmp_path / "pids")) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    yield process, [int(name) for name in os.listdir(tmp_path / "pids")]
    process.kill()
    process.wait()


@pytest.mark.parametrize("pause", [0.0, 0.6])
@pytest.mark.parametrize("workers", [1, 2])
def test_idle_workers_that_are_killed_are_replaced(workers: int, pause: float) -> None:
    with a_pool(workers) as pool:
        for _ in range(3):
            for pid in pids(pool, *(task(f"d{k}", 2) for k in range(4))):
                with contextlib.suppress(ProcessLookupError):  # replaced since, with its generation
                    os.kill(pid, signal.SIGKILL)
            time.sleep(pause)
            names = [f"d{k}" for k in range(4)]
            done, failed = run(pool, *(task(name, 3) for name in names))
            assert (done, failed) == ({name: [1, 2, 3] for name in names}, {})


def test_a_worker_that_takes_the_pipe_with_it_does_not_stop_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("resources.workers.clocks.LOADING_SECONDS", 1.5)
    with a_pool(workers=2, page_timeout=1.5) as pool:
        started = time.monotonic()
        tasks = [task("bad", 3, {2: "keep_pipe"}), *(task(f"d{k}", 3) for k in range(6))]
        done, failed = run(pool, *tasks)
        assert time.monotonic() - started < 20
    assert done.pop("bad") == [1, 3]
    assert failed == {"bad": {2: "crash"}}
    assert done == {f"d{k}": [1, 2, 3] for k in range(6)}


def test_tasks_on_a_pool_that_is_stopped_are_started_again() -> None:
    with a_pool(workers=2) as pool:
        stopper = threading.Timer(0.8, pool.processes.close)
        stopper.start()
        names = [f"d{k}" for k in range(3)]
        done, failed = run(pool, *(task(name, 4, {3: "wait 1"}) for name in names))
        stopper.join()
    assert (done, failed) == ({name: [1, 2, 3, 4] for name in names}, {})


def test_a_closed_pool_starts_anew() -> None:
    with a_pool() as pool:
        assert run(pool, task("d", 1)) == ({"d": [1]}, {})
        pool.close()
        assert run(pool, task("d", 1)) == ({"d": [1]}, {})


def test_workers_that_cannot_start_stop_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.spawn._python_exe", b"/bin/false")
    with a_pool() as pool, pytest.raises(EngineError, match="do not start"):
        run(pool, task("d", 3))


def test_a_host_that_allows_less_memory_than_we_would_is_obeyed() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))\n"
        "from tests.resources.workers.running import a_pool, run, task\n"
        "with a_pool(memory_mb=8192) as pool: print(run(pool, task('d', 2)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.decode().strip() == "({'d': [1, 2]}, {})"


def test_workers_outlive_the_thread_that_needed_them_first() -> None:
    with a_pool() as pool:
        found: list[set[int]] = []
        thread = threading.Thread(target=lambda: found.append(pids(pool, task("d", 1))))
        thread.start()
        thread.join()
        time.sleep(0.5)
        assert pids(pool, task("d", 1)) == found[0]


def test_a_run_that_is_closed_early_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # every slot is ours
    folder = tmp_path / "pids"
    folder.mkdir()
    with a_pool(workers=2, page_timeout=60.0) as pool:
        tasks = [task("a", 1), *(task(n, 1, name="pid_file", folder=str(folder)) for n in "bc")]
        results = pool.run(tasks)
        next(results)
        until = time.monotonic() + 10
        while not os.listdir(folder) and time.monotonic() < until:
            time.sleep(0.02)
        spinning = [int(name) for name in os.listdir(folder)]
        assert spinning
        results.close()  # type: ignore[attr-defined]
        assert not list(tmp_path.glob("quire-spool-*"))
        assert all(ends(pid) for pid in spinning)
        assert run(pool, task("d", 3)) == ({"d": [1, 2, 3]}, {})


def test_an_interrupt_ends_the_run_its_workers_and_its_folder(
    parent: tuple[subprocess.Popen[bytes], list[int]], tmp_path: Path
) -> None:
    process, workers = parent
    assert len(workers) == 2
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=20)
    assert time.monotonic() - started < 5
    assert process.returncode == -signal.SIGINT
    assert complaint.count(b"Traceback") == 1
    assert all(ends(pid) for pid in workers)
    assert not list((tmp_path / "tmp").glob("quire-spool-*"))


def test_a_parent_that_is_killed_leaves_no_worker_and_its_folder_is_swept(
    parent: tuple[subprocess.Popen[bytes], list[int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process, workers = parent
    (left,) = (tmp_path / "tmp").glob("quire-spool-*")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    unlocked = tmp_path / "tmp" / "quire-spool-new"
    unlocked.mkdir()
    other = tmp_path / "tmp" / "another-program"
    other.mkdir()
    with a_pool() as pool:
        assert list(pool.run([])) == []
    assert left.exists()  # its run is alive
    process.kill()
    process.wait()
    assert all(ends(pid) for pid in workers)
    with a_pool() as pool:
        assert run(pool, task("d", 1))[1] == {}
    assert sorted((tmp_path / "tmp").glob("*-*")) == sorted(
        [other, unlocked, *(tmp_path / "tmp").glob("quire-slots-*")]
    )


def test_workers_do_not_run_the_parents_main_module_again(tmp_path: Path) -> None:
    script, ran = tmp_path / "main.py", tmp_path / "ran"
    script.write_text(
        f"with open({str(ran)!r}, 'a') as file: file.write('once ')\n"
        "from tests.resources.workers.running import a_pool, run, task\n"
        "with a_pool() as pool: run(pool, task('d', 2))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, script], cwd=ROOT, env=environment, timeout=60, check=True)
    assert ran.read_text() == "once "
