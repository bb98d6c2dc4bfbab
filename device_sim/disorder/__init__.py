"""Between what devices measure and what arrives: wrong clocks and values, outages, storms, batches, duplicates."""
