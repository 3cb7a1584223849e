"""A profile in the form that `go tool pprof`, Grafana and speedscope read: gzipped profile.proto.

The schema is proto/profile.proto of https://github.com/google/pprof, of which some twenty fields are used here; that is too
little to carry a protobuf runtime for.
"""

import gzip
from collections.abc import Iterable
from typing import Final

from genericapiserver.apimachinery.wire import BYTES, VARINT, sized, tag, varint
from genericapiserver.debugging.profile import Frame, Profile, ValueType

MEDIA_TYPE: Final = b"application/octet-stream"

# Numbers of the fields of message Profile.
_SAMPLE_TYPE, _SAMPLE, _LOCATION, _FUNCTION, _STRINGS = 1, 2, 4, 5, 6
_TIME, _DURATION, _PERIOD_TYPE, _PERIOD, _DEFAULT_TYPE = 9, 10, 11, 12, 14


def encode(profile: Profile) -> bytes:
    """The gzipped protobuf message."""
    return gzip.compress(_Writer(profile).message(), compresslevel=6, mtime=0)


class _Writer:
    """Writes one profile. Strings, functions and locations are written once and then meant by their number."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._strings: dict[str, int] = {"": 0}
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[Frame, int] = {}
        self._tables: list[bytes] = []

    def message(self) -> bytes:
        profile = self._profile
        fields = [_field(_SAMPLE_TYPE, self._value_type(value)) for value in profile.value_types]
        for sample in profile.samples:
            labels = b"".join(
                _field(3, _number(1, self._string(key)) + _number(2, self._string(text)))
                for key, text in sample.labels.items()
            )
            locations = _packed(self._location(frame) for frame in sample.stack)
            fields.append(_field(_SAMPLE, _field(1, locations) + _field(2, _packed(sample.values)) + labels))
        fields.append(_number(_TIME, profile.started) + _number(_DURATION, profile.duration))
        if profile.period_type is not None:
            fields.append(_field(_PERIOD_TYPE, self._value_type(profile.period_type)))
            fields.append(_number(_PERIOD, profile.period))
        fields.append(_number(_DEFAULT_TYPE, self._string(profile.default_type)))
        fields += self._tables
        fields += [_field(_STRINGS, text.encode("utf-8", "replace")) for text in self._strings]
        return b"".join(fields)

    def _value_type(self, value: ValueType) -> bytes:
        return _number(1, self._string(value.type)) + _number(2, self._string(value.unit))

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))

    def _location(self, frame: Frame) -> int:
        number = self._locations.get(frame)
        if number is None:
            number = self._locations[frame] = len(self._locations) + 1
            line = _number(1, self._function(frame)) + _number(2, frame.line)
            self._tables.append(_field(_LOCATION, _number(1, number) + _field(4, line)))
        return number

    def _function(self, frame: Frame) -> int:
        key = (frame.function, frame.file)
        number = self._functions.get(key)
        if number is None:
            number = self._functions[key] = len(self._functions) + 1
            name = self._string(frame.function)
            fields = _number(1, number) + _number(2, name) + _number(3, name) + _number(4, self._string(frame.file))
            self._tables.append(_field(_FUNCTION, fields))
        return number


def _number(field: int, value: int) -> bytes:
    return tag(field, VARINT) + varint(value) if value else b""


def _field(field: int, data: bytes) -> bytes:
    return tag(field, BYTES) + sized(data)


def _packed(values: Iterable[int]) -> bytes:
    return b"".join(map(varint, values))
