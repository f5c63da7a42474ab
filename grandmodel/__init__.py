"""GrandModel: teams of trading agents, trained, judged and served."""

from grandmodel.core.kernels import keep_kernels_apart

__version__ = "0.1.0"

keep_kernels_apart()
