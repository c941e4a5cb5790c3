"""Market data in the Parquet catalog of the engine: fetch, ingest, check, sample."""
