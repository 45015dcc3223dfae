"""The errors that `shards` raises.

ShardsError
├── SourceError        the source is missing or unreadable, or has no image to train on
├── BuildError         the build cannot continue: disk full, bucket lost, decoder program does not start
├── DatasetError       the dataset, version or manifest does not exist, or the manifest cannot be read
├── ShardError         a shard is missing, cut off, altered or unsafe to read
├── SplitError         a split is unknown, empty, mixed in size or too large for memory
└── RefusedError       one file is refused: it becomes a row of quarantine.parquet, and the build continues
"""


class ShardsError(Exception):
    """Base of all errors of this package. The message is written for the user."""


class SourceError(ShardsError):
    """The source is missing or unreadable, or has no image to train on."""


class BuildError(ShardsError):
    """The build cannot continue. Everything that is finished is kept, and the next run resumes from it."""


class DatasetError(ShardsError):
    """The dataset, version or manifest does not exist, or the manifest cannot be read."""


class ShardError(ShardsError):
    """A shard is missing, cut off, altered or unsafe to read."""


class SplitError(ShardsError):
    """A split is unknown, empty, mixed in size or too large for memory."""


class RefusedError(ShardsError):
    """One file is refused. Refusals are counted by the short reason `code`; the message gives the details."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
