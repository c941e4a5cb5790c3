"""Pure core: frozen values and functions on numpy and the standard library."""
