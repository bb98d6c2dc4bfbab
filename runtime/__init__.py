"""Local services for demo and tests: get and start TimescaleDB and Mosquitto, supervise our own processes."""
