"""Grafana's boards, built from the catalogue, and their provisioning. A build-time room: Grafana reads `json/`."""
