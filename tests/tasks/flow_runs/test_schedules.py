"""Cron lines: what never runs is refused, and what runs is shown, on the days too when clocks change."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tasks.flow_runs.schedules import check_cron, describe_dates, next_dates
from tasks.service.settings import ServiceConfig

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("cron", ["0 3 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"])
def test_days_that_never_come_are_refused(cron: str) -> None:
    with pytest.raises(ValueError, match="no such day in any year"):
        ServiceConfig(nightly_cron=cron)


@pytest.mark.parametrize(
    "cron", ["* * * * * *", "0 0 3 * * *", "0 3 * *", "", "every night", "0 3 * * 8", "61 3 * * *", "@x"]
)
def test_what_is_not_five_fields_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match="expected minute, hour"):
        ServiceConfig(nightly_cron=cron)


@pytest.mark.parametrize("cron", ["0 3 * * *", "0 0 29 2 *", "*/5 * * * *", "0 3 * * MON-FRI", "@daily"])
def test_what_runs_is_taken(cron: str) -> None:
    check_cron(cron)
    assert len(next_dates(cron, "UTC")) == 3


def test_on_the_days_when_clocks_change_a_run_is_due_once() -> None:
    spring, autumn = datetime(2027, 3, 27, tzinfo=BERLIN), datetime(2027, 10, 30, tzinfo=BERLIN)
    shown = describe_dates("0 3 * * *", "Europe/Berlin", spring)
    assert shown == "Sat 2027-03-27 03:00 +0100, Sun 2027-03-28 03:00 +0200, Mon 2027-03-29 03:00 +0200"
    for cron in ("0 3 * * *", "30 2 * * *"):
        for start in (spring, autumn):
            days = [date.astimezone(BERLIN).date() for date in next_dates(cron, "Europe/Berlin", start, 4)]
            assert len(set(days)) == 4
