"""The MQTT broker as our own processes meet it: its address, one connection, a look whether it answers."""
