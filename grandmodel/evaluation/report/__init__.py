"""Pages and tables that a person reads: one file each, drawn without a network."""
