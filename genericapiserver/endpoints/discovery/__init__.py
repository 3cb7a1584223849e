"""Discovery: which groups, versions and resources there are (pkg/endpoints/discovery).

    /apis            groups       every group with its versions; when asked for, everything at once (aggregated)
    /apis/{group}    groups       one group
    /apis/{g}/{v}    version      the resources of one version
    /api             legacy       the versions of the group without a name

Documents are made when something changes and encoded once per representation.
"""
