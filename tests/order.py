"""The order in which two workers take the files of the suite, each of them whole files.

A long file that came last would keep one worker busy alone. Durations: `pytest --durations=0`.
"""

# Longest first; all other files follow in the order of their names.
LONGEST = (
    "flows/test_interruption.py",
    "tasks/evaluation/test_stage.py",
    "flows/cli/test_model_commands.py",
    "flows/pipelines/test_compression_study.py",
    "tasks/trainer/test_worker_processes.py",
    "flows/pipelines/test_pipeline.py",
    "tasks/registry/test_champion.py",
    "tasks/trainer/test_scoring.py",
    "flows/stages/test_screen_images.py",
    "tasks/trainer/test_batches.py",
    "flows/cli/test_app.py",
    "shards/building/test_faults.py",
    "shards/storage/test_buckets.py",
    "tasks/trainer/test_worker.py",
    "tasks/registry/packaging/test_export.py",
    "models/compute/test_parallel.py",
    "models/objectives/test_objectives.py",
    "models/compression/test_robust.py",
    "flows/cli/test_wrong_requests.py",
    "tasks/registry/packaging/test_generator_pyfunc.py",
    "flows/stages/test_build_dataset.py",
    "tasks/tracking/test_databases.py",
    "shards/sources/test_source.py",
    "models/metrics/test_evaluation.py",
    "tasks/registry/test_versions.py",
    "tasks/trainer/test_traces.py",
    "tasks/registry/test_signing.py",
    "flows/test_reconcile.py",
    "tasks/service/test_parents.py",
)
