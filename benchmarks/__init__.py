"""How fast the stack is on LiteLLM's models, against what users would run instead: ``make bench``."""
