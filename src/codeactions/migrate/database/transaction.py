"""The transaction that a file shares with its version, and whether the file has left it open.

A file with a COMMIT in it is not run that way. But whether a word is a COMMIT or text in a string depends on settings
such as standard_conforming_strings, and on bytes that only the server reads right in every case.
"""

from codeactions.migrate.database import sql
from codeactions.migrate.database.connection import Connection
from codeactions.migrate.database.libpq import TransactionStatus


class SharedTransaction:
    """The transaction that is open when this is made."""

    def __init__(self, connection: Connection, *, doubted: bool) -> None:
        """Note the transaction's number if it is `doubted`, that is if the file has words that may end it.

        The number costs a round trip.
        """
        self._connection = connection
        self._number = connection.execute(sql.TRANSACTION_NUMBER)[0][0] if doubted else None

    def roll_back(self) -> bool:
        """Roll back what is open after a statement of the file failed. Returns whether nothing of the file was kept.

        Something may have been kept if the server has no transaction open, or another one than this.
        """
        is_open = self._connection.status is not TransactionStatus.IDLE
        if is_open:
            self._connection.execute(sql.ROLLBACK)
        return is_open and self.is_void()

    def is_void(self) -> bool:
        """Return whether the transaction, which has ended, was rolled back."""
        return self._number is None or self._connection.execute(sql.transaction_status(self._number)) == [("aborted",)]
