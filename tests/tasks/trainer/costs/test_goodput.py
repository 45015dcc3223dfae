"""Goodput and cost from histories: of runs that were killed, stopped and resumed."""

from datetime import datetime
from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.trainer.costs.config import CostConfig
from tasks.trainer.costs.cost import Cost, VersionCost
from tasks.trainer.costs.goodput import Goodput
from tasks.trainer.costs.history import History, Row
from tasks.trainer.costs.quota import Quota, Spent

START = {"event": "start", "gpus": 2, "card": "NVIDIA A100", "price_per_hour": 3.0, "currency": "EUR"}
SECONDS = {"step": 80.0, "data": 5.0, "checkpoint": 3.0, "evaluation": 2.0, "compile": 6.0}
# Asked for at 0. Waits 100 s for a worker; a trainer is killed after its second tick; another one resumes at 150.
KILLED: list[Row] = [
    {"event": "asked", "at": 100.0, "since": 0.0},
    START | {"at": 110.0},
    {"event": "train", "at": 130.0, "nimg": 0},
    {"event": "tick", "at": 230.0, "nimg": 100, "seconds": SECONDS, "gpu_joules": 60_000.0},
    {"event": "tick", "at": 330.0, "nimg": 200, "seconds": SECONDS, "gpu_joules": 60_000.0},
    {"event": "exit", "at": 340.0, "code": -9},
    START | {"at": 400.0, "price_per_hour": 6.0},
    {"event": "train", "at": 420.0, "nimg": 150},
    {"event": "end", "at": 520.0, "nimg": 250, "seconds": SECONDS, "gpu_joules": 60_000.0},
    {"event": "exit", "at": 521.0, "code": 0},
]


def test_every_second_of_a_killed_and_resumed_run_has_a_name() -> None:
    goodput = Goodput.of(KILLED)
    assert goodput is not None
    assert goodput.total == pytest.approx(521.0)
    assert goodput.seconds == pytest.approx(
        {
            "useful": 80 + 40 + 80,  # the second half of the second tick is done again
            "queue": 100,
            "start": 10 + 20 + 20,
            "compile": 18,
            "data": 15,
            "checkpoint": 9,
            "evaluation": 6,
            "restart": 60,
            "repeated": 40 + 10,
            "other": 4 * 3 + 1,
        }
    )
    assert goodput.words().startswith("38% of 9 min; queue 19%, start 10%, compile 3%")


def test_a_machine_that_dies_with_its_supervisor_leaves_a_gap() -> None:
    lost = [row for row in KILLED if row["event"] != "exit"]
    goodput = Goodput.of(lost)
    assert goodput is not None
    assert goodput.total == pytest.approx(520.0)
    assert goodput.seconds["restart"] == pytest.approx(70.0)  # since its last sign of life
    assert goodput.seconds["repeated"] == pytest.approx(40.0)


def test_waiting_for_the_quota_of_the_next_day_is_queueing() -> None:
    held = [
        {"event": "asked", "at": 10.0, "since": 0.0},
        {"event": "held", "at": 12.0},
        {"event": "asked", "at": 500.0},
    ]
    goodput = Goodput.of([*held, START | {"at": 510.0}, {"event": "train", "at": 520.0, "nimg": 0}])
    assert goodput is not None
    assert (goodput.seconds["queue"], goodput.seconds["start"]) == (pytest.approx(10 + 488), pytest.approx(2 + 20))


def test_two_clocks_that_differ_do_not_make_time() -> None:
    rows = [*KILLED[:3], {"event": "tick", "at": 200.0, "nimg": 100, "seconds": {"step": 84.0, "data": 7.0}}]
    goodput = Goodput.of(rows)
    assert goodput is not None
    assert goodput.total == pytest.approx(200.0)
    assert all(seconds >= 0 for seconds in goodput.seconds.values())


def test_the_cost_of_a_run_is_that_of_all_its_trainers() -> None:
    cost = Cost.of_run(KILLED)
    assert cost is not None
    assert cost.hours * 3600 == pytest.approx(230 + 121)
    assert cost.gpu_hours == pytest.approx(2 * cost.hours)
    assert cost.kwh == pytest.approx(0.05)
    assert cost.price == pytest.approx((2 * 230 * 3.0 + 2 * 121 * 6.0) / 3600)
    assert cost.starts == 2
    assert cost.words() == "6 min, 0.2 GPU hours, 50 Wh, 0.79 EUR"


