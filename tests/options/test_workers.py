"""--workers: what it takes, and what it needs of the storage."""

from pathlib import Path

import pytest

from genericapiserver.apimachinery.scheme import Scheme
from genericapiserver.apimachinery.serializer.codec import CodecFactory
from genericapiserver.options.flags import FlagError, FlagSet
from genericapiserver.options.storage import StorageOptions
from genericapiserver.options.workers import WorkerOptions
from genericapiserver.workers import FileLockLeader, SoleLeader
from tests.options.fakes import new_config


def storage(**settings: str) -> StorageOptions:
    return StorageOptions(prefix="/registry", serializer=CodecFactory(Scheme("test")), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("workers", "backend", "problem"),
    [
        (1, "sqlite", ""),
        (1, "memory", ""),
        (1, "file", ""),
        (
            2,
            "file",
            "--workers 2 needs a storage that processes can share, which --storage-backend=file is not: only one process at "
            "a time can have the folder open; use sqlite or etcd3, or --workers=1",
        ),
        (2, "sqlite", ""),
        (32, "", ""),
        (0, "sqlite", "--workers 0 must be between 1 and 32"),
        (33, "sqlite", "--workers 33 must be between 1 and 32"),
        (
            2,
            "memory",
            "--workers 2 needs a storage that processes can share, which --storage-backend=memory is not: each would have "
            "objects of its own; use sqlite or etcd3, or --workers=1",
        ),
    ],
)
def test_what_is_refused(workers: int, backend: str, problem: str) -> None:
    found = WorkerOptions(workers=workers).validate(storage(backend=backend))
    assert found == ([problem] if problem else [])


def test_a_server_without_storage_may_have_several() -> None:
    assert WorkerOptions(workers=2).validate(None) == []


def test_the_flag_takes_a_number() -> None:
    flags, options = FlagSet("server"), WorkerOptions()
    options.add_flags(flags)
    flags.parse(["--workers=3"])
    assert (options.workers, options.several) == (3, True)
    with pytest.raises(FlagError, match='invalid argument "x" for "--workers" flag'):
        flags.parse(["--workers=x"])


@pytest.mark.parametrize(("workers", "leader"), [(1, SoleLeader), (2, FileLockLeader)])
async def test_several_share_the_store_and_elect_a_leader(workers: int, leader: type, tmp_path: Path) -> None:
    config, kept = new_config(), storage(path=str(tmp_path / "objects.db"))
    WorkerOptions(workers=workers).apply_to(config, kept)
    try:
        await kept.apply_to(config)
        assert isinstance(config.leader, leader)
        assert (tmp_path / "objects.db.shared").exists() == (workers > 1)
    finally:
        await config.close()
