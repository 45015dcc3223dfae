"""Computes the times of a schedule's runs with the function that Prefect's scheduler uses.

Prefect is imported when it is needed: settings use this file, and refused settings do not wait for the import.
"""

from datetime import UTC, datetime

FIELDS = 5
SHOWN = 3


def check_cron(cron: str) -> None:
    """Raise ValueError if `cron` does not have five fields, or names a day that does not exist."""
    expected = "expected minute, hour, day of month, month, day of week, like '0 3 * * *'"
    if len(cron.split()) != FIELDS and not cron.startswith("@"):
        raise ValueError(f"{len(cron.split())} field(s) given; {expected}")
    from prefect._vendor.croniter.croniter import CroniterBadDateError, CroniterError, croniter

    try:
        dates = croniter(cron, datetime(2024, 1, 1, tzinfo=UTC))  # type: ignore[no-untyped-call]
        dates.get_next(datetime)  # type: ignore[no-untyped-call]
    except CroniterBadDateError as error:
        raise ValueError(f"there is no such day in any year; {expected}") from error
    except (CroniterError, ValueError) as error:
        raise ValueError(expected) from error


def next_dates(cron: str, timezone: str, start: datetime | None = None, count: int = SHOWN) -> list[datetime]:
    """Return the next times of a run. On the day when clocks change, Prefect's scheduler may move a run."""
    from prefect.server.schemas.schedules import CronSchedule

    schedule = CronSchedule(cron=cron, timezone=timezone)
    return sorted(schedule._get_dates_generator(n=count, start=start))


def describe_dates(cron: str, timezone: str, start: datetime | None = None) -> str:
    """Format the next dates for people: Sun 2027-03-28 03:00 +0200, ..."""
    return ", ".join(f"{date:%a %Y-%m-%d %H:%M %z}" for date in next_dates(cron, timezone, start))
