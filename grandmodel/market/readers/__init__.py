"""Files into bars: CSV and Parquet, refused in one sentence where they cannot be read."""
