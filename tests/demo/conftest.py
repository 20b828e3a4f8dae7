"""litellm fetches its price list from the network while it is imported, unless told not to."""

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
