"""The stores that a URI can name: the client of each, where its password comes from, and whether we write to it.

Each client finds its own credentials: in environment variables, in the user's files or from the machine's role. They
are never part of a URI, because URIs are logged and recorded.
"""

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from shards.errors import SourceError


@dataclass(frozen=True)
class Store:
    """One kind of store. `module` is its client, and `extra` is the extra of this package that installs the client."""

    protocols: tuple[str, ...]
    module: str
    credentials: str
    extra: str = ""
    is_writable: bool = True
    is_web: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


# A long-lived process must see new files, so no client may keep listings. Each client names this option itself.
_FRESH = {"use_listings_cache": False}
# fsspec has dozens of protocols, and some of them run programs or unpack archives. These only store files.
_ALL = (
    Store(("s3", "s3a"), "s3fs", "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL", options=_FRESH),
    Store(
        ("gs", "gcs"),
        "gcsfs",
        "GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`",
        extra="gcs",
        options=_FRESH,
        # Otherwise the client asks a second service for the kind of each bucket, through a library that takes more
        # memory than a decoder process may use. A person who needs such buckets can set the variable to true.
        environment={"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"},
    ),
    Store(
        ("az", "abfs", "abfss"),
        "adlfs",
        "AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_CONNECTION_STRING",
        extra="azure",
        options=_FRESH,
    ),
    Store(("hf",), "huggingface_hub", "HF_TOKEN, or run `hf auth login`", extra="hub", is_writable=False),
    Store(("memory",), "fsspec", "nothing"),
    Store(("https", "http"), "aiohttp", "the address", is_writable=False, is_web=True),
)
_LOCAL = Store(("file",), "fsspec", "nothing")  # a folder in the place of a bucket
_BY_PROTOCOL = {protocol: store for store in _ALL for protocol in store.protocols}
STORES = tuple(protocol for protocol, store in _BY_PROTOCOL.items() if not store.is_web)
WEB = tuple(protocol for protocol, store in _BY_PROTOCOL.items() if store.is_web)


def protocol_of(uri: str) -> str:
    """Return the protocol of a remote URI: what stands before "://".

    A chain of fsspec, such as "simplecache::s3://bucket/x", gives "simplecache::s3". No store has such a protocol.
    """
    return uri.partition("://")[0]


def store_of(uri: str) -> Store:
    """Return the store that a URI names. Raises SourceError for other protocols and for a missing client."""
    protocol = protocol_of(uri)
    if protocol == "file" or "://" not in uri:
        return _LOCAL
    if protocol not in _BY_PROTOCOL:
        raise SourceError(
            f"{uri!r} has the protocol {protocol!r}. Use a local file or one of {', '.join(STORES + WEB)}."
        )
    store = _BY_PROTOCOL[protocol]
    if find_spec(store.module) is None:
        raise SourceError(
            f"{uri!r} needs the package {store.module}, which is not installed: pip install 'shardgan[{store.extra}]'"
        )
    return store


def writable_store_of(uri: str) -> Store:
    """Return the store that a remote URI names. Raises SourceError if datasets cannot be written there."""
    store = store_of(uri)
    if not store.is_writable:
        places = ", ".join(f"{one.protocols[0]}://" for one in _ALL if one.is_writable and one.module != "fsspec")
        raise SourceError(
            f"{uri!r} can only be read, and datasets and runs are written: give a local folder or a URI with {places}"
        )
    return store


def stamp_of(info: dict[str, Any]) -> str:
    """Return what tells one content of a file from another, from its entry in a listing. Empty if there is nothing.

    S3, Google and the web call it ETag, Azure etag, and the Hugging Face Hub blob_id. A time comes second.
    """
    names = ("ETag", "etag", "blob_id", "mtime", "LastModified", "last_modified")
    return str(next((info[name] for name in names if info.get(name)), ""))
