"""The parts of the system that run on the engine as actors."""
