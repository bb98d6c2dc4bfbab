"""MQTT session → decode → judge → batch → commit → acknowledge."""
