"""Settings of compression-robust training. Imports no torch."""

from typing import Literal

CompressionMode = Literal["off", "known", "learned"]
