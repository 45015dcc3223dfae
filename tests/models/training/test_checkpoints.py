import json
import logging
from pathlib import Path

import pytest
import torch

from models.errors import CheckpointError
from models.training.checkpoints import (
    BEST,
    MARKER,
    TENSORS,
    VALUES,
    BackgroundWriter,
    Best,
    CheckpointStore,
    file_sha256,
    load_checkpoint,
)


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints", keep=2)


def save(store: CheckpointStore, nimg: int) -> Path:
    return store.save(nimg, {"a": torch.full((3,), float(nimg)), "step": torch.tensor(7)}, {"num_ticks": nimg // 10})


def test_what_was_saved_is_loaded(store: CheckpointStore) -> None:
    save(store, 30)
    loaded = store.load_latest()
    assert loaded is not None
    assert (loaded.nimg, loaded.values) == (30, {"num_ticks": 3})
    assert torch.equal(loaded.tensors["a"], torch.full((3,), 30.0))
    assert loaded.tensors["step"].item() == 7


def test_nothing_saved_loads_nothing(store: CheckpointStore) -> None:
    assert store.load_latest() is None


def test_only_the_newest_are_kept(store: CheckpointStore) -> None:
    for nimg in (10, 20, 30):
        save(store, nimg)
    assert [int(path.name) for path in store.committed()] == [20, 30]


def test_without_its_marker_a_checkpoint_does_not_count(store: CheckpointStore) -> None:
    save(store, 10)
    (save(store, 20) / MARKER).unlink()
    loaded = store.load_latest()
    assert loaded is not None
    assert loaded.nimg == 10


@pytest.mark.parametrize("position", [0, 40, -1])
def test_a_flipped_bit_is_noticed_and_the_one_before_used(
    store: CheckpointStore, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    save(store, 10)
    damaged = save(store, 20) / TENSORS
    content = bytearray(damaged.read_bytes())
    content[position] ^= 1
    damaged.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        loaded = store.load_latest()
    assert loaded is not None
    assert loaded.nimg == 10
    assert "damaged: sha256" in caplog.text


def test_a_marker_that_says_nothing_proves_nothing(store: CheckpointStore) -> None:
    path = save(store, 10)
    for marker in ("{}", "[]", "7", '{"state.json": 1}', "not json"):
        (path / MARKER).write_text(marker)
        with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
            load_checkpoint(path)
        assert store.load_latest() is None


@pytest.mark.parametrize("content", [b"", b"\x80\x04cos\nsystem\n(S'true'\ntR.", b"\xff" * 64, b"PK\x03\x04"])
def test_a_poisoned_checkpoint_whose_hashes_fit_is_passed_over(store: CheckpointStore, content: bytes) -> None:
    save(store, 10)
    path = save(store, 20)
    (path / TENSORS).write_bytes(content)
    digests = {name: file_sha256(path / name) for name in (TENSORS, VALUES)}
    (path / MARKER).write_text(json.dumps(digests))
    loaded = store.load_latest()
    assert loaded is not None
    assert loaded.nimg == 10


def test_a_cut_file_is_named(store: CheckpointStore) -> None:
    path = save(store, 10)
    (path / TENSORS).write_bytes((path / TENSORS).read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"state\.safetensors is damaged"):
        load_checkpoint(path)


def test_a_missing_file_is_named(store: CheckpointStore) -> None:
    path = save(store, 10)
    (path / TENSORS).unlink()
    with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
        load_checkpoint(path)


def test_what_a_killed_save_left_behind_is_overwritten(store: CheckpointStore) -> None:
    leftover = store.directory / ".000000000010.partial"
    leftover.mkdir(parents=True)
    (leftover / TENSORS).write_bytes(b"half")
    save(store, 10)
    loaded = store.load_latest()
    assert loaded is not None
    assert not leftover.exists()


def test_a_save_that_fails_leaves_what_lay_there(store: CheckpointStore) -> None:
    save(store, 10)
    with pytest.raises(TypeError):
        store.save(10, {"a": torch.zeros(3)}, {"num_ticks": object()})  # no JSON
    loaded = store.load_latest()
    assert loaded is not None
    assert loaded.nimg == 10


def test_the_marker_names_every_file(store: CheckpointStore) -> None:
    path = save(store, 10)
    assert set(json.loads((path / MARKER).read_text())) == {file.name for file in path.iterdir()} - {MARKER}


def test_a_checkpoint_written_in_the_background_has_the_same_bytes(store: CheckpointStore, tmp_path: Path) -> None:
    tensors = {"a": torch.randn(50, 3).t(), "n": torch.tensor(3)}
    foreground = CheckpointStore(tmp_path / "foreground").save(10, tensors, {"x": [1.5]})
    writer = BackgroundWriter(store)
    writer.save(10, tensors, {"x": [1.5]})
    tensors["a"].zero_()
    writer.wait()
    assert [file.name for file in sorted(foreground.iterdir())] == [MARKER, "state.json", TENSORS]
    for file in foreground.iterdir():
        assert file.read_bytes() == (store.path(10) / file.name).read_bytes()


def test_what_goes_wrong_in_the_background_is_raised_by_the_next_save(store: CheckpointStore) -> None:
    store.directory.write_text("a file where the folder should be")
    writer = BackgroundWriter(store)
    writer.save(10, {"a": torch.zeros(1)}, {})
    with pytest.raises(CheckpointError, match=r"at 10 images cannot be written .* free some space"):
        writer.save(20, {"a": torch.zeros(1)}, {})
    writer.wait()


def test_the_best_stays_while_the_newest_rotate(store: CheckpointStore) -> None:
    for nimg in (10, 20, 30, 40):
        save(store, nimg)
        if nimg in (10, 20):
            store.set_best(Best(nimg, "FD", 100.0 - nimg, "p"))
    assert [int(path.name) for path in store.committed()] == [20, 30, 40]
    assert store.best() == Best(20, "FD", 80.0, "p")


def test_a_checkpoint_out_of_turn_goes_with_the_next(store: CheckpointStore) -> None:
    save(store, 10)
    save(store, 20)
    store.save(25, {"a": torch.zeros(1)}, {}, interim=True)
    assert [int(path.name) for path in store.committed()] == [10, 20, 25]
    assert store.load_latest().nimg == 25  # type: ignore[union-attr]
    assert store.load_latest(interim=False).nimg == 20  # type: ignore[union-attr]
    save(store, 30)
    assert [int(path.name) for path in store.committed()] == [20, 30]


def test_out_of_turn_before_a_damaged_one_stays(store: CheckpointStore) -> None:
    save(store, 10)
    (save(store, 30) / TENSORS).write_bytes(b"damaged")
    store.save(25, {"a": torch.zeros(1)}, {}, interim=True)
    store.set_best(Best(10, "FD", 90.0, "p"))
    assert store.load_latest().nimg == 25  # type: ignore[union-attr]


def test_a_record_of_the_best_that_cannot_be_read_is_none(store: CheckpointStore) -> None:
    save(store, 10)
    (store.directory / BEST).write_text("{")
    assert store.best() is None
    assert store.load_best().nimg == 10  # type: ignore[union-attr]
