"""The only part of learning that knows Lightning."""
