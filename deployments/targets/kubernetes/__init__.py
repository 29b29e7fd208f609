"""Model servers in a Kubernetes cluster. Nothing here loads the cluster's client before it is used."""
