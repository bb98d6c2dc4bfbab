"""The register of a county: files in and out, what may stand in them, and a device's way through its life."""
