"""Exported graphs give the network's images, at any batch size, for every family."""

import logging
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.networks.families import FAMILIES, NetworkSpec
from tasks.registry.packaging import export as model_export
from tasks.registry.packaging.export import export_graphs, has_onnx


def spec_of(family: str, num_classes: int) -> NetworkSpec:
    return NetworkSpec.model_validate(
        {
            "family": family,
            "resolution": 16,
            "channels": 3,
            "num_classes": num_classes,
            "latent_dim": 4,
            "width": 4,
        }
    )


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_exports_with_a_free_batch_size(tmp_path: Path, family: str, num_classes: int) -> None:
    network = spec_of(family, num_classes)
    generator = network.build_networks()["generator"].eval()
    save_file(generator.state_dict(), tmp_path / "weights.safetensors")
    graphs = export_graphs(network, tmp_path / "weights.safetensors", tmp_path)
    assert set(graphs) == {"torch_export"} | ({"onnx"} if has_onnx() else set())
    assert all(graph.max_abs_difference < 1e-5 for graph in graphs.values())
    with zipfile.ZipFile(graphs["torch_export"].path) as archive:
        others = [archive.read(name) for name in archive.namelist() if "/data/weights/weight_" not in name]
    assert not [content[:9] for content in others if content.startswith((b"PK", b"\x80"))]  # torch.save's, or a pickle
    loaded = torch.export.load(graphs["torch_export"].path).module()
    for batch in (1, 7):
        z = torch.randn(batch, 4)
        inputs = (z, torch.arange(batch) % 3) if num_classes else (z,)
        torch.testing.assert_close(loaded(*inputs), generator(*inputs), rtol=0, atol=1e-5)


def test_a_graph_that_makes_other_images_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network = spec_of("dcgan", 0)
    save_file(network.build_networks()["generator"].state_dict(), tmp_path / "weights.safetensors")
    monkeypatch.setattr(model_export, "MAX_DIFFERENCE", -1.0)
    with caplog.at_level(logging.WARNING):
        assert export_graphs(network, tmp_path / "weights.safetensors", tmp_path) == {}
    assert "differ from the network's by" in caplog.text
