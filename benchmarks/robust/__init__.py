"""Compression-robust training beside plain training: how far each generator is from the clean images."""
