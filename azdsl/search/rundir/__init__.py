"""What a run keeps on disk: checkpoints, programs, events and settings."""
