"""Language modelling: the user's own text or code, cut into blocks."""
