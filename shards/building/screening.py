"""Verdicts on files: a table that says which contents a build must leave out, and why.

The table is a parquet file with one row per content. It was made elsewhere by a model that has seen the pixels; this
package knows no models and only follows the table. Suspects end in quarantine.parquet as `suspect_generated`,
`suspect_forged` or `suspect_flood`.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shards.errors import SourceError
from shards.storage.uris import open_binary

__all__ = ["SUSPICIONS", "VERDICTS", "Suspect", "Verdicts", "read_verdicts"]

SUSPICIONS = ("generated", "forged", "flood")
VERDICTS = pa.schema(
    [
        ("source", pa.string()),
        ("source_sha256", pa.string()),
        ("verdict", pa.string()),  # pass or one of SUSPICIONS
        ("allowed", pa.bool_()),  # a person has overruled the verdict
        ("p_real", pa.float32()),
        ("p_generated", pa.float32()),
        ("p_forged", pa.float32()),
        ("num_lookalikes", pa.int32()),
    ]
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Suspect:
    """One content to leave out."""

    source_sha256: bytes
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdicts:
    """All contents to leave out, and a hash over them that recognises equal verdicts."""

    suspects: tuple[Suspect, ...] = ()
    digest: str = ""


def read_verdicts(uri: str) -> Verdicts:
    """Read a table of verdicts; an empty `uri` gives no verdicts. Raises SourceError when there is no such table."""
    if not uri:
        return Verdicts()
    if uri.startswith("models:/"):
        raise SourceError(
            f"screen is {uri!r}, which is a model. The package shards cannot run models; use `shardgan build` or "
            f"`shardgan screen`."
        )
    suspects = []
    for row in _rows(uri):
        if row["verdict"] not in ("pass", *SUSPICIONS) or not _SHA256.fullmatch(row["source_sha256"] or ""):
            raise SourceError(
                f"the verdicts {uri!r} have the invalid row {row}. Make them again with `shardgan screen`."
            )
        if row["verdict"] != "pass" and not row["allowed"]:
            message = f"judged as {row['verdict']}: p_real {row['p_real']:.4f}, {row['num_lookalikes']} look-alikes"
            suspects.append(Suspect(bytes.fromhex(row["source_sha256"]), f"suspect_{row['verdict']}", message))
    suspects.sort(key=lambda one: one.source_sha256)
    text = "".join(f"{one.source_sha256.hex()} {one.reason} {one.message}\n" for one in suspects)
    return Verdicts(tuple(suspects), hashlib.sha256(text.encode()).hexdigest() if suspects else "")


def _rows(uri: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table of verdicts part by part: it has one for each image of the source."""
    try:
        with open_binary(uri) as file:
            for rows in pq.ParquetFile(file).iter_batches(columns=VERDICTS.names):
                yield from pa.table(rows).cast(VERDICTS).to_pylist()
    except Exception as error:  # pyarrow and the clients of buckets have their own kinds of errors
        raise SourceError(
            f"the verdicts {uri!r} cannot be read ({error}). Make them with `shardgan screen`."
        ) from error