def test_hours_without_a_price_are_told() -> None:
    free = list(KILLED)
    free[1] = {name: value for name, value in KILLED[1].items() if name not in ("price_per_hour", "currency")}
    cost = Cost.of_run(free)
    assert cost is not None
    assert cost.price == pytest.approx(2 * 121 * 6.0 / 3600)
    assert cost.words().endswith("0.40 EUR, 4 min of it without a price")
    foreign = cost + Cost(hours=1.0, price=5.0, currency="USD", starts=1)
    assert foreign.price == cost.price
    assert foreign.unpriced_hours == pytest.approx(cost.unpriced_hours + 1.0)


def test_runs_without_a_history_have_no_cost() -> None:
    assert Cost.of_run([]) is None
    assert Goodput.of([]) is None
    assert VersionCost().facts() == []
    hour = Cost(hours=1.0, starts=1)
    assert VersionCost(training=hour).facts() == [("cost", "60 min")]
    assert VersionCost(evaluation=hour).facts() == [("cost of evaluations", "60 min")]  # of an older release


def test_a_version_costs_its_training_and_evaluations_and_names_what_came_before() -> None:
    training = Cost.of_run(KILLED)
    before = Cost(hours=10.0, gpu_hours=10.0, price=30.0, currency="EUR", starts=1)
    version = VersionCost(training=training, started_from="models:/m/1", before=before)
    version = version.with_evaluation(Cost(hours=0.1, price=0.3, currency="EUR", starts=1))
    version = version.with_evaluation(Cost(hours=0.1, price=0.3, currency="EUR", starts=1))
    again = VersionCost.model_validate_json(version.model_dump_json())
    assert again == version
    assert version.total is not None
    assert version.lineage is not None
    assert version.total.price == pytest.approx(0.79 + 0.6, abs=0.005)
    assert version.lineage.price == pytest.approx(30.79 + 0.6, abs=0.005)
    assert [name for name, _ in version.facts()] == [
        "cost",
        "cost of the training",
        "cost of evaluations",
        "before, in models:/m/1",
    ]
    assert dict(version.facts())["cost of the training"].endswith("0.79 EUR in 2 starts")


def test_a_line_that_a_killed_process_left_incomplete_is_passed_over(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.add_request(since=5.0)
    history.add_request(since=1.0)  # only the first request counts
    with history.path.open("a") as file:
        file.write('{"event": "tick", "at": 17')
    history.add("exit", code=-9)
    assert [row["event"] for row in history.rows()] == ["asked", "exit"]
    assert history.rows()[0]["since"] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-07-14T21:59:00+00:00", "2026-07-15T00:00:00+02:00"),
        ("2026-07-14T22:00:00+00:00", "2026-07-16T00:00:00+02:00"),
        ("2026-10-24T23:30:00+00:00", "2026-10-26T00:00:00+01:00"),  # a day of 25 hours
        ("2026-03-28T23:30:00+00:00", "2026-03-30T00:00:00+02:00"),  # a day of 23 hours
    ],
)
def test_a_quota_that_is_used_up_says_until_when(now: str, until: str) -> None:
    quota = Quota(gpu_hours_per_day=24, price_per_day=100, timezone="Europe/Berlin")
    refusal = quota.refuse(Spent(gpu_hours=24.0, price=99.0), datetime.fromisoformat(now), "EUR")
    assert refusal is not None
    assert refusal.until == datetime.fromisoformat(until)
    assert "the day's quota of the service: 24 GPU hours of 24. The next day begins on 2026-" in refusal.why


def test_a_training_below_the_quota_may_start() -> None:
    now = datetime.fromisoformat("2026-07-14T12:00:00+00:00")
    assert Quota().refuse(Spent(gpu_hours=1e6, price=1e6), now, "EUR") is None
    quota = Quota(price_per_day=100)
    assert quota.refuse(Spent(gpu_hours=1e6, price=99.0), now, "EUR") is None
    refusal = quota.refuse(Spent(price=120.5), now, "USD")
    assert refusal is not None
    assert "120.50 USD of 100." in refusal.why


def test_the_price_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHARDGAN_PRICE_PER_HOUR", raising=False)
    assert CostConfig.read().price(2.0, 4) is None
    monkeypatch.setenv("SHARDGAN_PRICE_PER_HOUR", "2.5")
    config = CostConfig.read()
    assert config.price(2.0, 4) == pytest.approx(20.0)
    assert config.price(2.0, 0) == pytest.approx(5.0)  # a machine without a GPU
    assert config.environment() == {"SHARDGAN_PRICE_PER_HOUR": "2.5"}
    monkeypatch.setenv("SHARDGAN_PRICE_PER_HOUR", "cheap")
    with pytest.raises(RequestError, match="SHARDGAN_PRICE_PER_HOUR is 'cheap'"):
        CostConfig.read()
