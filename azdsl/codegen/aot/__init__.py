"""Ahead-of-time compilation: standalone models that need nothing of azdsl."""
