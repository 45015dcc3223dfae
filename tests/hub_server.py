"""A stand-in for the Hugging Face Hub: the part of its HTTP API that pushing and pulling a model repository uses,
and the part that reading a data set uses.

It answers huggingface_hub itself over real HTTP. Files that end with .safetensors go through Git LFS, as on the Hub;
others are part of the commit. README.md must have metadata that the Hub would accept.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

TOKEN = "hf_standin"
LICENCES = {"apache-2.0", "mit", "cc-by-nc-4.0", "cc-by-4.0", "other"}
MODEL = r"/api/(?:models|datasets)/(?P<repo>[^/]+/[^/]+)"


@dataclass
class StoredRepository:
    """The files of each commit, by the commit's id, oldest first."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    def find(self, revision: str) -> dict[str, bytes]:
        """Return the files of a commit, or of the newest one for the branch `main`. Raises KeyError for others."""
        return self.commits[self.head if revision == "main" else revision]

    def add(self, files: dict[str, bytes]) -> str:
        """Add a commit with these files."""
        commit = hashlib.sha1(f"{len(self.commits)} {sorted(files)}".encode()).hexdigest()
        self.commits[commit] = files
        return commit


@dataclass
class Hub:
    """What the stand-in holds, and what it was asked."""

    url: str = ""
    repositories: dict[str, StoredRepository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)  # of Git LFS, by sha256
    asked: list[str] = field(default_factory=list)

    def files(self, repo: str) -> dict[str, bytes]:
        """The files of the newest commit."""
        return self.repositories[repo].commits[self.repositories[repo].head]


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """Serve an empty hub on a free port of this machine."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing in the terminal of the tests."""

    def do_GET(self) -> None:
        self._handle("GET")

    def do_HEAD(self) -> None:
        self._handle("HEAD")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_PUT(self) -> None:
        self._handle("PUT")

    def _handle(self, method: str) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self._body()
        self.hub.asked.append(f"{method} {path}")
        is_open = path.startswith("/lfs/") or "/paths-info/" in path
        if method in ("POST", "PUT") and not is_open and not self._is_allowed():
            self._answer(401, {"error": "Invalid credentials"})
            return
        for verb, pattern, action in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method in verb:
                action(self, body, **found.groupdict())
                return
        self._answer(404, {"error": f"no route for {method} {path}"})

    def _is_allowed(self) -> bool:
        return self.headers.get("authorization") == f"Bearer {TOKEN}"

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _stored(self, repo: str) -> StoredRepository | None:
        found = self.hub.repositories.get(repo)
        if found is None or (found.private and not self._is_allowed()):
            self._answer(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        return found

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        repo = f"{asked['organization'] or 'somebody'}/{asked['name']}"
        if repo in self.hub.repositories:
            self._answer(409, {"error": "You already created this model repo", "url": f"{self.hub.url}/{repo}"})
            return
        self.hub.repositories[repo] = StoredRepository(asked.get("visibility") == "private")
        self.hub.repositories[repo].add({".gitattributes": b"*.safetensors filter=lfs\n"})
        self._answer(200, {"url": f"{self.hub.url}/{repo}"})

    def validate(self, body: bytes) -> None:
        errors = find_card_errors(json.loads(body)["content"])
        self._answer(400 if errors else 200, {"errors": [{"message": one} for one in errors], "warnings": []})

    def info(self, _body: bytes, repo: str, revision: str = "") -> None:
        if stored := self._stored(repo):
            commit = revision if revision in stored.commits else stored.head
            siblings = [{"rfilename": name, "size": len(data)} for name, data in stored.commits[commit].items()]
            self._answer(200, {"id": repo, "sha": commit, "private": stored.private, "siblings": siblings})

    def tree(self, _body: bytes, repo: str, revision: str, folder: str = "") -> None:
        if stored := self._stored(repo):
            below = f"{folder}/" if folder else ""
            rows = [row for row in _rows(stored.find(revision)) if row["path"].startswith(below)]
            if "recursive=true" not in self.path.lower():
                rows = [row for row in rows if "/" not in row["path"][len(below) :]]
            self._answer(200, rows)

    def paths(self, body: bytes, repo: str, revision: str) -> None:
        if stored := self._stored(repo):
            asked = json.loads(body)["paths"]
            self._answer(200, [row for row in _rows(stored.find(revision)) if row["path"] in asked])

    def preupload(self, body: bytes, repo: str, revision: str) -> None:
        assert revision in ("main", self.hub.repositories[repo].head)
        names = [one["path"] for one in json.loads(body)["files"]]
        modes = [
            {
                "path": name,
                "uploadMode": "lfs" if name.endswith(".safetensors") else "regular",
                "shouldIgnore": False,
            }
            for name in names
        ]
        self._answer(200, {"files": modes})

    def lfs_batch(self, body: bytes, repo: str) -> None:
        assert repo in self.hub.repositories
        objects = [
            {
                "oid": one["oid"],
                "size": one["size"],
                "actions": {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}"}},
            }
            for one in json.loads(body)["objects"]
        ]
        self._answer(200, {"transfer": "basic", "objects": objects})

    def lfs_put(self, body: bytes, oid: str) -> None:
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.blobs[oid] = body
        self._answer(200, {})

    def commit(self, body: bytes, repo: str, revision: str) -> None:
        stored = self.hub.repositories[repo]
        assert revision in ("main", stored.head)
        files = dict(stored.commits[stored.head])
        for line in body.splitlines():
            operation = json.loads(line)
            key, value = operation["key"], operation["value"]
            if key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.hub.blobs[value["oid"]]
            elif key == "deletedFile":
                del files[value["path"]]
        commit = stored.add(files)
        self._answer(200, {"success": True, "commitOid": commit, "commitUrl": f"{self.hub.url}/{repo}/commit/{commit}"})

    def resolve(self, _body: bytes, repo: str, revision: str, path: str) -> None:
        if stored := self._stored(repo):
            data = stored.find(revision).get(path)
            if data is None:
                self._answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
                return
            found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range") or "")
            part = data[int(found[1]) : int(found[2] or len(data)) + 1] if found else data
            headers = {"ETag": f'"{_sha1(data)}"', "X-Repo-Commit": revision}
            headers |= {"Content-Range": f"bytes {found[1]}-{found[2]}/{len(data)}"} if found else {}
            self._answer(206 if found else 200, part, headers)


def _rows(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Return what a listing says about these files and the folders above them."""
    rows = [{"type": "file", "path": name, "size": len(data), "oid": _sha1(data)} for name, data in files.items()]
    folders = {name.rsplit("/", depth)[0] for name in files for depth in range(1, name.count("/") + 1)}
    return rows + [{"type": "directory", "path": name, "size": 0, "oid": "0" * 40} for name in sorted(folders)]


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def find_card_errors(content: str) -> list[str]:
    """Return what the Hub would refuse in the metadata of a model card."""
    found = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
    if not found:
        return ["there is no block of metadata"]
    data = yaml.safe_load(found[1])
    errors = []
    if "license" in data and data["license"] not in LICENCES:
        errors.append(f"license is {data['license']!r}")
    if data.get("license") == "other" and not data.get("license_name"):
        errors.append("license is other, and license_name is missing")
    if not all(isinstance(tag, str) for tag in data.get("tags", [])):
        errors.append("a tag is no string")
    for model in data.get("model-index", []):
        for result in model["results"]:
            dataset = result["dataset"]
            if not re.fullmatch(r"(?:[\w-]+/)?[\w.-]+", dataset["type"]):
                errors.append(f"the dataset's type is {dataset['type']!r}")
            if "revision" in dataset and not re.fullmatch(r"[0-9a-f]{5,64}", dataset["revision"]):
                errors.append(f"the dataset's revision is {dataset['revision']!r}")
            errors += [f"a metric has no value: {one}" for one in result["metrics"] if "value" not in one]
    return errors


ROUTES: list[tuple[tuple[str, ...], str, Any]] = [
    (("POST",), "/api/repos/create", _Handler.create),
    (("POST",), "/api/validate-yaml", _Handler.validate),
    (("GET",), MODEL, _Handler.info),
    (("GET",), rf"{MODEL}/revision/(?P<revision>[^/]+)", _Handler.info),
    (("GET",), rf"{MODEL}/tree/(?P<revision>[^/]+)", _Handler.tree),
    (("GET",), rf"{MODEL}/tree/(?P<revision>[^/]+)/(?P<folder>.+)", _Handler.tree),
    (("POST",), rf"{MODEL}/paths-info/(?P<revision>[^/]+)", _Handler.paths),
    (("POST",), rf"{MODEL}/preupload/(?P<revision>[^/]+)", _Handler.preupload),
    (("POST",), rf"{MODEL}/commit/(?P<revision>[^/]+)", _Handler.commit),
    (("POST",), r"/(?P<repo>[^/]+/[^/]+)\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    (("PUT",), r"/lfs/(?P<oid>[0-9a-f]{64})", _Handler.lfs_put),
    (
        ("GET", "HEAD"),
        r"/(?:datasets/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
        _Handler.resolve,
    ),
]
