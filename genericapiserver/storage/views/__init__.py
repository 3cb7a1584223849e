"""Views: engines that lie over each other, each with its own writes only, copied when they are written.

`ViewEngine` is one of them, `ViewFamily` what those over one base share: revisions, time, compaction. `CurrentEngine` is
whichever view the running task works on.
"""

from genericapiserver.storage.views.current import CurrentEngine
from genericapiserver.storage.views.engine import ChangedBelowError, ViewEngine
from genericapiserver.storage.views.family import ViewFamily

__all__ = ["ChangedBelowError", "CurrentEngine", "ViewEngine", "ViewFamily"]
