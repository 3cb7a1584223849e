"""Clients: kubeconfig files, an HTTP client to another API server, a client to this very process, and informers.

Here: what TokenReview and SubjectAccessReview are asked through, and what watches objects for admission plugins and
controllers. Not here: anything that serves. May import rows 0 to 2.
"""

from genericapiserver.client.kubeconfig import ClientConfig, KubeconfigError, load_kubeconfig
from genericapiserver.client.rest import RESTClient

__all__ = ["ClientConfig", "KubeconfigError", "RESTClient", "load_kubeconfig"]
