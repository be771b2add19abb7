"""The language reference: an entry for every statement, key, name, form and op, from the schema of the settings and the op table.

``tools/language_doc.py`` writes docs/language.md from it, ``azdsl help`` prints its entries.
"""
