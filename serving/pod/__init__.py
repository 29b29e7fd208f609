"""What runs in a pod of another cluster: fetches the model, serves it, tells Signoff what was answered."""
