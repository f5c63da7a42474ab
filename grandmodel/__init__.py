"""GrandModel: teams of trading agents, trained, judged and served."""

__version__ = "0.1.0"
