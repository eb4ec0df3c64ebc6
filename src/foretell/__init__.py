"""foretell: how good a neural architecture will be before it is trained, and the best one that fits a device."""

__version__ = "0.1.0"
