"""Which revision a log is at, and the way to today's: one transaction, under a lock, after a copy.

A log that is empty gets today's tables directly; tests hold that equal to what the revisions lead to. Alembic
is imported only where there is something to upgrade: opening a log that is up to date costs two small reads.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from trading.market.errors import StoreError
from trading.store.order_log.connections import connect_for_upgrade
from trading.store.order_log.schema import HEAD, metadata, schema_version
from trading.store.order_log.sqlite_copy import copy_sqlite

BEFORE_REVISIONS = "0000"  # a log from before Alembic; revision 0001 is what it becomes first
_SCRIPTS = Path(__file__).parent / "migrations"
_REVISION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_OLD_RELEASES_KNOW = 2  # what `schema_version` says to releases that read only that


@dataclass(frozen=True, slots=True)
class Revision:
    """Where a log stands. `found` None = it is empty; `copy` is the file kept from before an upgrade."""

    found: str | None
    head: str = HEAD
    copy: Path | None = None

    @property
    def is_current(self) -> bool:
        """Whether nothing is to be done."""
        return self.found == self.head

    def as_dict(self) -> dict[str, Any]:
        """Return it for printing."""
        return asdict(self) | {"is_current": self.is_current}


def revision_of(connection: sa.Connection) -> str | None:
    """Return the revision of a log, `BEFORE_REVISIONS` for one from before there were any, None if empty."""
    inspector = sa.inspect(connection)
    if inspector.has_table(_REVISION.name):
        return connection.scalar(sa.select(_REVISION.c.version_num))
    return BEFORE_REVISIONS if inspector.has_table(schema_version.name) else None


def status(url: str) -> Revision:
    """Return where the log at `url` stands, changing nothing; a SQLite file that is not there is not made.

    Raises
    ------
    StoreError
        If it cannot be read.
    """
    parsed = sa.make_url(url)
    path = sqlite_path(parsed)
    if path is not None and not path.is_file():
        return Revision(None)
    with connect_for_upgrade(parsed, is_read=True) as connection:
        return Revision(revision_of(connection))


def upgrade(url: str) -> Revision:
    """Bring the log at `url` to today's revision; return where it stood and the copy that was made.

    Processes that open an old log at the same time wait for the first one and then find nothing to do. A
    crash on the way leaves the log as it was.

    Raises
    ------
    StoreError
        If the log was written by a newer release, or the upgrade fails (nothing is changed then).
    """
    parsed = sa.make_url(url)
    with connect_for_upgrade(parsed, is_read=False) as connection:
        found = revision_of(connection)
        if found == HEAD:
            return Revision(found)
        if found is None:
            _make(connection)
            return Revision(None)
        refuse_newer(found)
        copy = _copy(parsed, found)
        _run(connection)
        return Revision(found, copy=copy)


def refuse_newer(found: str) -> None:
    """Raise StoreError if `found` is a revision that this code does not know."""
    if not found.isdigit() or found > HEAD:
        raise StoreError(
            f"the order log is at revision {found}, written by a newer release; this one knows up to {HEAD}: "
            "update Sluice, or restore the copy from before the upgrade"
        )


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the file behind a SQLite URL; None for memory and other databases."""
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if is_file else None


def _make(connection: sa.Connection) -> None:
    metadata.create_all(connection)
    _REVISION.create(connection)
    connection.execute(_REVISION.insert().values(version_num=HEAD))
    connection.execute(schema_version.insert().values(version=_OLD_RELEASES_KNOW))


def _copy(url: sa.URL, found: str) -> Path | None:
    """Copy a SQLite file as it is before the upgrade; the caller holds the write lock."""
    path = sqlite_path(url)
    if path is None:
        return None
    target = path.with_name(f"{path.name}.at-{found}")
    copy_sqlite(path, target)
    return target


def _run(connection: sa.Connection) -> None:
    from alembic import command  # noqa: PLC0415 - 0.1 s that only an upgrade needs
    from alembic.config import Config  # noqa: PLC0415 - same

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise StoreError(f"upgrade of the order log would break {len(broken)} references: {broken[:3]}")
