"""Each way to read shuffled batches of uint8 images. Each imports its own library, and may run in another environment.

All of them decode JPEG to batches of 32 images of 3 x 256 x 256, and give one pass over the collection.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

BATCH, SIDE, SHUFFLED = 32, 256, 1000
SHARD_BYTES = 7 * 2**20  # about 200 images, as in our shards
MANIFEST, LITDATA, MOSAIC, FOLDER = "datasets/tiles", "litdata", "mosaic", "folder"


def decoded(image: Image.Image) -> torch.Tensor:
    """uint8 CHW."""
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


class ImageFolder(TorchDataset[torch.Tensor]):
    """What everybody starts with: one file an image."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        return decoded(Image.open(self.paths[index]))


def folder_batches(where: str, workers: int, _scratch: Path) -> Iterator[Any]:
    return iter(DataLoader(ImageFolder(Path(where) / FOLDER), BATCH, shuffle=True, num_workers=workers, drop_last=True))


def ours(where: str, workers: int, _scratch: Path) -> Iterator[Any]:
    from shards import Dataset
    from tasks.trainer.batches import open_data
    from tasks.trainer.config import DataConfig

    settings = {"mode": "streaming", "workers": workers or -1, "shuffle_buffer": SHUFFLED}
    data = open_data(DataConfig.model_validate(settings), Dataset.open("tiles", where), batch_size=BATCH, seed=0)
    return (images for images, _ in data.batches(0))


def our_pipeline(where: str, workers: int, _scratch: Path) -> Iterator[Any]:
    """Dataset.pipeline(): our order, checks and decoding as stages of webdataset."""
    import webdataset

    from shards import Dataset

    pipeline = Dataset.open("tiles", where).pipeline("train", group=BATCH, shuffle_buffer=SHUFFLED)
    pipeline = pipeline.compose(webdataset.to_tuple("image"), webdataset.batched(BATCH))
    return (images for (images,) in webdataset.WebLoader(pipeline, batch_size=None, num_workers=workers))


def webdataset_batches(where: str, workers: int, _scratch: Path) -> Iterator[Any]:
    import webdataset

    dataset = (
        webdataset.WebDataset(shard_urls(where), shardshuffle=100, seed=0)
        .shuffle(SHUFFLED)
        .decode("pil")
        .to_tuple("jpg")
        .map_tuple(decoded)
        .batched(BATCH, partial=False)
    )
    return (images for (images,) in DataLoader(dataset, batch_size=None, num_workers=workers))


def litdata_batches(where: str, workers: int, scratch: Path) -> Iterator[Any]:
    import litdata
    from litdata.streaming import downloader

    # Its client refuses a server without TLS, and there is no setting for that.
    downloader._OBSTORE_CLIENT_OPTIONS["allow_http"] = "true"

    class Images(litdata.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, index: Any) -> torch.Tensor:
            return decoded(Image.open(io.BytesIO(super().__getitem__(index))))

    dataset = Images(f"{where}/{LITDATA}", cache_dir=str(scratch), shuffle=True, drop_last=True)
    return iter(litdata.StreamingDataLoader(dataset, batch_size=BATCH, num_workers=workers))


def mosaic_batches(where: str, workers: int, scratch: Path) -> Iterator[Any]:
    from benchmarks.loading.stand_ins import import_streaming

    streaming = import_streaming()

    class Images(streaming.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, index: Any) -> torch.Tensor:
            return decoded(Image.open(io.BytesIO(super().__getitem__(index)["jpg"])))

    is_remote = where.startswith("s3://")
    place = {"remote": f"{where}/{MOSAIC}", "local": str(scratch)} if is_remote else {"local": f"{where}/{MOSAIC}"}
    dataset = Images(**place, shuffle=True, batch_size=BATCH)
    return iter(DataLoader(dataset, BATCH, num_workers=workers, drop_last=True))


def write_litdata(paths: list[Path], target: Path) -> None:
    """Store JPEG files as they are in litData's chunks."""
    from litdata.streaming.cache import Cache

    cache = Cache(str(target), chunk_bytes=SHARD_BYTES)
    for number, path in enumerate(paths):
        cache[number] = path.read_bytes()
    cache.done()
    cache.merge()


def write_mosaic(paths: list[Path], target: Path) -> None:
    """Store JPEG files as they are in MosaicML's shards."""
    from benchmarks.loading.stand_ins import import_streaming

    with import_streaming().MDSWriter(out=str(target), columns={"jpg": "bytes"}, size_limit=SHARD_BYTES) as writer:
        for path in paths:
            writer.write({"jpg": path.read_bytes()})


def shard_urls(where: str) -> list[str]:
    """Return our shards as webdataset reads them: paths, or signed links, as its own reader of S3 needs `aws`."""
    if not where.startswith("s3://"):
        return sorted(map(str, (Path(where) / MANIFEST).rglob("train-*.tar")))
    import boto3

    client = boto3.client("s3")
    bucket, _, prefix = where.removeprefix("s3://").partition("/")
    listed = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = sorted(one["Key"] for page in listed for one in page.get("Contents", ()) if one["Key"].endswith(".tar"))
    sign = {"ExpiresIn": 3600, "ClientMethod": "get_object"}
    links = [client.generate_presigned_url(Params={"Bucket": bucket, "Key": key}, **sign) for key in keys]
    return [f"pipe:curl -s -f '{link}'" for link in links]


Reader = Callable[[str, int, Path], Iterator[Any]]
READERS: dict[str, Reader] = {
    "ours": ours,
    "ours, Dataset.pipeline()": our_pipeline,
    "webdataset": webdataset_batches,
    "litData": litdata_batches,
    "MosaicML streaming": mosaic_batches,
    "image folder": folder_batches,
}
WRITERS = {LITDATA: write_litdata, MOSAIC: write_mosaic}
