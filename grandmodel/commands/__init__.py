"""Small command lines beside the three entry points."""
