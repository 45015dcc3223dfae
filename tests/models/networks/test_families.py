import ast
import sys

import pytest
import torch

from models.networks.families import FAMILIES, NetworkSpec


def network(family: str) -> NetworkSpec:
    return NetworkSpec(family=family, resolution=16, channels=3, num_classes=2, latent_dim=4, width=4)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_exported_file_imports_torch_alone_and_loads_the_generator(family: str) -> None:
    source = network(family).source_file().read_text()
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]  # type: ignore[union-attr]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= {"torch", *sys.stdlib_module_names}
    module: dict[str, type] = {"__name__": "exported"}
    exec(source, module)
    generator = module["Generator"](**network(family).generator_arguments())
    generator.load_state_dict(network(family).build_networks()["generator"].state_dict())


@pytest.mark.parametrize(
    ("family", "roles"),
    [("dcgan", "gd"), ("r3", "gd"), ("vae", "ge"), ("vaegan", "gde"), ("projected", "gd")],
)
def test_a_family_has_its_networks_in_the_order_in_which_they_are_drawn(family: str, roles: str) -> None:
    assert "".join(role[0] for role in network(family).build_networks()) == roles


def test_the_autoencoders_generator_is_dcgans() -> None:
    made = {}
    for family in ("dcgan", "vae", "vaegan"):
        torch.manual_seed(0)
        made[family] = network(family).build_networks()["generator"].state_dict()
    assert made["vae"].keys() == made["dcgan"].keys() == made["vaegan"].keys()
    assert all(torch.equal(made["vae"][name], value) for name, value in made["dcgan"].items())
