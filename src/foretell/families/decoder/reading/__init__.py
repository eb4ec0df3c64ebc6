"""Pretrained checkpoints of Llama's shape, as networks of the family: Hugging Face folders and GGUF files."""

from foretell.families.decoder.reading.checkpoint import TYPES, Pretrained, read_pretrained

__all__ = ["TYPES", "Pretrained", "read_pretrained"]
