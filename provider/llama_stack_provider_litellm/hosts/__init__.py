"""How a host is served: one subpackage per generation of the host's inference protocol."""
