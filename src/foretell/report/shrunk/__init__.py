"""The page of a pretrained model that was made to fit: what is left of it, and what that was worth."""
