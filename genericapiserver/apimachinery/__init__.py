"""The nouns of the API: what an object, its type, its version and its errors are.

Lives here: group/version/kind names (`schema`), the declaration of API types (`types`), the meta/v1 types (`meta`), the
`Scheme` that knows them by name (`scheme`), their JSON and YAML (`serializer`), selectors, validation, patches, and the
`StatusError` tree (`errors`). Not here: HTTP, storage, users, the types of single API groups (apis).
May import nothing but the standard library, attrs, msgspec, PyYAML and the rooms of row 0.
"""
