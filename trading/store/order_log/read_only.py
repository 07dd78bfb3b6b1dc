"""An order log that can only be looked at: for screens, which must never upgrade, lock or change one."""

import threading
from typing import Any, NoReturn

import sqlalchemy as sa

from trading.market.errors import MissingData, StoreError
from trading.store.order_log.connections import open_engine
from trading.store.order_log.database import Database
from trading.store.order_log.schema import HEAD
from trading.store.order_log.upgrade import refuse_newer, revision_of, sqlite_path

_REFUSAL = "this order log was opened to be looked at only"


class ReadOnly(Database):
    """A database whose connections the database itself refuses to write through.

    Parameters
    ----------
    url : str
        As of `Database`. A SQLite file that is not there is not made, an old log is not upgraded.

    Raises
    ------
    MissingData
        If there is no log yet.
    StoreError
        If it cannot be read, or is of another release.
    """

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)
        self._local = threading.local()
        path = sqlite_path(self._url)
        if path is not None and not path.is_file():
            raise MissingData(f"no order log at {path} yet. Next: sluice run")
        self.engine = open_engine(self._url)
        sa.event.listen(self.engine, "connect", _refuse_writes(is_file=path is not None))
        self._keep()
        with self.read() as connection:
            found = revision_of(connection)
        if found is None:
            raise MissingData("the order log is empty yet. Next: sluice run")
        if found != HEAD:
            refuse_newer(found)
            raise StoreError(f"the order log is at revision {found}, not {HEAD}. Next: sluice log upgrade")

    def write(self) -> NoReturn:
        """Refuse. StoreError always."""
        raise StoreError(_REFUSAL)

    def together(self) -> NoReturn:
        """Refuse. StoreError always."""
        raise StoreError(_REFUSAL)


def _refuse_writes(*, is_file: bool) -> Any:
    statement = "PRAGMA query_only=ON" if is_file else "SET default_transaction_read_only = on"

    def listen(raw: Any, _record: object) -> None:
        cursor = raw.cursor()
        cursor.execute(statement)
        cursor.close()
        if not is_file:
            raw.commit()

    return listen
