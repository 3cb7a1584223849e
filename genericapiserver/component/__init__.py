"""What a component of a cluster knows about itself: its versions, its feature gates, and their flags' grammar.

Here: component-base's compatibility and featuregate packages. Not here: argparse (options), HTTP.
May import apimachinery.
"""

from genericapiserver.component.feature_gate import FeatureGate, FeatureGateError, FeatureSpec, Stage
from genericapiserver.component.globals import ComponentGlobalsRegistry
from genericapiserver.component.version import BuildInfo, EffectiveVersion, Version, VersionError

__all__ = [
    "BuildInfo",
    "ComponentGlobalsRegistry",
    "EffectiveVersion",
    "FeatureGate",
    "FeatureGateError",
    "FeatureSpec",
    "Stage",
    "Version",
    "VersionError",
]
