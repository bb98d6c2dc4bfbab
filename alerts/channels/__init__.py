"""One module a carrier, behind the interface of channel.py."""
