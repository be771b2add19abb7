"""Islands side by side: epochs, exchange, migration, selection and who runs them."""
