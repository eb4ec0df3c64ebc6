"""The command line: parses, calls, prints."""

from foretell.cli.app import main

__all__ = ["main"]
