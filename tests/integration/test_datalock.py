"""One serving process a data directory."""

from pathlib import Path

import pytest

from runs.management.datalock import DataInUse, DataLock, serving_url


def test_a_second_holder_is_told_who_holds_it(tmp_path: Path) -> None:
    with DataLock(tmp_path) as lock:
        lock.announce("http://127.0.0.1:8000")
        with pytest.raises(DataInUse, match="already runs at http") as caught:
            DataLock(tmp_path).acquire()
        assert caught.value.pid
        assert serving_url(tmp_path) == "http://127.0.0.1:8000"


def test_it_is_free_again_after_its_holder(tmp_path: Path) -> None:
    with DataLock(tmp_path):
        pass
    assert serving_url(tmp_path) == ""
    with DataLock(tmp_path):
        pass


def test_a_garbled_lock_file_does_no_harm(tmp_path: Path) -> None:
    with DataLock(tmp_path):
        (tmp_path / "serving.lock").write_text("[garbled", "utf-8")
        with pytest.raises(DataInUse, match="already runs with the data directory"):
            DataLock(tmp_path).acquire()
