"""Stress laid on bars: `config.parse_stress` reads what is asked for, `lay.lay_stress` does it."""
