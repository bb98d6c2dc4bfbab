"""Climbing until somebody answers: from the village up to the county, by deadlines that stand in the database."""
