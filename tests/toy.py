"""A language pair small enough to learn within a test: words one to one, in reverse order."""

import numpy as np

LEXICON = {
    "red": "rot",
    "green": "grün",
    "blue": "blau",
    "small": "klein",
    "big": "groß",
    "old": "alt",
    "new": "neu",
    "warm": "warm",
    "cold": "kalt",
    "open": "offen",
    "closed": "zu",
    "left": "links",
    "right": "rechts",
    "first": "erste",
    "last": "letzte",
}


def pairs(n, seed=0):
    """`n` different sentence pairs."""
    rng = np.random.default_rng(seed)
    words, found = list(LEXICON), {}
    while len(found) < n:
        chosen = [words[i] for i in rng.integers(len(words), size=rng.integers(2, 7))]
        found[" ".join(chosen)] = " ".join(LEXICON[word] for word in reversed(chosen))
    return list(found.items())
