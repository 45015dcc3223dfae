"""What stages read and make, in the names of OpenLineage: sources, dataset versions, model versions, reports.

Names follow the specification: for files, the namespace is `file` or `s3://bucket` and the name is the path. A version
is a facet and no part of the name, so that all versions of a dataset are one node of the graph.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shards import Dataset
from tasks.home import home
from tasks.tracking.model_ref import ModelRef


@dataclass(frozen=True)
class Piece:
    """One dataset in the sense of OpenLineage. `rows`, `size` and `files` are written for outputs."""

    namespace: str
    name: str
    version: str = ""
    storage: tuple[str, str] | None = None  # layer and file format
    fields: tuple[tuple[str, str, str], ...] = ()  # name, type, description
    rows: int | None = None
    size: int | None = None
    files: int | None = None


# A piece is described when its event is made: a run without lineage events reads no manifest for them.
Described = Callable[[], Piece]


def source(uri: str) -> Described:
    """Return the source of a build: a folder, an archive, a listing or a bucket."""
    return lambda: Piece(*_place(uri))


def dataset(reference: str) -> Described:
    """Return a dataset version: `name`, `name@version` or the path of its manifest."""
    return lambda: _describe_dataset(reference)


def model(uri: str) -> Described:
    """Return a model version. `models:/name/version`, or an alias in the place of the version."""
    return lambda: _describe_model(uri)


def champion(uri: str) -> Described:
    """Return the place of a model's champion, which the version `uri` takes."""
    return lambda: _describe_model(uri, "@champion")


def file(uri: str) -> Described:
    """Return a file such as a report."""
    return lambda: Piece(*_place(uri))


def _place(uri: str) -> tuple[str, str]:
    """Return namespace and name of a path or URI."""
    if "://" not in uri:
        return "file", str(Path(uri).expanduser().absolute())
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return "file", parts.path
    # Neither the user and password nor the query, which may hold a signature.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.strip("/") or "/"


def _describe_dataset(reference: str) -> Piece:
    opened = Dataset.open(reference, home().shared)
    content = opened.manifest
    namespace, name = _place(opened.uri.rsplit("/", 2)[0])  # the folder of all versions
    picture = f"{content.settings.get('encoding', '')} {content.sides}x{content.channels}"
    label = (
        [("cls", "int", f"{len(content.labels)} classes: {', '.join(content.labels[:20])}")] if content.labels else []
    )
    return Piece(
        namespace,
        name,
        content.version,
        storage=("webdataset", "tar"),
        fields=(("__key__", "string", "key of the sample"), ("image", "bytes", picture.strip()), *label),
        rows=sum(content.num_samples_by_split.values()),
        size=sum(shard.bytes for shard in content.shardlist),
        files=len(content.shardlist),
    )


def _describe_model(uri: str, alias: str = "") -> Piece:
    reference = ModelRef.parse(uri)
    here = home()
    if here.serves_itself:
        namespace, name = "file", f"{here.mlflow_database}/models/{reference.name}{alias}"
    else:
        netloc = urlsplit(here.tracking_uri).netloc.rpartition("@")[2]
        namespace, name = f"mlflow://{netloc}", f"models/{reference.name}{alias}"
    return Piece(namespace, name, reference.version or reference.alias, storage=("mlflow", "safetensors"))
