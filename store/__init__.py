"""The database: migrations, named SQL, connections, the COPY writer, editions."""
