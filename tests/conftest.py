"""What every test process needs before anything else is imported."""

from __future__ import annotations

import os

# Without it litellm asks the network for its price list while it is imported.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
