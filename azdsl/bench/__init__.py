"""The speed figures: what ``azdsl bench`` and the scripts in ``tools/`` measure, and the C that they are compared with."""
