"""What ``llama-stack-litellm doctor`` looks at, a module for each subject.

None of them imports the host, and litellm only where a check cannot do without it: what is broken has to be told by
something that is not.
"""
