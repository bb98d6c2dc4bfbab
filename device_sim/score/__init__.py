"""What was injected against what was alarmed and told."""
