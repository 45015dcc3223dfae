"""Peak FLOP/s of GPUs by the name that the driver gives them, from NVIDIA's data sheets.

Dense values: sheets that give values with sparsity are halved. A MIG slice or an unknown card has no entry; then MFU
is not computed, unless the setting peak_tflops gives the peak.
"""

from typing import Literal, NamedTuple

Arithmetic = Literal["bf16", "tf32", "fp32"]
TERA = 1e12


class Peak(NamedTuple):
    """TFLOP/s of one card by arithmetic. 0: the card does not have it."""

    bf16: float
    tf32: float
    fp32: float


OTHER_CHIPS = {"MIG", "LAPTOP", "D", "MAX"}  # words of cards that share a name with a faster one
# The first entry whose words are all in the card's name counts.
PEAKS: tuple[tuple[str, Peak], ...] = (
    ("B200", Peak(2250, 1125, 75)),
    ("H200 NVL", Peak(835.5, 417.5, 60)),
    ("H200", Peak(989.5, 494.5, 67)),
    ("H100 NVL", Peak(835.5, 417.5, 60)),
    ("H100 PCIe", Peak(756, 378, 51)),
    ("H100", Peak(989.5, 494.5, 67)),
    ("A100", Peak(312, 156, 19.5)),
    ("L40S", Peak(362, 183, 91.6)),
    ("L40", Peak(181, 90.5, 90.5)),
    ("L4", Peak(121, 60, 30.3)),
    ("RTX A6000", Peak(154.8, 77.4, 38.7)),
    ("A40", Peak(149.7, 74.8, 37.4)),
    ("A10", Peak(125, 62.5, 31.2)),
    ("RTX 4090", Peak(165.2, 82.6, 82.6)),
    ("RTX 3090", Peak(71, 35.6, 35.6)),
    ("V100-PCIE", Peak(0, 0, 14)),
    ("V100", Peak(0, 0, 15.7)),
    ("T4", Peak(0, 0, 8.1)),
)


def find_peak(card: str, arithmetic: Arithmetic) -> float | None:
    """Return the peak FLOP/s of the card, or None if it is not known."""
    words = card.upper().replace("-", " ").split()
    if OTHER_CHIPS & set(words):
        return None
    for name, peak in PEAKS:
        if set(name.upper().replace("-", " ").split()) <= set(words):
            # Cards without TF32 multiply float32 as such.
            teraflops: float = getattr(peak, arithmetic) or (peak.fp32 if arithmetic == "tf32" else 0.0)
            return teraflops * TERA or None
    return None
