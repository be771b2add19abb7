"""Programs taken elsewhere: compiled libraries, source in other languages, pictures."""
