"""Evolution: mutation, canonical hash, caches and the compiled loop."""
