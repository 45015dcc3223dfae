"""Makes OpenLineage events with the classes of the OpenLineage client, which are generated from its specification."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from tasks.tracking.lineage import code_commit
from tasks.tracking.telemetry.pieces import Described, Piece

PRODUCER = "urn:shardgan"  # a URI that identifies this program
MOST_MESSAGE = 2000
MOST_TAGS = 100


def make_event(
    kind: str,
    run_id: str,
    job: str,
    chain: Sequence[tuple[str, str]],
    reads: Sequence[Described],
    makes: Sequence[Described],
    tags: dict[str, str],
    error: BaseException | None = None,
) -> Any:
    """Return a RunEvent. `chain` is empty, or the run id and the job of the parent and of the outermost run."""
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import job_type_job

    job_type = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="SHARDGAN", jobType="STAGE")
    return RunEvent(
        eventTime=datetime.now(UTC).isoformat(),
        eventType=RunState[kind],
        producer=PRODUCER,
        run=Run(runId=run_id, facets=_run_facets(chain, tags if kind == "COMPLETE" else {}, error)),
        job=Job(namespace=namespace(), name=job, facets={"jobType": _signed(job_type)}),
        inputs=[_input(one()) for one in reads],
        outputs=[_output(one()) for one in makes],
    )


def namespace() -> str:
    """Return the namespace of our jobs."""
    return os.environ.get("OPENLINEAGE_NAMESPACE") or "shardgan"


def _run_facets(chain: Sequence[tuple[str, str]], tags: dict[str, str], error: BaseException | None) -> dict[str, Any]:
    from openlineage.client.facet_v2 import error_message_run, parent_run, processing_engine_run, tags_run

    engine = processing_engine_run.ProcessingEngineRunFacet(
        version=version("prefect"), name="Prefect", openlineageAdapterVersion=version("shardgan")
    )
    facets: dict[str, Any] = {"processing_engine": engine}
    if chain:
        (parent_id, parent_job), (root_id, root_job) = chain
        facets["parent"] = parent_run.ParentRunFacet(
            run=parent_run.Run(runId=parent_id),
            job=parent_run.Job(namespace=namespace(), name=parent_job),
            root=parent_run.Root(
                run=parent_run.RootRun(runId=root_id), job=parent_run.RootJob(namespace=namespace(), name=root_job)
            ),
        )
    if error is not None:
        message = f"{type(error).__name__}: {error}"[:MOST_MESSAGE]
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(message=message, programmingLanguage="PYTHON")
    pairs = {"commit": _commit(), **dict(list(tags.items())[:MOST_TAGS])}
    fields = [tags_run.TagsRunFacetFields(key=key, value=value, source="SHARDGAN") for key, value in pairs.items()]
    facets["tags"] = tags_run.TagsRunFacet(tags=fields)
    return {name: _signed(facet) for name, facet in facets.items()}


@cache
def _commit() -> str:
    return code_commit()


def _input(piece: Piece) -> Any:
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(namespace=piece.namespace, name=piece.name, facets=_dataset_facets(piece))


def _output(piece: Piece) -> Any:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    counted = {}
    if piece.rows is not None:
        counted["outputStatistics"] = _signed(
            statistics.OutputStatisticsOutputDatasetFacet(rowCount=piece.rows, size=piece.size, fileCount=piece.files)
        )
    return OutputDataset(
        namespace=piece.namespace, name=piece.name, facets=_dataset_facets(piece), outputFacets=counted
    )


def _dataset_facets(piece: Piece) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset, schema_dataset, storage_dataset

    facets: dict[str, Any] = {}
    if piece.version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=piece.version)
    if piece.storage:
        layer, form = piece.storage
        facets["storage"] = storage_dataset.StorageDatasetFacet(storageLayer=layer, fileFormat=form)
    if piece.fields:
        fields = [
            schema_dataset.SchemaDatasetFacetFields(name=name, type=kind, description=text)
            for name, kind, text in piece.fields
        ]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields)
    return {name: _signed(facet) for name, facet in facets.items()}


def _signed(facet: Any) -> Any:
    """Return the facet with us as its producer."""
    facet._producer = PRODUCER
    return facet
