"""`genericapiserver manifests`: what it takes to run a server behind a kube-apiserver, from one description.

    plan            the description, and what is wrong with it
    served          the groups and resources of a Python file
    workload        Deployment, Service, disruption budget, storage, network
    access          the service account, and what it and the users of the resources may do
    registration    APIServices and the certificates they trust
    layouts         the same documents as plain YAML, for Kustomize, as a Helm chart
    folder          writing them without taking anything away that is not theirs
    command         the flags

Every layout is made of the same documents, which are made once; a chart only has values where a plan has choices that
change with the installation.
"""
