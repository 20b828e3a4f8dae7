"""What every call cost, whose it was, and what went wrong: records, questions to them, metrics."""
