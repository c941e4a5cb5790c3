"""Live trading: a node of the engine on real venues, and the commands around it."""
