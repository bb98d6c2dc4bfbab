"""The canary: a carbon monoxide alarm of our own that travels the whole way every few minutes."""
