"""What a newcomer and an operator see: the demo, `up`, `doctor`; puts the rooms together and judges the result."""
