"""The migration files as they are on disk, and the steps that `migrate` plans by them."""

import re
from pathlib import Path

import pytest
from unit.migration_folder import folder

from codeactions.migrate import plan
from codeactions.migrate.database.version_table import RecordedVersion
from codeactions.migrate.database_state import DatabaseState, compare
from codeactions.migrate.errors import ErrorCode, MigrationError
from codeactions.migrate.files import directory as files
from codeactions.migrate.statements.kind import outside_transaction
from codeactions.node.migrations import find_directory

DIRECTORY = Path(__file__).parents[2] / "migrations"
TITLES = [
    "create_codes_table",
    "create_codelibs_table",
    "create_coderuns_table",
    "create_user_permissions_table",
    "create_projects_table",
    "create_codelogs_table",
    "protect_coderuns_states",
    "notify_code_changes",
    "agree_on_permissions",
    "create_api_tokens_table",
    "create_code_protections_table",
    "create_audit_log_table",
    "create_identity_events_table",
    "add_log_level_warning",
    "add_manage_tokens",
    "add_timezone_to_codes",
    "create_project_values_table",
    "add_description_to_codes",
    "create_code_versions_table",
]


def scripts() -> list[Path]:
    return sorted(DIRECTORY.glob("*.sql"))


class TestOurFiles:
    def test_each_version_has_both_halves_under_the_agreed_name(self) -> None:
        expected = [
            f"{number:06}_{title}.{half}.sql" for number, title in enumerate(TITLES, 1) for half in ("down", "up")
        ]
        assert [path.name for path in scripts()] == expected

    def test_they_are_what_the_program_finds_by_itself(self) -> None:
        found = files.read_directory(find_directory())
        assert [item.title for item in found.items] == TITLES
        assert found.latest == len(TITLES)

    # The Go tool sends a file as one query, and x-multi-statement aside knows nothing of what is in it.
    @pytest.mark.parametrize("path", scripts(), ids=lambda path: path.name)
    def test_is_plain_sql_that_either_tool_can_run_in_one_transaction(self, path: Path) -> None:
        text = path.read_text()
        code = re.sub(r"--[^\n]*", "", text)
        assert text.endswith("\n")
        assert not text.startswith("\ufeff")
        assert "\r" not in text
        assert not re.search(r"^\s*\\", code, re.MULTILINE), "psql command"
        assert outside_transaction(path.read_bytes()) is None
        assert not re.search(r"\bextension\b", code, re.IGNORECASE)
        # The schema is the connection's, so none is named.
        assert "public." not in code


class TestNames:
    def test_number_order_and_last_direction_decide(self, tmp_path: Path) -> None:
        folder(tmp_path, "10_b.up.sql", "9_a.up.sql", "9_a.down.sql", "0011_k.up.down.sql", "3_.up.sql")
        found = files.read_directory(tmp_path)
        assert [item.version for item in found.items] == [3, 9, 10, 11]
        eleven = found.find(11)
        assert eleven is not None
        assert (eleven.up, eleven.down and eleven.down.title) == (None, "k.up")
        assert found.below(9) == 3
        assert found.below(3) == -1

    def test_other_names_and_folders_are_not_migrations(self, tmp_path: Path) -> None:
        folder(tmp_path, "README.md", "1_a.UP.sql", "v1_a.up.sql", "1_a.sql", " 1_a.up.sql", "1_a.up.sql\n")
        (tmp_path / "2_b.up.sql").mkdir()
        assert files.read_directory(tmp_path).items == ()

    @pytest.mark.parametrize(
        ("names", "culprit"),
        [
            (("1_a.up.sql", "0001_b.up.sql"), "1_a.up.sql"),
            (("1_a.up.sql", "1_a.up.sql.orig"), "1_a.up.sql.orig"),
        ],
    )
    def test_a_duplicate_is_an_error_that_names_the_later_file(
        self, tmp_path: Path, names: tuple[str, ...], culprit: str
    ) -> None:
        with pytest.raises(MigrationError) as caught:
            files.read_directory(folder(tmp_path, *names))
        assert caught.value.code is ErrorCode.INVALID
        assert caught.value.go_text == (
            f'failed to open source, "file://{tmp_path}": duplicate migration file: {culprit}'
        )
        assert all(name in caught.value.message for name in names)

    def test_errors_call_the_folder_what_its_address_does(self, tmp_path: Path) -> None:
        with pytest.raises(MigrationError) as caught:
            files.read_directory(tmp_path / "a", 'file:a"b')
        assert caught.value.go_text == r'failed to open source, "file:a\"b": open .: no such file or directory'
        (tmp_path / "file").touch()
        with pytest.raises(MigrationError, match="not a directory"):
            files.read_directory(tmp_path / "file")
        with pytest.raises(MigrationError, match="invalid argument"):
            files.read_directory(tmp_path / "a\0")

    def test_a_version_is_found_among_many(self, tmp_path: Path) -> None:
        found = files.read_directory(folder(tmp_path, *(f"{number}_a.up.sql" for number in range(10, 1000, 10))))
        assert [item.version for item in found.items if found.find(item.version) is not item] == []
        assert [found.find(version) for version in (-1, 0, 15, 991)] == [None] * 4
        assert [found.below(version) for version in (-1, 10, 11, 20, 2**63)] == [-1, -1, 10, 10, 990]
        assert (files.Migrations(()).find(1), files.Migrations(()).below(1)) == (None, -1)

    def test_a_version_beyond_bigint_is_an_error_and_one_beyond_any_number_is_none(self, tmp_path: Path) -> None:
        assert files.read_directory(folder(tmp_path, f"{2**64}_a.up.sql")).items == ()
        with pytest.raises(MigrationError, match="version too large"):
            files.read_directory(folder(tmp_path, f"{2**63}_a.up.sql"))

    def test_a_missing_folder_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(MigrationError) as caught:
            files.read_directory(tmp_path / "nowhere")
        assert caught.value.go_text.endswith("open .: no such file or directory")

    def test_a_link_that_leads_nowhere_is_an_error_when_it_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "1_a.up.sql").symlink_to(tmp_path / "gone")
        first = files.read_directory(tmp_path).items[0]
        assert first.up is not None
        with pytest.raises(MigrationError, match=r"cannot read the migration 1_a\.up\.sql"):
            first.up.read()


