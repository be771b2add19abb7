"""What a person sees of a running search: a terminal's lines or a notebook's output."""
