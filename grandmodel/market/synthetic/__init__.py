"""Markets whose law is known: `config.SyntheticConfig` in, `dataset.make_dataset` out."""
