"""Islands: epochs, exchanges, migration, selection of the final program, and the executors that run islands."""
