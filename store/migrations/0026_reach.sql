-- What became of the messages of one day (alerts/reach.py): a city sends millions in a winter, and a day is few of them.
create index notification_created on notification (created_at) where not drill;
