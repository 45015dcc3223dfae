"""The ML-BOM: a bill of materials in CycloneDX 1.6, with the model, its files, its data and the packages it needs.

Components, licences and dependencies are objects of cyclonedx-python-lib. That library has no class for a model card
yet, so it is added to the JSON, and the library's own validator checks the whole against the schema.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from tasks.errors import RequestError
from tasks.evaluation.dossier.documents.tables import protocol_lines, score_lines
from tasks.evaluation.dossier.facts import DossierFacts
from tasks.evaluation.dossier.licences import NOT_STATED, Package

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License

BOM = "bom.json"
MODEL, DATASET = "model", "dataset"  # references within the document
SCHEMA_VERSION = 6  # CycloneDX 1.6


def render_bom(facts: DossierFacts) -> str:
    """Return the document as JSON. Raises RequestError if it does not fit the schema of CycloneDX 1.6."""
    from cyclonedx.output.json import JsonV1Dot6

    content = json.loads(JsonV1Dot6(_make_bom(facts)).output_as_string())
    content["metadata"]["component"]["modelCard"] = _model_card(facts)
    _add_data(content, facts)
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if problem := find_problem(text):
        raise RequestError(f"the ML-BOM does not fit the schema of CycloneDX 1.6 ({problem}); report this as a defect")
    return text


def find_problem(text: str) -> str:
    """Return the first place at which a document does not fit the schema. Empty if it fits."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return str(error) if error else ""


def _make_bom(facts: DossierFacts) -> "Bom":
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType

    model = _model(facts)
    libraries = {one.name: _library(one) for one in facts.packages}
    # The same inputs give the same serial number.
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, f"{facts.uri}#{facts.tags.files_sha256}"), version=1)
    bom.metadata.timestamp = facts.written
    bom.metadata.component = model
    bom.metadata.tools.components.add(Component(name="shardgan", type=ComponentType.APPLICATION))
    for component in libraries.values():
        bom.components.add(component)
    bom.register_dependency(model, [libraries[one.name] for one in facts.packages if one.is_direct])
    for one in facts.packages:
        bom.register_dependency(libraries[one.name], [libraries[name] for name in one.needs if name in libraries])
    return bom


def _model(facts: DossierFacts) -> "Component":
    """Return the model with its files."""
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType

    files = [
        Component(
            name=f"model/{one.path}",
            type=ComponentType.FILE,
            bom_ref=f"file:{one.path}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one.sha256)],
        )
        for one in facts.files
    ]
    digest = facts.tags.files_sha256
    return Component(
        name=facts.name,
        version=facts.version,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=MODEL,
        description=f"Generator of images, trained on {facts.dataset or 'an unknown dataset'} with shardgan.",
        licenses=_licences(facts.licence) if facts.licence else [],
        components=files,
        properties=[Property(name=name, value=value) for name, value in _properties(facts)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=facts.tags.weights_sha256)]
        if facts.tags.weights_sha256 and digest
        else [],
    )


def _properties(facts: DossierFacts) -> Iterator[tuple[str, str]]:
    tags = facts.tags
    values = {
        "weights_sha256": tags.weights_sha256,
        "files_sha256": tags.files_sha256,
        "run": tags.run,
        "commit": tags.commit,
        "nimg": str(tags.nimg or ""),
        "signed_by": tags.signed_by,
        "cost": tags.cost_words,
        "checks": facts.verdict(),
    }
    yield from ((f"shardgan:{name}", value) for name, value in values.items() if value)
    for check in facts.checks:
        why = f" ({check.reason})" if check.reason else ""
        yield f"shardgan:check:{check.what}", f"{check.status}: {check.value}{why}"


def _library(package: Package) -> "Component":
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    return Component(
        name=package.name,
        version=package.version or None,
        type=ComponentType.LIBRARY,
        bom_ref=f"package:{package.name}",
        purl=PackageURL("pypi", None, package.name, package.version or None),
        licenses=_licences(package.licence) if package.licence != NOT_STATED else [],
        description=package.note or None,
    )


def _licences(text: str) -> "list[License]":
    """Return an SPDX identifier or expression where the text is one, else a licence of that name."""
    from cyclonedx.contrib.license.factories import LicenseFactory

    return [LicenseFactory().make_from_string(text)]


def _add_data(content: dict[str, Any], facts: DossierFacts) -> None:
    """Add the dataset as a component with the hash of each shard."""
    manifest = facts.manifest
    if manifest is None:
        return
    content["components"].append(
        {
            "type": "data",
            "bom-ref": DATASET,
            "name": manifest.dataset,
            "version": manifest.version,
            "data": [{"type": "dataset", "name": facts.dataset}],
            "components": [
                {
                    "type": "file",
                    "bom-ref": f"shard:{record.url}",
                    "name": record.url,
                    "hashes": [{"alg": "SHA-256", "content": record.sha256}],
                }
                for record in manifest.shardlist
            ],
        }
    )
    for dependency in content["dependencies"]:
        if dependency["ref"] == MODEL:
            dependency["dependsOn"] = sorted([*dependency.get("dependsOn", []), DATASET])


def _model_card(facts: DossierFacts) -> dict[str, Any]:
    arguments = facts.arguments
    conditional = bool(arguments.get("num_classes"))
    card: dict[str, Any] = {
        "modelParameters": {
            "approach": {"type": "supervised" if conditional else "unsupervised"},
            "task": "image generation",
            "architectureFamily": "generative adversarial network",
            "modelArchitecture": str(facts.spec.get("family", "unknown")),
            "inputs": [{"format": "number of images, seed, class, truncation"}],
            "outputs": [{"format": "image/png, image/jpeg or image/webp"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": [*_metrics(facts)]},
        "considerations": {
            "useCases": ["Images like those of its dataset, as training data, test data or marked illustrations."],
            "technicalLimitations": list(facts.limits),
            "ethicalConsiderations": [
                {
                    "name": "Generated images may be taken for real ones.",
                    "mitigationStrategy": "Every image says in its XMP metadata that it was generated, and by which "
                    "model.",
                }
            ],
        },
        "properties": [{"name": name, "value": value} for name, value in _protocols(facts)],
    }
    if facts.manifest:
        card["modelParameters"]["datasets"] = [{"ref": DATASET}]
    return card


def _metrics(facts: DossierFacts) -> Iterator[dict[str, Any]]:
    for scores in facts.scored:
        for line in score_lines(scores):
            interval = scores.intervals.get(line.name)
            metric: dict[str, Any] = {"type": line.name, "value": line.value, "slice": scores.protocol.digest()}
            if interval:
                low, high = line.interval.split(" to ")
                metric["confidenceInterval"] = {"lowerBound": low, "upperBound": high}
            yield metric
        for name, value in scores.by_class.items():
            yield {"type": "FD", "value": f"{value:.4g}", "slice": f"{scores.protocol.digest()}: class {name}"}


def _protocols(facts: DossierFacts) -> Iterator[tuple[str, str]]:
    for scores in facts.scored:
        for name, value in protocol_lines(scores):
            yield f"shardgan:protocol:{scores.protocol.digest()}:{name}", value
