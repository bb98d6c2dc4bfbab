"""What every room stands on: errors, settings, logs and the clock."""
