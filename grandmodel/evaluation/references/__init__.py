"""What the inputs of planted markets allow."""
