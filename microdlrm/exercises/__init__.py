"""The exercises' checks, which judge with answers of their own."""
