"""The kernels' disk cache notices edits in any kernel file."""

from numba.core.caching import IndexDataCacheFile

from trading.simulator import compiled, paths


def test_machine_code_is_stored_under_the_digest_of_all_kernel_files() -> None:
    """Code saved under our stamp is found with it, and not with the stamp of other sources."""
    paths.traded(10, 0.5)
    file = paths.traded._cache._cache_file
    assert isinstance(file, IndexDataCacheFile)
    assert file._source_stamp == compiled._STAMP
    assert file._load_index()
    file._source_stamp = "sources of tomorrow"
    try:
        assert not file._load_index()
    finally:
        file._source_stamp = compiled._STAMP


def test_digest_covers_every_kernel_file() -> None:
    """A module that uses `kernel` must be in the digest."""
    here = compiled.Path(compiled.__file__).parent
    users = {path.stem for path in here.glob("*.py") if "import kernel" in path.read_text()}
    assert users <= set(compiled._KERNEL_FILES)
