"""The lock of a migration is free again after every end of a command."""

import pytest
from migrations import Migrate

from codeactions.migrate.database import lock, session
from codeactions.migrate.database.errors import QUERY_CANCELED, ServerError
from codeactions.migrate.errors import MigrationError


class TestRelease:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["up"], 0),
            (["up", "1"], 0),
            (["up", "9"], 1),
            (["down", "1"], 0),
            (["down", "9"], 1),
            (["goto", "1"], 0),
            (["goto", "9"], 1),
            (["force", "7"], 0),
            (["drop", "-f"], 0),
            (["up", "-late", "refuse"], 1),
        ],
    )
    def test_it_is_free_after_every_command(self, migrate: Migrate, words: list[str], code: int) -> None:
        migrate.write(_1="SELECT 1;", _3="SELECT 3;", _4="SELECT 4;")
        migrate("goto", "3")
        migrate.write(_2="SELECT 2;")
        assert migrate(*words).code == code
        assert migrate.locks() == []

    @pytest.mark.parametrize(
        "text",
        [
            "SELECT 1/0;",
            "VACUUM nowhere;",
            "BEGIN; SELECT 1/0;",
            "BEGIN;",
            "DROP TABLE schema_migrations;",
            "\0",
            "COPY x",
        ],
    )
    def test_after_every_failure_of_a_file(self, migrate: Migrate, text: str) -> None:
        migrate.write(_1=text)
        assert migrate("up").code == 1
        assert migrate.locks() == []

    def test_a_signal_that_cancels_it_is_not_the_last_word(self) -> None:
        released: list[str] = []

        class Cancelled:
            """Two more signals come while it is given back."""

            session_key = None

            def take(self) -> bool:
                return True

            def release(self) -> None:
                released.append("tried")
                if len(released) < 3:
                    raise ServerError(QUERY_CANCELED, "canceling statement due to user request")

            def refusal(self, waited: float) -> MigrationError:
                raise NotImplementedError

        with lock.held(Cancelled(), 0) as is_held:
            assert is_held
        assert len(released) == 3

    def test_a_stop_that_comes_with_the_lock_is_told(self, migrate: Migrate) -> None:
        asked: list[bool] = []

        def stopped() -> bool:
            # Not before the lock is had, but then at once.
            asked.append(bool(migrate.locks()))
            return asked[-1]

        with session.opened(migrate.url) as opened:
            with lock.held(opened.lock, 10, stopped=stopped) as is_held:
                assert is_held is False
            assert migrate.locks() == []
        assert asked == [False, True]
