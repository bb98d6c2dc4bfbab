-- Whether a redelivered reject is here already: without this each asks all rejects of the last hour.
create index rejects_same on rejects (hashtextextended(topic, 0), sha256(payload), received_at);
