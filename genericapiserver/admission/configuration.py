"""The admission configuration file: what is written there for each plugin. Go: pkg/admission/config.go."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from genericapiserver.apimachinery import field
from genericapiserver.apimachinery.go import quote
from genericapiserver.apimachinery.scheme import Scheme, type_name
from genericapiserver.apimachinery.serializer.codec import YAML_MEDIA_TYPE, CodecFactory
from genericapiserver.apimachinery.serializer.errors import DecodeError, strict_decoding_text
from genericapiserver.apimachinery.serializer.json import encode_json
from genericapiserver.apis import admission_config_v1
from genericapiserver.apis.admission_config_v1 import AdmissionConfiguration, AdmissionPluginConfiguration


class ConfigurationError(ValueError):
    """A configuration file cannot be read, or says what is not understood; the text names the file or the field."""


def _codec() -> CodecFactory:
    scheme = Scheme("admission configuration")
    admission_config_v1.add_to_scheme(scheme)
    return CodecFactory(scheme)


_CODEC: Final = _codec()


def decode_strictly(data: bytes, *types: type[Any]) -> Any:
    """The one object in *data*, JSON or YAML, of one of *types*. Raises ConfigurationError, also for unknown fields."""
    try:
        decoded = _CODEC.decode(data, media_type=YAML_MEDIA_TYPE, strict=True)
    except DecodeError as error:
        raise ConfigurationError(str(error)) from error
    if decoded.strict_errors:
        raise ConfigurationError(strict_decoding_text(decoded.strict_errors))
    if not isinstance(decoded.object, types):
        raise ConfigurationError(f"unexpected type: *{type_name(type(decoded.object))}")
    return decoded.object


def _validate(plugins: Sequence[AdmissionPluginConfiguration], known: Collection[str] | None) -> None:
    errors, seen = [], set()
    for index, plugin in enumerate(plugins):
        path = field.Path("plugins").index(index).child("name")
        if not plugin.name:
            errors.append(field.required(path))
        elif plugin.name in seen:
            errors.append(field.duplicate(path, plugin.name))
        elif known is not None and plugin.name not in known:
            errors.append(field.not_supported(path, plugin.name, tuple(known)))
        seen.add(plugin.name)
    if errors:
        raise ConfigurationError(field.aggregate(errors))


@attrs.frozen
class PluginConfigurations:
    """What a file says of each plugin; without a file nothing."""

    plugins: tuple[AdmissionPluginConfiguration, ...] = ()
    folder: Path = attrs.field(factory=Path)
    """What relative paths are relative to."""
    file: str = ""
    """Where they were read, "" for nowhere."""

    @classmethod
    def read(cls, file: str, known: Collection[str] | None = None) -> "PluginConfigurations":
        """What *file* says. Raises ConfigurationError, which names the file.

        Only the plugins in *known* may be named there, each once; None stands for all names. The reference takes no notice
        of what is written for a plugin that it does not have, and so of misspelt names.
        """
        if not file:
            return cls()
        path = Path(file)
        try:
            data = path.read_bytes()
        except OSError as error:
            reason = f"open {file}: {(error.strerror or str(error)).lower()}"
            raise ConfigurationError(
                f"unable to read admission control configuration from {quote(file)} [{reason}]"
            ) from error
        try:
            configuration: AdmissionConfiguration = decode_strictly(data, AdmissionConfiguration)
            _validate(configuration.plugins, known)
        except ConfigurationError as error:
            raise ConfigurationError(f"{error}: from file {file}") from error
        return cls(tuple(configuration.plugins), path.absolute().parent, file)

    def source(self, name: str) -> str:
        """The file in which the configuration of the plugin called *name* stands, "" without one."""
        for plugin in self.plugins:
            if plugin.name == name and (plugin.configuration is not None or plugin.path):
                return self.file if plugin.configuration is not None else str(self.folder / plugin.path)
        return ""

    def for_plugin(self, name: str) -> bytes | None:
        """The configuration of the plugin called *name*, what stands in the file itself first; None without one.

        Raises ConfigurationError for a file of its own that cannot be read.
        """
        for plugin in self.plugins:
            if plugin.name != name:
                continue
            if plugin.configuration is not None:
                return encode_json(plugin.configuration)
            if not plugin.path:
                return None
            path = self.folder / plugin.path
            try:
                return path.read_bytes()
            except OSError as error:
                reason = f"open {path}: {(error.strerror or str(error)).lower()}"
                raise ConfigurationError(f"Couldn't open admission plugin configuration {path}: {reason}") from error
        return None
