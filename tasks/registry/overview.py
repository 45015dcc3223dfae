"""What a summary shows of a registered version beside its scores: links into MLflow, and where it comes from."""

from typing import NamedTuple

from tasks.home import home
from tasks.registry.versions import resolve_version
from tasks.tracking.links import run_url, version_url
from tasks.tracking.runs import connect
from tasks.tracking.tags import short_tags

ORIGIN = ("dataset", "dataset_version", "manifest", "run", "chosen", "commit", "weights_sha256")


class VersionOverview(NamedTuple):
    """A version's name, URLs by the name of the fact they belong to (empty without a server), and its origin."""

    name: str
    links: dict[str, str]
    origin: list[tuple[str, str]]


def describe_version(uri: str) -> VersionOverview:
    """Look up the version that `uri` names. Raises RegistryError if there is none."""
    client = connect(home())
    version = resolve_version(client, uri)
    run_id = str(version.run_id)
    urls = {
        "model": version_url(home(), version.name, str(version.version)),
        "run": run_url(home(), client, run_id),
        "sample grid": run_url(home(), client, run_id, "samples"),
        "report": run_url(home(), client, run_id, "report"),
    }
    tags = short_tags(version)
    return VersionOverview(
        name=f"{version.name} version {version.version}",
        links={name: url for name, url in urls.items() if url},
        origin=[(name.replace("_", " "), tags[name]) for name in ORIGIN if tags.get(name)],
    )


def check_model(uri: str) -> None:
    """Raise RegistryError if the registry has no version that `uri` names."""
    resolve_version(connect(home()), uri)
