"""One file per algorithm: only what differs between them."""
