"""A version that waits for a person: who may approve it, when an approval is refused, and what stays in its trail."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from tasks.errors import RegistryError
from tasks.home import home
from tasks.registry.config import PromotionPolicy
from tasks.registry.decisions.approval import approve, decline, name_person
from tasks.registry.decisions.questions import expire_overdue, read_approval
from tasks.registry.decisions.succession import succeed
from tasks.registry.promotion import Rival, Verdict, promote
from tasks.registry.versions import find_champion
from tasks.tracking.inventory.description import describe
from tasks.tracking.inventory.inventory import Inventory
from tasks.tracking.inventory.names import find
from tasks.tracking.runs import connect
from tests.tasks.conftest import make_version
from tests.tasks.registry.test_promotion import scores

ASK = PromotionPolicy(floors="off", approval="ask")
OFF = PromotionPolicy(floors="off")


@pytest.fixture
def client(home_dir: Path, mlflow_tables: Path) -> MlflowClient:
    home_dir.mkdir()
    shutil.copy(mlflow_tables, home_dir)
    client = connect(home())
    client.create_registered_model("m")
    return client


@pytest.fixture
def versions(client: MlflowClient, home_dir: Path) -> list[ModelVersion]:
    """Three versions; the first one is champion."""
    found = [make_version(client, "m", home_dir / "files" / name) for name in "abc"]
    succeed(client, home(), found[0], "by hand: the first")
    return found


def champion(client: MlflowClient) -> str:
    found = find_champion(client, "m")
    return str(found.version) if found else ""


def ask(
    client: MlflowClient, version: ModelVersion, against: ModelVersion, policy: PromotionPolicy = ASK, mine: float = 4.0
) -> Verdict:
    """The rule with scores under which the version is better than the champion."""
    return promote(client, home(), version, scores(mine), Rival(against, scores(5.0)), policy)


def tags(client: MlflowClient, version: ModelVersion) -> dict[str, str]:
    return dict(client.get_model_version("m", version.version).tags)


def test_a_better_version_waits_and_a_person_makes_it_champion(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    first, second, _ = versions
    verdict = ask(client, second, first)
    assert (verdict.promoted, verdict.waiting) == (False, True)
    assert verdict.why.startswith("better: FD-MobileNetV2 4.000 against the champion's 5.000; waits for a person until")
    assert verdict.why.endswith("shardgan approve models:/m/2, or shardgan decline models:/m/2")
    assert champion(client) == "1"
    asked = tags(client, second)
    assert (asked["shardgan.approval"], asked["shardgan.approval_against"]) == ("waiting", "1")

    assert ask(client, second, first).waiting  # evaluated again: the same question, with the same time limit
    assert tags(client, second)["shardgan.approval_until"] == asked["shardgan.approval_until"]

    outcome = approve(client, home(), second, "Ann", "sharper edges")
    assert (outcome.decision, outcome.champion) == ("approved", "models:/m/2")
    trail = tags(client, second)
    assert (trail["gate.promoted"], trail["gate.why"]) == ("true", "approved by Ann: sharper edges")
    assert (trail["shardgan.approval_by"], trail["shardgan.approval_reason"]) == ("Ann", "sharper edges")
    assert datetime.fromisoformat(trail["shardgan.approval_at"]) <= datetime.now(UTC)
    described = client.get_model_version("m", second.version).description or ""
    assert "Approval: approved by Ann on" in described
    inventory = Inventory(home())
    shown = dict(describe(inventory, find(inventory, "models:/m/2")[0]).facts)
    assert shown["approval"].endswith("UTC: sharper edges")
    with pytest.raises(RegistryError, match="champion already"):
        approve(client, home(), second, "Ann", "")


def test_an_approval_is_refused_when_another_version_became_champion_meanwhile(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    first, second, third = versions
    ask(client, second, first)
    succeed(client, home(), third, "by hand")
    with pytest.raises(RegistryError, match="when version 1 was champion, and now version 3 is champion"):
        approve(client, home(), second, "Ann", "")
    assert champion(client) == "3"
    assert tags(client, second)["shardgan.approval"] == "waiting"
    assert approve(client, home(), second, "Ann", "", anyway=True).champion == "models:/m/2"


def test_files_that_were_altered_while_it_waited_are_refused(
    client: MlflowClient, versions: list[ModelVersion], home_dir: Path
) -> None:
    first, second, _ = versions
    ask(client, second, first)
    (home_dir / "files" / "b" / "MLmodel").write_text("something else\n")
    for anyway in (False, True):
        with pytest.raises(RegistryError, match="altered"):
            approve(client, home(), second, "Ann", "", anyway=anyway)
    assert champion(client) == "1"
    assert tags(client, second)["shardgan.approval"] == "waiting"


def test_a_declined_version_is_not_promoted_by_the_next_evaluation(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    first, second, _ = versions
    ask(client, second, first)
    outcome = decline(client, home(), second, "Bob", "all alike")
    assert (outcome.decision, outcome.champion) == ("declined", "models:/m/1")
    assert tags(client, second)["gate.why"].startswith("declined by Bob on")
    for policy in (ASK, OFF):
        again = ask(client, second, first, policy)
        assert (again.promoted, again.waiting) == (False, False)
        assert "declined by Bob" in again.why
        assert again.why.endswith("shardgan approve models:/m/2 --anyway")
    with pytest.raises(RegistryError, match="does not wait for an approval"):
        approve(client, home(), second, "Ann", "")
    assert approve(client, home(), second, "Ann", "seen again", anyway=True).decision == "approved"


def test_after_the_time_limit_it_is_not_promoted_and_that_is_said(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    first, second, third = versions
    ask(client, second, first)
    ask(client, third, first)
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    client.set_model_version_tag("m", second.version, "shardgan.approval_until", past)
    with pytest.raises(RegistryError, match="nobody decided until"):
        approve(client, home(), second, "Ann", "")
    (sentence,) = expire_overdue(client, home())
    assert sentence.startswith("models:/m/2: not promoted: nobody decided until")
    assert tags(client, second)["shardgan.approval"] == "expired"
    assert "nobody decided" in tags(client, second)["gate.why"]
    assert read_approval(client.get_model_version("m", third.version)).state == "waiting"
    assert expire_overdue(client, home()) == []
    assert not ask(client, second, first).waiting
    assert ask(client, second, first, OFF).promoted  # a rule without people does not look at time limits


def test_a_question_ends_when_the_rule_no_longer_promotes_the_version(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    first, second, third = versions
    ask(client, second, first)
    assert not ask(client, second, first, mine=6.0).waiting
    with pytest.raises(RegistryError, match="nobody was asked about models:/m/2"):
        approve(client, home(), second, "Ann", "", anyway=True)
    ask(client, third, first)
    succeed(client, home(), third, "by hand: no time")
    (sentence,) = expire_overdue(client, home())
    assert "models:/m/3 became champion in another way" in sentence


def test_an_approval_stays_whole_if_it_comes_while_overdue_questions_are_searched_for(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    """`expire_overdue` finds the version still waiting, and gets the lock only after the approval."""
    first, second, _ = versions

    class SlowSearch(MlflowClient):
        def search_model_versions(self, *asked: Any, **named: Any) -> Any:
            found = super().search_model_versions(*asked, **named)
            approve(client, home(), second, "Ann", "sharper")
            return found

    ask(client, second, first)
    assert expire_overdue(SlowSearch(), home()) == []
    approval = read_approval(client.get_model_version("m", second.version))
    assert (approval.state, approval.by, approval.reason) == ("approved", "Ann", "sharper")


def test_only_a_version_about_which_a_person_was_asked_can_be_decided(
    client: MlflowClient, versions: list[ModelVersion]
) -> None:
    with pytest.raises(RegistryError, match="shardgan promote --model models:/m/2 --why REASON"):
        approve(client, home(), versions[1], "Ann", "")
    with pytest.raises(RegistryError, match="nobody was asked"):
        decline(client, home(), versions[1], "Ann", "")
    client.set_model_version_tag("m", "2", "shardgan.approval", "yes")
    with pytest.raises(RegistryError, match=r"shardgan\.approval is 'yes'"):
        approve(client, home(), versions[1], "Ann", "")


def test_the_person_has_a_name() -> None:
    assert name_person("  Ann \n Example ") == "Ann Example"
    assert name_person("")
