"""The compiled search: mutation, canonical form, caches, hurdles, evaluation and the state of one island."""
