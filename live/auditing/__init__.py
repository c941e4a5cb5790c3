"""What a finished session proves of itself: criteria judged on its journal, without the engine."""
