"""Model files that are safe to load and the same bytes each time: skops made canonical, LightGBM text."""

import io
import json
import zipfile

from trading.market.errors import StoreError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can carry


def skops_bytes(estimator: object) -> bytes:
    """Return `estimator` as a skops archive that depends on its content only.

    skops names objects by their memory address and zip files carry the time of day: two fits of the
    same data would differ. Addresses are replaced by numbers in order of appearance.
    """
    import skops.io  # noqa: PLC0415 - costs seconds, see the package docstring

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts.pop("schema.json"))
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}
    _renumber(schema, numbers, files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files.values()):
            old = next(before for before, after in files.items() if after == name)
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), parts[old])
        archive.writestr(zipfile.ZipInfo("schema.json", _EPOCH), json.dumps(schema, sort_keys=True))
    return out.getvalue()


def _renumber(node: object, numbers: dict[int, int], files: dict[str, str]) -> None:
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers, files)
    if not isinstance(node, dict):
        return
    if "__id__" in node:
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
    if isinstance(node.get("file"), str):
        suffix = node["file"].rsplit(".", 1)[-1]
        node["file"] = files.setdefault(node["file"], f"{len(files) + 1:04d}.{suffix}")
    for key in sorted(node):
        _renumber(node[key], numbers, files)


def skops_load(data: bytes) -> object:
    """Return what `skops_bytes` wrote.

    Raises
    ------
    StoreError
        If the archive is damaged or holds a type that skops does not trust by itself.
    """
    import skops.io  # noqa: PLC0415 - costs seconds, see the package docstring

    try:
        unknown = skops.io.get_untrusted_types(data=data)
        if unknown:
            raise StoreError(f"model file holds types that are not trusted: {', '.join(unknown)}")
        return skops.io.loads(data, trusted=[])
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise StoreError(f"model file cannot be read: {type(error).__name__}") from error
