"""Where two runs part first and why, and what each cause is worth."""
