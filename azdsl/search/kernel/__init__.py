"""The compiled search: candidates, caches, hurdles and the state of one island."""
