"""DINOv2 as a feature net: a vision transformer that was trained without labels (Oquab et al. 2023).

Distances in its features agree with human judgement better than Inception's (Stein et al. 2023, "Exposing flaws of
generative model evaluation metrics", with ViT-L/14). The size of the network is read from the weights file.
"""

from pathlib import Path

import safetensors
import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import nn

from models.errors import FeatureNetError
from models.features.feature_net import FeatureNet, to_rgb
from models.features.weights_file import read_weights

INPUT_SIZE = 224
HEAD_WIDTH = 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
EPS = 1e-6
UNUSED = {"mask_token"}  # only used in its training


class Attention(nn.Module):
    """Self-attention with one joint projection to queries, keys and values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(n, tokens, 3, width // HEAD_WIDTH, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, tokens, width)
        projected: torch.Tensor = self.proj(mixed)
        return projected


class MLP(nn.Module):
    """Two layers with a GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.fc2(F.gelu(self.fc1(x)))
        return result


class LayerScale(nn.Module):
    """A factor for each channel (Touvron et al. 2021, eq. 1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma


class TransformerBlock(nn.Module):
    """Attention, then the MLP; each has a normalisation before it and a layer scale after it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.attn, self.ls1 = nn.LayerNorm(width, EPS), Attention(width), LayerScale(width)
        self.norm2, self.mlp, self.ls2 = nn.LayerNorm(width, EPS), MLP(width), LayerScale(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        result: torch.Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return result


class VisionTransformer(nn.Module):
    """Normalised images (N, 3, side, side) to the class token's features (N, width). Layer names are timm's."""

    def __init__(self, *, width: int, depth: int, patch: int, grid: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid**2, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.blocks = nn.ModuleList(TransformerBlock(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, EPS)
        self.width, self.patch, self.grid = width, patch, grid

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = self.patch_embed["proj"](images)
        positions = self._positions(patches.shape[-1])
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), patches.flatten(2).transpose(1, 2)], 1) + positions
        for block in self.blocks:
            x = block(x)
        features: torch.Tensor = self.norm(x)[:, 0]
        return features

    def _positions(self, side: int) -> torch.Tensor:
        """The position embeddings, resized to a grid of this side (bicubic, no antialias, as published)."""
        if side == self.grid:
            return self.pos_embed
        square = self.pos_embed[:, 1:].reshape(1, self.grid, self.grid, self.width).permute(0, 3, 1, 2)
        resized = F.interpolate(square, (side, side), mode="bicubic", align_corners=False)
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).transpose(1, 2)], 1)


class DinoV2(FeatureNet):
    """DINOv2 as a feature net. The file is timm's model.safetensors, of any size except giant.

    Raises FeatureNetError for an input size that is not a multiple of the patch, or a file without such a network.
    """

    name = "dinov2"
    label = "DINOv2"

    def __init__(self, weights: Path, input_size: int = 0, device: str | torch.device = "cpu") -> None:
        self.input_size, self.device = input_size or INPUT_SIZE, torch.device(device)
        content, self.sha256 = read_weights(weights)
        try:
            tensors = {name: tensor for name, tensor in load(content).items() if name not in UNUSED}
            self.net = _build(tensors)
            self.net.load_state_dict(tensors)
        except (safetensors.SafetensorError, KeyError, RuntimeError) as error:
            raise FeatureNetError(
                f"{weights} is not a DINOv2 network ({str(error).splitlines()[0]}); expected timm's "
                "model.safetensors of vit_small, vit_base or vit_large_patch14_dinov2"
            ) from error
        if self.input_size % self.net.patch:
            raise FeatureNetError(
                f"input_size is {self.input_size}; expected a multiple of {self.net.patch}, the side of a patch"
            )
        self.net.eval().requires_grad_(False).to(self.device)
        self.num_features = self.net.width
        self._mean, self._std = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (MEAN, STD))

    def extract(self, pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.net((to_rgb(pixels) / 255 - self._mean) / self._std)
        return features


def _build(tensors: dict[str, torch.Tensor]) -> VisionTransformer:
    width, _, patch, _ = tensors["patch_embed.proj.weight"].shape
    depth = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("blocks."))
    grid = round((tensors["pos_embed"].shape[1] - 1) ** 0.5)
    return VisionTransformer(width=width, depth=depth, patch=patch, grid=grid)
