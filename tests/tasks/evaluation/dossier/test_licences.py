"""Licences of packages as they state them, and what a version's packages need in turn."""

from importlib import metadata

import pytest

from tasks.errors import RequestError
from tasks.evaluation.dossier.licences import find_packages, read_licence, spdx_identifier


def test_packages_are_found_with_what_they_need() -> None:
    found = {one.name: one for one in find_packages(["# comment", "", "pydantic==0.1", "no-such-package==1.2", "-r x"])}
    assert (found["pydantic"].is_direct, found["pydantic"].note) == (True, "the version asks for 0.1")
    assert found["pydantic"].version == metadata.version("pydantic")
    assert "pydantic-core" in found["pydantic"].needs
    assert (found["pydantic-core"].is_direct, found["pydantic-core"].licence) == (False, "MIT")
    assert (found["no-such-package"].version, found["no-such-package"].licence) == ("1.2", "not known")
    assert list(found) == sorted(found)


class Stated(metadata.PathDistribution):
    """A package with this metadata."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read_text(self, filename: object) -> str | None:
        return self.text if filename == "METADATA" else None


@pytest.mark.parametrize(
    ("stated", "licence"),
    [
        ("License-Expression: MIT\nLicense: other", "MIT"),
        ("License: BSD", "BSD"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License", "MIT License"),
        (f"License: {'x' * 200}\nClassifier: License :: OSI Approved", "not stated"),
        ("Classifier: Topic :: Software", "not stated"),
    ],
)
def test_licence_is_what_the_package_states(stated: str, licence: str) -> None:
    assert read_licence(Stated(f"Metadata-Version: 2.1\nName: x\nVersion: 1\n{stated}\n")) == licence


def test_licence_of_the_weights_is_an_spdx_identifier() -> None:
    assert spdx_identifier("apache-2.0") == "Apache-2.0"
    assert spdx_identifier("") == ""
    assert spdx_identifier("LicenseRef-house") == "LicenseRef-house"
    with pytest.raises(RequestError, match="'free', which is not an SPDX identifier: choose one of"):
        spdx_identifier("free")
