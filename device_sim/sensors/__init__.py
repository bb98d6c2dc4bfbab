"""What devices make of the truth: detectors with their lag, noise, rounding."""
