"""The transaction that a file shares with its version, and whether the file has left it to us to end it.

A file with a COMMIT in it is not run that way. But what is a COMMIT, and what is text in a string, depends on
settings such as standard_conforming_strings, and on bytes that only the server reads right in every case.
"""

from codeactions.migrate.database.libpq import Connection, TransactionStatus

# With their schema, as the file may have put anything in the search_path.
NUMBER = "SELECT pg_catalog.txid_current()"
FATE = "SELECT pg_catalog.txid_status({})"


class Transaction:
    """The one that is open when this is made."""

    def __init__(self, connection: Connection, *, doubted: bool) -> None:
        """`doubted`: the file has words that may end it. Only then it is worth a number, that is, a round trip."""
        self._connection = connection
        self._number = connection.run(NUMBER)[0][0] if doubted else None

    def roll_back(self) -> bool:
        """End what is open after a statement of the file failed. Whether nothing of the file was kept.

        Something may have been if the server has no transaction open, or another one than this.
        """
        is_open = self._connection.status() is not TransactionStatus.IDLE
        if is_open:
            self._connection.run("ROLLBACK")
        return is_open and self.is_void()

    def is_void(self) -> bool:
        """Whether it was rolled back, once it has ended."""
        return self._number is None or self._connection.run(FATE.format(self._number)) == [("aborted",)]
