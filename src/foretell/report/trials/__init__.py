"""The page of a study of trials: what the user's own trainings came to."""
