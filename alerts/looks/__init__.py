"""What is judged over hours from what is stored: stuck sensors, cold homes, homes that will freeze, coal again."""
