"""Detection by the head: forgeries of kinds inside and outside its training batches, and attacks on the head itself."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from benchmarks.harness.rows import Row, all_rows, kept
from benchmarks.shield import poisoning
from benchmarks.shield.collections import SHIELDS, Collection
from models.compute.adversarial import fgsm
from models.compute.draws import Draws
from models.grids import to_float
from models.networks.families import NetworkSpec
from models.shield.attacks import FORGERIES, stamp
from models.shield.config import ShieldConfig
from models.shield.duplicates import count_lookalikes
from models.shield.measures import auroc, detection_rate
from models.shield.recompression import recompress
from models.shield.shield import ReferenceNetworks, Shield, perturb
from models.training.checkpoints import CheckpointStore, load_checkpoint
from models.training.config import TrainConfig
from models.training.io import RecordingIO, TrainingInputs
from models.training.loop import train

FAMILIES = (
    "patch",
    "blend",
    "splice",
    "foreign",
    "fgsm",
    "pgd",
)  # kinds that can be left out of the head's training batches
EPSILONS = (0, 2, 4, 8, 16)
ADAPTIVE_STEPS = 20
LATER_STEPS = 60
FLOOD, COPIES, MOST = 5, 20, 3
CPU = torch.device("cpu")
Score = Callable[[torch.Tensor], torch.Tensor]


class Case(NamedTuple):
    """One head: its collection and seed, and what its training leaves out. `plain`: no adversarial training batches."""

    collection: str
    seed: int
    left_out: str

    @property
    def slug(self) -> str:
        return f"{self.collection}-{self.seed}-{self.left_out}"


def run(case: Case, collection: Collection) -> Row:
    """Teach the head and test it, or find it done."""
    path = poisoning.CACHE / "heads" / f"{case.slug}.json"
    return kept(path, lambda: teach_and_test(case, collection))


def teach_and_test(case: Case, collection: Collection) -> Row:
    """Teach a head from nothing, and test it on every kind of forgery."""
    began = time.process_time()
    classes = load_teachers(case, collection)
    shield = teach(case, collection, classes)
    tests = forge_all(case, collection, classes[-1])
    clean = to_float(collection.val)
    judges: dict[str, Score] = {"head": shield.score, "discriminator": lambda images: logits(classes[-1], images)}
    row: Row = {**case._asdict(), "false_positives": float((shield.score(clean) < shield.threshold).double().mean())}
    for judge, score in judges.items():
        honest = {"": score(clean), " saved": score(recompress(clean, Draws((case.seed, 60), CPU, len(clean))))}
        row[judge] = {
            name: compare(honest[" saved" if name.endswith(" saved") else ""], score(images))
            for name, images in tests.items()
        }
    row["adaptive"] = adaptive(case, shield, clean, tests) if case.left_out in ("nothing", "plain") else {}
    row["flood"] = flood(case, shield, clean) if case.left_out == "nothing" else {}
    row["cpu_seconds"] = round(time.process_time() - began, 1)
    return row


def rows() -> list[Row]:
    """Every row there is."""
    return all_rows(poisoning.CACHE / "heads", "*.json")


def load_teachers(case: Case, collection: Collection) -> list[ReferenceNetworks]:
    """Generator and discriminator as they were at each kept checkpoint of the clean unshielded training."""
    training = poisoning.Case(case.collection, case.seed, 0.0, "off")
    folder = poisoning.CACHE / "runs" / training.slug
    store = CheckpointStore(folder / "checkpoints")
    if not store.committed():
        (folder / "row.json").unlink(missing_ok=True)
        poisoning.run(training, collection)
    teachers = []
    for path in store.committed():
        checkpoint, networks = load_checkpoint(path), collection.spec.build_networks()
        networks["generator"].load_state_dict(checkpoint.part("ema"))
        networks["discriminator"].load_state_dict(checkpoint.part("discriminator"))
        teachers.append(ReferenceNetworks(networks["generator"].eval(), networks["discriminator"].eval()))
    return teachers


def teach(case: Case, collection: Collection, teachers: list[ReferenceNetworks]) -> Shield:
    """Return a head that was trained once on each of the training's generators."""
    kept = [name for name in ShieldConfig().attacks if name != case.left_out]
    config = ShieldConfig(
        policy="gate",
        trusted="val",
        attacks=tuple(kept),
        steps=LATER_STEPS,
        epsilon=0 if case.left_out in ("plain", "pgd") else 8,
        **SHIELDS[case.collection],
    )
    shield = Shield(config, collection.spec, collection.trusted, case.seed, CPU)
    for number, one in enumerate(teachers):
        shield.train_head(one, number)
    return shield


