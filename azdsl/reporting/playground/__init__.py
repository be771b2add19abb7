"""The playground: a part of a page, or a page, on which a person trains programs in the browser."""
