"""`Dataset.pipeline()`: the stages of webdataset give what our own reader gives, in the same order."""

import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import webdataset as wds

from shards import Dataset, ShardError
from shards.reading.pipeline import SampleOrder
from shards.reading.stages import StageClock
from tests.homes import copy_home

PAGE = Path(__file__).parents[3] / "docs" / "pipeline.md"


@pytest.fixture
def tiny(sharded_home: Path, tmp_path: Path) -> Dataset:
    copy_home(sharded_home, tmp_path / "home")
    return Dataset.open("tiny", tmp_path / "home")


def test_samples_come_in_the_order_of_our_reader_from_any_start(tiny: Dataset) -> None:
    ours = [next(tiny.windows("train", 20).batches(8, seed=3, start_nimg=start)) for start in (0, 40)]
    for start, (images, labels) in zip((0, 40), ours, strict=True):
        batched = tiny.pipeline("train", seed=3, start=start, shuffle_buffer=20, group=8).compose(
            wds.to_tuple("image", "cls"), wds.batched(8)
        )
        found = next(iter(batched))
        assert np.array_equal(found[0], images)
        assert np.array_equal(found[1], labels)


def test_workers_take_turns(tiny: Dataset) -> None:
    """The positions are those of one reader, whatever the number of workers."""

    def positions(workers: int) -> list[list[int]]:
        pipeline = tiny.pipeline("train", group=4, decode=False).compose(wds.to_tuple("__position__"), wds.batched(4))
        loader = wds.WebLoader(pipeline, batch_size=None, num_workers=workers)
        return [list(map(int, batch[0])) for batch in islice(loader, 5)]

    assert positions(2) == positions(0) == [list(range(start, start + 4)) for start in range(0, 20, 4)]


def test_the_stages_of_the_trainer_give_the_same_samples(tiny: Dataset) -> None:
    """Both are pipelines of webdataset with the same first stages."""
    stream = tiny.windows("train", 20).stream(3)
    trainer = wds.DataPipeline(*stream.batch_stages(SampleOrder(8, 16), StageClock()))
    batch = next(iter(trainer))
    rows = list(islice(tiny.pipeline("train", seed=3, start=16, shuffle_buffer=20, group=8), 8))
    assert np.array_equal(batch.images, np.stack([row["image"] for row in rows]))
    assert batch.labels.tolist() == [row["cls"] for row in rows]
    theirs = tiny.pipeline("train").pipeline
    assert [type(one) for one in theirs[:3]] == [type(one) for one in trainer.pipeline[:3]]


def test_one_pass_gives_each_sample_once_as_it_is_stored(tiny: Dataset) -> None:
    rows = list(tiny.pipeline("val", repeat=False, group=5, decode=False))
    stored = {sample.key: sample for sample in tiny.stream("val")}
    assert sorted(row["__key__"] for row in rows) == sorted(stored)
    assert all(row["jpg"] == stored[row["__key__"]].encoded for row in rows)
    assert [row["cls"] for row in rows] == [stored[row["__key__"]].label for row in rows]


def test_altered_shard_is_refused(tiny: Dataset) -> None:
    shard = Path(tiny.shard_uri(tiny.manifest.shards("train")[0]))
    content = bytearray(shard.read_bytes())
    content[600] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ShardError, match="train-000000"):
        list(tiny.pipeline("train", repeat=False))
    with pytest.raises(ValueError, match="start is -1"):
        tiny.pipeline("train", start=-1)


@pytest.mark.slow
def test_example_of_the_page_runs(tiny: Dataset, tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    (tmp_path / "example.py").write_text(code[1])
    done = subprocess.run(
        [sys.executable, str(tmp_path / "example.py"), tiny.uri], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "640 samples seen, classes bright, dark\n"