class TestPlan:
    def test_up_takes_what_is_above_and_down_what_is_not(self, tmp_path: Path) -> None:
        found = files.read_directory(folder(tmp_path, "1_a.up.sql", "3_c.up.sql", "3_c.down.sql", "7_g.up.sql"))
        assert [str(step) for step in plan.up(found, -1)] == ["1/u a", "3/u c", "7/u g"]
        assert [str(step) for step in plan.up(found, 3)] == ["7/u g"]
        assert [(str(step), step.target) for step in plan.down(found, 3)] == [
            ("3/d c", 1),
            ("1/d <empty>", -1),
        ]

    def test_late_ones_come_first_and_the_version_stays(self, tmp_path: Path) -> None:
        found = files.read_directory(folder(tmp_path, *(f"{number}_a.up.sql" for number in (1, 2, 3, 4, 5))))
        steps = plan.up(found, 4, late=(1, 3))
        assert [(step.version, step.target, step.late) for step in steps] == [(1, 4, True), (3, 4, True), (5, 5, False)]
        assert [step.version for step in plan.goto(found, 4, 5, late=(1, 3))] == [1, 3, 5]
        # To where it is, or down: nothing is made up for.
        assert plan.goto(found, 4, 4, late=(1, 3)) == []
        assert [step.version for step in plan.goto(found, 2, 4)] == [3, 4]

    def test_what_was_never_applied_is_passed_over_on_the_way_down(self, tmp_path: Path) -> None:
        names = [f"{number}_a.{half}.sql" for number in (1, 2, 3) for half in ("up", "down")]
        found = files.read_directory(folder(tmp_path, *names))
        steps = plan.down(found, 3, never_applied=(2,))
        assert [(str(step), step.target) for step in steps] == [("3/d a", 2), ("2/d <empty>", 1), ("1/d a", -1)]
        assert plan.goto(found, 3, 1, late=(2,)) == steps[:2]
        assert not any(step.late for step in steps)

    @pytest.mark.parametrize(
        ("recorded", "state", "pending", "helps"),
        [
            (RecordedVersion(-1, False), DatabaseState.BEHIND, (1, 3), "`migrate up`"),
            (RecordedVersion(1, False), DatabaseState.BEHIND, (3,), "`migrate up`"),
            (RecordedVersion(3, False), DatabaseState.CURRENT, (), "nothing to do"),
            (RecordedVersion(9, False), DatabaseState.AHEAD, (), "`migrate down N`"),
            (RecordedVersion(2, False), DatabaseState.AHEAD, (), "not among the files"),
            (RecordedVersion(3, True), DatabaseState.DIRTY, (), "`migrate force 1`"),
            (RecordedVersion(1, True), DatabaseState.DIRTY, (), "`migrate force -- -1`"),
            (RecordedVersion(-1, True), DatabaseState.DIRTY, (), "`migrate force 1`"),
        ],
    )
    def test_a_state_names_the_command_that_helps(
        self, tmp_path: Path, recorded: RecordedVersion, state: DatabaseState, pending: tuple[int, ...], helps: str
    ) -> None:
        found = compare(files.read_directory(folder(tmp_path, "1_a.up.sql", "3_c.up.sql")), recorded)
        assert (found.state, found.pending, found.version) == (state, pending, recorded.version)
        assert helps in found.message
        assert "\n" not in found.message
