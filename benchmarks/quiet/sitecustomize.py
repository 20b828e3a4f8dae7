"""Every server that is compared logs the same: no line per request. Python imports this where it starts, for its folder
is on PYTHONPATH."""

import logging

logging.getLogger("uvicorn.access").addFilter(lambda record: record.levelno > logging.INFO)