def forge_all(case: Case, collection: Collection, teachers: ReferenceNetworks) -> dict[str, torch.Tensor]:
    """Every kind of forgery of the val images, as it is and saved as JPEG."""
    clean, labels = to_float(collection.val), collection.val_labels

    def unlikely(images: torch.Tensor) -> torch.Tensor:
        return -teachers.discriminator(images, labels)

    def draws(number: int) -> Draws:
        return Draws((case.seed, number), CPU, len(clean))

    tests = {name: forge(clean, draws(40 + number)) for number, (name, forge) in enumerate(FORGERIES.items())}
    tests["foreign"] = to_float(collection.foreign)  # the other collection, which no training batch contains
    tests["trigger"] = stamp(clean, poisoning.TRIGGER)
    tests["fgsm"] = fgsm(clean, unlikely, 16 / 255)
    tests["pgd"] = perturb(clean, unlikely, 16 / 255, 10, draws(50))
    other = stranger(case, collection)
    with torch.no_grad():
        z = draws(51).normal(collection.spec.latent_dim)
        tests["generated"] = teachers.generator(z, labels)
        tests["other generator"] = other(z, labels)
    saved = {name: recompress(images, Draws((case.seed, 61), CPU, len(images))) for name, images in tests.items()}
    return tests | {f"{name} saved": images for name, images in saved.items()}


def stranger(case: Case, collection: Collection) -> torch.nn.Module:
    """A generator of another family, a vae, that learnt from the same images."""
    spec = NetworkSpec(**{**collection.spec.model_dump(), "family": "vae"})
    settings = {"family": "vae", "width": spec.width, "nimg": 20_000, "seed": case.seed, "tick_nimg": 20_000}
    config = TrainConfig.model_validate({**settings, "health": {"score_ticks": 0}, "compute": {"threads": 1}})
    store = CheckpointStore(poisoning.CACHE / "runs" / f"{case.collection}-{case.seed}-vae")
    images, labels = collection.images.numpy(), collection.labels.numpy()
    inputs = TrainingInputs(lambda nimg: poisoning.batches(images, labels, config, nimg))
    return train(config, spec, inputs, store, RecordingIO()).ema


@torch.no_grad()
def logits(teachers: ReferenceNetworks, images: torch.Tensor) -> torch.Tensor:
    """The plain discriminator's answer without a label: its features through its head."""
    network = teachers.discriminator
    found: torch.Tensor = network.head(network.layers(images).flatten(1))[:, 0]
    return found


def compare(honest: torch.Tensor, forged: torch.Tensor) -> list[float]:
    """AUROC, and the share of forgeries found where 1 % of the honest images are taken for such."""
    return [round(auroc(honest, forged), 4), round(detection_rate(honest, forged), 4)]


def adaptive(case: Case, shield: Shield, clean: torch.Tensor, tests: dict[str, torch.Tensor]) -> dict[str, Any]:
    """AUROC and detection of forgeries that were then moved towards real against this very head."""
    honest = shield.score(clean)
    curves: dict[str, Any] = {}
    for name in ("trigger", "splice", "other generator"):
        curves[name] = []
        for epsilon in EPSILONS:
            own = Draws((case.seed, 70, epsilon), CPU, len(tests[name]))
            moved = shield.evade(tests[name], epsilon, ADAPTIVE_STEPS, own) if epsilon else tests[name]
            scores = shield.score(moved)
            curves[name].append([epsilon, round(auroc(honest, scores), 4), round(detection_rate(honest, scores), 4)])
    return curves


def flood(case: Case, shield: Shield, clean: torch.Tensor) -> dict[str, float]:
    """Five val images saved twenty times each among the others: which of them have too many look-alikes."""
    copies = clean[:FLOOD].repeat_interleave(COPIES, dim=0)
    sent = torch.cat([clean, recompress(copies, Draws((case.seed, 71), CPU, len(copies)))])
    crowded = count_lookalikes(sent, float(shield.lookalike_distance)).counts > MOST
    return {
        "found": float(crowded[len(clean) :].double().mean()),
        "false_alarms": float(crowded[FLOOD : len(clean)].double().mean()),
        "distance": float(shield.lookalike_distance),
    }
