"""What people answer to a message: how it is read, which alarm it means, what it does."""
