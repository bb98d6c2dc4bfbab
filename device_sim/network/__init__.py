"""Devices and gateways on the network: real MQTT clients."""
