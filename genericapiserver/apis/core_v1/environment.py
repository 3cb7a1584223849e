"""The environment variables of containers, and where they come from.

Source: k8s.io/api/core/v1/types.go.
"""

from genericapiserver.apimachinery.types import api_type, field
from genericapiserver.apis.core_v1.volumes import ObjectFieldSelector, ResourceFieldSelector

MODEL_PACKAGE = "io.k8s.api.core.v1"


@api_type(map_type="atomic")
class ConfigMapKeySelector:
    """ConfigMapKeySelector picks a key of a ConfigMap."""

    name: str = field(default="", inlined=1, doc="The name of the object.")
    key: str = field(doc="The key.")
    optional: bool | None = field(default=None, doc="Whether it may be missing.")


@api_type(map_type="atomic")
class SecretKeySelector:
    """SecretKeySelector picks a key of a Secret."""

    name: str = field(default="", inlined=1, doc="The name of the object.")
    key: str = field(doc="The key.")
    optional: bool | None = field(default=None, doc="Whether it may be missing.")


@api_type(map_type="atomic")
class FileKeySelector:
    """FileKeySelector picks a key of an environment file in a volume."""

    volume_name: str = field(doc="The volume with the file.")
    path: str = field(doc="The path of the file in the volume.")
    key: str = field(doc="The key.")
    optional: bool | None = field(default=None, doc="Whether it may be missing.")


@api_type
class EnvVarSource:
    """EnvVarSource is where the value of an environment variable comes from; one of its fields is set."""

    field_ref: ObjectFieldSelector | None = field(default=None, doc="A field of the pod.")
    resource_field_ref: ResourceFieldSelector | None = field(default=None, doc="A request or limit of the container.")
    config_map_key_ref: ConfigMapKeySelector | None = field(default=None, doc="A key of a ConfigMap.")
    secret_key_ref: SecretKeySelector | None = field(default=None, doc="A key of a Secret.")
    file_key_ref: FileKeySelector | None = field(default=None, doc="A key of an environment file.")


@api_type
class EnvVar:
    """EnvVar is an environment variable of a container."""

    name: str = field(doc="The name of the variable.")
    value: str = field(default="", doc="Its value; $(NAME) stands for a variable that was set before.")
    value_from: EnvVarSource | None = field(default=None, doc="Where the value comes from instead.")


@api_type
class ConfigMapEnvSource:
    """ConfigMapEnvSource takes environment variables from a ConfigMap."""

    name: str = field(default="", inlined=1, doc="The name of the object.")
    optional: bool | None = field(default=None, doc="Whether it may be missing.")


@api_type
class SecretEnvSource:
    """SecretEnvSource takes environment variables from a Secret."""

    name: str = field(default="", inlined=1, doc="The name of the object.")
    optional: bool | None = field(default=None, doc="Whether it may be missing.")


@api_type
class EnvFromSource:
    """EnvFromSource takes many environment variables from one object."""

    prefix: str = field(default="", doc="What is put before each name.")
    config_map_ref: ConfigMapEnvSource | None = field(default=None, doc="The ConfigMap to take them from.")
    secret_ref: SecretEnvSource | None = field(default=None, doc="The Secret to take them from.")
