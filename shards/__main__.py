"""`python -m shards SOURCE ROOT --dataset NAME`: build a dataset with this package alone.

Progress and notes go to stderr, the outcome goes to stdout as one JSON object. Exit status: 0 the build is done, 1 it
failed, 2 the request was wrong.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Literal, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shards.building.builder import build
from shards.building.progress import BuildProgress
from shards.config import ShardConfig
from shards.errors import ShardsError, SourceError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    values = {name: value for name, value in vars(_parser().parse_args(arguments)).items() if value is not None}
    root = values.pop("root")
    try:
        outcome = build(ShardConfig(**values), root, report=_show)
    except ValidationError as error:
        return _complain("\n".join(map(_sentence, error.errors())), 2)
    except SourceError as error:
        return _complain(str(error), 2)
    except ShardsError as error:
        return _complain(str(error), 1)
    except KeyboardInterrupt:
        return _complain("stopped; run the same command again to continue from here", 1)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for note in outcome.notes:
        print(f"shards: {note}", file=sys.stderr)
    if outcome.not_images:
        print(f"shards: {outcome.not_images} of the quarantined files are not images.", file=sys.stderr)
    print(outcome.model_dump_json())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shards", description="Turn a collection of images into shards.")
    parser.add_argument("source", help=ShardConfig.model_fields["source"].description)
    parser.add_argument("root", help="Folder of all datasets; the new version goes to ROOT/datasets/NAME/VERSION.")
    for name, field in ShardConfig.model_fields.items():
        if name == "source":
            continue
        default = "" if field.is_required() else f" Default: {field.default}."
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_read_size if name == "resolution" else _reader(field.annotation),
            required=field.is_required(),
            help=f"{field.description}{default}".replace("%", "%%"),
        )
    return parser


def _read_size(text: str) -> int | str:
    """Read a side, or width and height such as 96x64, which the settings read."""
    return int(text) if text.isdecimal() else text


def _reader(annotation: object) -> type:
    if get_origin(annotation) is Literal:
        return type(annotation.__args__[0])  # type: ignore[attr-defined]
    return annotation if annotation in (int, float) else str


def _sentence(error: ErrorDetails) -> str:
    where = ".".join(map(str, error["loc"]))
    if not where:  # settings that do not fit together
        return error["msg"].removeprefix("Value error, ")
    return f"--{where.replace('_', '-')} {error['input']!r}: {error['msg']}"


def _complain(text: str, status: int) -> int:
    print(f"shards: {text}", file=sys.stderr)
    return status


def _show(progress: BuildProgress) -> None:
    """Update one line in a terminal; elsewhere report only when a stage begins and ends."""
    live = sys.stderr.isatty()
    if not live and progress.done not in (0, progress.total):
        return
    rate = progress.done / progress.seconds if progress.seconds else 0.0
    left = f", {(progress.total - progress.done) / rate:.0f} s left" if rate and progress.done < progress.total else ""
    print(
        f"{progress.stage} {progress.done}/{progress.total}: {progress.kept} kept, {progress.duplicates} "
        f"duplicates, "
        f"{progress.quarantined} quarantined, {rate:.0f} images/s, {progress.bytes / 2**20:.0f} MiB "
        f"read{left}",
        end="\x1b[K\r" if live else "\n",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
