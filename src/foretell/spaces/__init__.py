"""Search spaces: genes, populations, text and features of an architecture."""

from foretell.spaces.architecture import Architecture
from foretell.spaces.expression import Expression
from foretell.spaces.family import Family, Features, RuledFamily, constants_of, family, family_names
from foretell.spaces.features import FEATURE_KINDS, averaged_names, feature_names
from foretell.spaces.gene import Gene, Scalar
from foretell.spaces.registry import create, named, names
from foretell.spaces.space import Population, SearchSpace
from foretell.spaces.written import from_dict, load_space

__all__ = [
    "FEATURE_KINDS",
    "Architecture",
    "Expression",
    "Family",
    "Features",
    "Gene",
    "Population",
    "RuledFamily",
    "Scalar",
    "SearchSpace",
    "averaged_names",
    "constants_of",
    "create",
    "family",
    "family_names",
    "feature_names",
    "from_dict",
    "load_space",
    "named",
    "names",
]
