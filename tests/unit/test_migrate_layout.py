"""Go's way of writing a time, piece by piece. The expected texts follow the documentation of its `time.Layout`."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from codeactions.migrate.go_compat.time_layout import formatted

NEW_YORK = ZoneInfo("America/New_York")
# The moment that Go's own documentation prints in all its layouts.
DOCUMENTED = datetime(2006, 1, 2, 15, 4, 5, tzinfo=timezone(timedelta(hours=-7), "MST"))
# Later in the day than the layouts, with two digits where those have one, and the other way round.
NOVEMBER = datetime(2026, 11, 22, 0, 6, 9, tzinfo=UTC)
MARCH = datetime(987, 3, 8, 12, 30, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "layout",
    [
        "01/02 03:04:05PM '06 -0700",
        "Mon Jan _2 15:04:05 2006",
        "Mon Jan _2 15:04:05 MST 2006",
        "Mon Jan 02 15:04:05 -0700 2006",
        "02 Jan 06 15:04 MST",
        "Monday, 02-Jan-06 15:04:05 MST",
        "Mon, 02 Jan 2006 15:04:05 -0700",
        "3:04PM",
        "Monday January 2 2006 002 1 3 4 5 pm -07:00:00 -070000 -07:00 -07",
    ],
)
def test_at_the_moment_of_the_layouts_they_print_themselves(layout: str) -> None:
    assert formatted(layout, DOCUMENTED, 0) == layout.replace("_2", " 2")


@pytest.mark.parametrize(
    ("layout", "november", "march"),
    [
        ("20060102150405", "20261122000609", "09870308123059"),
        ("2006 06", "2026 26", "0987 87"),
        ("January Jan 01 1", "November Nov 11 11", "March Mar 03 3"),
        ("Monday Mon", "Sunday Sun", "Thursday Thu"),
        ("02 _2 2", "22 22 22", "08  8 8"),
        ("002 __2", "326 326", "067  67"),
        ("15 03 3", "00 12 12", "12 12 12"),
        ("04 4 05 5", "06 6 09 9", "30 30 59 59"),
        ("PM pm Pm pM", "AM am Pm pM", "PM pm Pm pM"),
        # One right after another.
        ("0102", "1122", "0308"),
        ("21", "2211", "83"),
        ("115", "1100", "312"),
        ("1504", "0006", "1230"),
        ("20061", "202611", "09873"),
        ("200", "2200", "800"),
        # A line and the year, not a day with a blank before it; and not with two lines.
        ("_2006_01_02", "_2026_11_22", "_0987_03_08"),
        ("_20060", "_20260", "_09870"),
        ("_200", "2200", " 800"),
        ("__2006", "326026", " 67087"),
        ("___2", "_326", "_ 67"),
        # Only as long as no small letter follows.
        ("Month", "Month", "Month"),
        ("Months Jane Janu", "Months Jane Janu", "Months Jane Janu"),
        ("MonJan Mon_ JanE Janué", "SunNov Sun_ NovE Janué", "ThuMar Thu_ MarE Janué"),
        ("Mondays Januarys", "Sundays Novembers", "Thursdays Marchs"),
        ("MonMST", "SunUTC", "ThuUTC"),
        ("MSTs mst", "UTCs mst", "UTCs mst"),
        # Known ones hide in words and numbers.
        ("v1", "v11", "v3"),
        ("0", "0", "0"),
        ("000", "000", "000"),
        ("0002", "0326", "0067"),
        ("07 08 09 00 6 7 8 9", "07 08 09 00 6 7 8 9", "07 08 09 00 6 7 8 9"),
        ("10", "110", "30"),
        ("", "", ""),
        ("V%Y ä ٣ é\n", "V%Y ä ٣ é\n", "V%Y ä ٣ é\n"),
        ("\udcff1", "\udcff11", "\udcff3"),
    ],
)
def test_pieces(layout: str, november: str, march: str) -> None:
    assert (formatted(layout, NOVEMBER, 0), formatted(layout, MARCH, 0)) == (november, march)


@pytest.mark.parametrize(
    ("layout", "nanosecond", "text"),
    [
        (".0", 12345678, ".0"),
        (".000", 12345678, ".012"),
        (",000", 12345678, ",012"),
        (".000000", 12345678, ".012345"),
        (".000000000", 12345678, ".012345678"),
        (".000000000000", 12345678, ".012345678"),
        (".000", 0, ".000"),
        (".000", 999999999, ".999"),
        (".9", 12345678, ""),
        (".99", 12345678, ".01"),
        (".999", 10000000, ".01"),
        (",999", 500000000, ",5"),
        (".999999999", 12345678, ".012345678"),
        (".999999999999", 12345678, ".012345678"),
        (".999", 0, ""),
        ("05.999", 0, "09"),
        ("05.000Z", 1, "09.000Z"),
        ("50.99x", 100000000, "90.1x"),
        # Not with other digits after it.
        (".0009", 12345678, ".0009"),
        (".9990", 12345678, ".9990"),
        (".001", 12345678, ".011"),
        (".002", 12345678, ".326"),
        (".0005", 12345678, ".0009"),
        (".00٣", 12345678, ".01٣"),
        (".000.999", 12345678, ".012.012"),
        ("..0,", 12345678, "..0,"),
        (".", 12345678, "."),
        (".5", 12345678, ".9"),
    ],
)
def test_fractions_of_a_second(layout: str, nanosecond: int, text: str) -> None:
    assert formatted(layout, NOVEMBER, nanosecond) == text


@pytest.mark.parametrize(
    ("seconds", "texts"),
    [
        (0, ["Z", "Z", "Z", "Z", "Z", "+00:00:00", "+000000", "+00:00", "+0000", "+00"]),
        (
            20700,
            ["+05:45:00", "+054500", "+05:45", "+0545", "+05", "+05:45:00", "+054500", "+05:45", "+0545", "+05"],
        ),
        (
            -12630,
            ["-03:30:30", "-033030", "-03:30", "-0330", "-03", "-03:30:30", "-033030", "-03:30", "-0330", "-03"],
        ),
    ],
)
def test_the_way_from_greenwich(seconds: int, texts: list[str]) -> None:
    moment = NOVEMBER.replace(tzinfo=timezone(timedelta(seconds=seconds)))
    forms = ["07:00:00", "070000", "07:00", "0700", "07"]
    assert [formatted(sign + form, moment, 0) for sign in "Z-" for form in forms] == texts


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("Z07:0", "-05:0"),
        ("-07:00:0", "-05:00:0"),
        ("-07000", "-05000"),
        ("-0700000", "-0500000"),
        ("-08 -7 Z Z0 Z7", "-08 -7 Z Z0 Z7"),
        ("+07:00", "+07:00"),
        ("2006-01-02T15:04:05.999999999Z07:00", "2026-11-22T00:06:09.5-05:00"),
        ("2006-01-02 15:04:05.999999999 -0700 MST", "2026-11-22 00:06:09.5 -0500 EST"),
    ],
)
def test_the_longest_form_counts(layout: str, text: str) -> None:
    assert formatted(layout, NOVEMBER.replace(tzinfo=NEW_YORK), 500000000) == text


def test_the_name_of_the_zone() -> None:
    summer = datetime(2026, 7, 1, tzinfo=NEW_YORK)
    assert formatted("MST", summer, 0) == "EDT"
    assert formatted("MST", summer.astimezone(ZoneInfo("America/Sao_Paulo")), 0) == "-03"
