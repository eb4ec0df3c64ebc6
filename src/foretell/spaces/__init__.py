"""Search spaces: genes, populations, text and features of an architecture."""

from foretell.spaces.architecture import Architecture
from foretell.spaces.features import FeatureKind, feature_names
from foretell.spaces.gene import Gene, attended_layers
from foretell.spaces.registry import create, load_space, named, names
from foretell.spaces.space import Population, SearchSpace
from foretell.spaces.transformer import Backbone, TransformerShape, transformer_genes

__all__ = [
    "Architecture",
    "Backbone",
    "FeatureKind",
    "Gene",
    "Population",
    "SearchSpace",
    "TransformerShape",
    "attended_layers",
    "create",
    "feature_names",
    "load_space",
    "named",
    "names",
    "transformer_genes",
]
