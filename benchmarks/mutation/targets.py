"""Which modules are mutated, the tests that must notice it, and the mutants that no test can tell from the original."""

import json
from pathlib import Path

# Whole trainings are left out: they take minutes, and a wrong formula trains too.
_OBJECTIVES = (
    "tests/models/objectives/test_values.py",
    "tests/models/objectives/test_losses.py",
    "tests/models/objectives/test_objectives.py::test_the_penalty_of_a_quadratic_is_known",
    "tests/models/objectives/test_objectives.py::test_divergence_and_bound_agree_with_torch_distributions",
)

_SCHEDULES = ("tests/models/training/test_schedule_values.py", "tests/models/training/test_schedules.py")

TARGETS: dict[str, tuple[str, ...]] = {
    "shards/reading/order.py": ("tests/shards/reading/test_order.py",),
    "shards/dataset/verification.py": ("tests/shards/dataset/test_verification.py",),
    "shards/layout/manifest.py": ("tests/shards/layout/test_manifest_values.py",),
    "shards/building/ledger.py": ("tests/shards/building/test_ledger.py",),
    "shards/building/packed_facts.py": ("tests/shards/building/test_ledger.py",),
    "shards/building/classes.py": ("tests/shards/building/test_class_rules.py",),
    "shards/sources/webdataset.py": ("tests/shards/sources/test_webdataset.py",),
    "shards/reading/windows.py": ("tests/shards/reading/test_open_shards.py", "tests/shards/reading/test_windows.py"),
    "models/objectives/relativistic.py": _OBJECTIVES,
    "models/objectives/losses.py": _OBJECTIVES,
    "models/objectives/non_saturating.py": _OBJECTIVES,
    "models/objectives/autoencoding.py": _OBJECTIVES,
    "models/objectives/variational.py": _OBJECTIVES,
    "models/objectives/batch.py": _OBJECTIVES,
    "models/augmentation/adaptive.py": _SCHEDULES,
    "models/training/schedules.py": _SCHEDULES,
    "models/metrics/distances.py": ("tests/models/metrics/test_distances.py",),
    "models/metrics/neighbours.py": ("tests/models/metrics/test_neighbours.py",),
    "models/metrics/scores.py": ("tests/models/metrics/test_score_values.py",),
    "models/metrics/protocol.py": ("tests/models/metrics/test_protocol.py",),
    "models/metrics/evaluation.py": ("tests/models/metrics/test_evaluation_values.py",),
    "models/metrics/floors.py": ("tests/models/metrics/test_floors.py",),
    "models/metrics/directions.py": ("tests/models/metrics/test_directions.py",),
    "models/metrics/judges.py": ("tests/models/metrics/test_judges.py",),
    "tasks/registry/promotion.py": (
        "tests/tasks/registry/test_promotion_values.py",
        "tests/tasks/registry/test_promotion.py",
        "tests/tasks/registry/decisions/test_approval.py",
    ),
    "tasks/registry/signing.py": ("tests/tasks/registry/test_signing_values.py",),
    "tasks/registry/audit.py": ("tests/tasks/registry/test_audit.py",),
}

# Why a changed line behaves like the original: the list of the mutants that no test can notice.
_LISTED = json.loads(Path(__file__).with_name("equivalent.json").read_text())
EQUIVALENT: dict[tuple[str, str, str], str] = {
    (one["module"], one["line"], one["changed"]): one["reason"] for one in _LISTED
}
