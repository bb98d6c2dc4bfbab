"""Plays a county of homes: physics as arrays, faults as scheduled events, and devices that speak MQTT."""
