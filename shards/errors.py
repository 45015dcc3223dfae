"""Everything that `shards` raises on purpose.

ShardsError
├── SourceError        the source is missing, unreadable, or gives nothing that could be trained on
├── BuildError         the build cannot go on: disk full, lost bucket, decoder program that does not start
├── DatasetError       no such dataset, version or manifest, or a manifest that cannot be read
├── ShardError         a shard that is missing, cut off, altered or unsafe to read
├── SplitError         a split that is unknown, empty, mixed in size or too large for memory
└── RefusedError       one file is refused; it ends as a row of quarantine.parquet, never as a failed build
"""


class ShardsError(Exception):
    """Base of all errors of this package; its text is meant for the person who asked."""


class SourceError(ShardsError):
    """The source is missing, unreadable, or gives nothing that could be trained on."""


class BuildError(ShardsError):
    """The build cannot go on; what is finished so far is kept and the next run resumes from it."""


class DatasetError(ShardsError):
    """There is no such dataset, version or manifest, or its manifest cannot be read."""


class ShardError(ShardsError):
    """A shard is missing, cut off, altered or unsafe to read."""


class SplitError(ShardsError):
    """A split is unknown, empty, mixed in size or too large for memory."""


class RefusedError(ShardsError):
    """One file is refused, with a short reason `code` that is counted and a message that says more."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
