"""BERT-shaped sentence encoders that come trained: read from a folder, run whole or as parts, made to tell classes."""
