"""A server of language models on a loopback port: two protocols, scripted answers, bad manners."""
