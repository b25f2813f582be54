"""The review's half that speaks HTTP: endpoints, who may ask, the page's files."""
