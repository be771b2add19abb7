"""The language server ``azdsl lsp`` (extra ``lsp``): pure functions of a text and an offset, and the server that answers editors with them.

Only ``server`` imports pygls. All other modules work on texts that are being typed: what does not match the grammar yet is skipped.
"""
