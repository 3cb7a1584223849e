"""The JSON and YAML of API objects: `codec` is what others use, `json` and `yaml` read and write plain values."""
