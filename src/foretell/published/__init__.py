"""What others published: spaces, recipes, and importers of their records."""
